"""`irnn-predict` as it is typed: what it says of lengths never trained on, and what it never overwrites."""

import csv
import os
import re
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from irnn.prediction.answers import Answers
from irnn.tasks.adding import Adding

HEADER = "sequence,value,mask\n"


def test_a_length_beyond_training_says_how_far_and_how_wrong(ask: Any) -> None:
    status, shown, _ = ask("--seq-len", 60)
    assert status == 0
    note = re.search(
        r"10 of them are longer than the 12 steps of training, up to 60 or 5 times: "
        r"MSE ([\d.e+-]+), against ([\d.e+-]+) up to 12 steps",
        shown,
    )
    assert note is not None
    assert float(note[1]) == pytest.approx(float(re.search(r"MSE ([\d.]+) ", shown)[1]), rel=1e-3)
    assert ask("--seq-len", 12)[1].count("longer than") == 0
    beside = re.search(r"MSE ([\d.]+) ", ask()[1])
    assert float(note[2]) == pytest.approx(float(beside[1]), rel=1e-3)


def test_long_sequences_of_a_file_are_told_from_the_others(ask: Any, tmp_path: Path) -> None:
    rows = [f"long,0.5,{int(n < 2)}\n" for n in range(24)] + [
        f"b,0.5,{int(n < 2)}\n" for n in range(12)
    ]
    (tmp_path / "x.csv").write_text(HEADER + "".join(rows))
    shown = ask("--input", "x.csv")[1]
    assert re.search(r"1 of them are longer .* 24 or 2 times: MSE \S+, against \S+ up to 12", shown)


def test_values_never_trained_on_are_told(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(HEADER + "a,-0.5,1\na,0.5,1\nb,0.5,1\nb,0.5,1\n")
    assert "1 of them have values outside 0 to 1" in ask("--input", "x.csv")[1]


def test_a_value_that_the_network_cannot_hold_is_refused(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(HEADER + "a,1e39,1\n")
    status, _, errors = ask("--input", "x.csv", "--output", "y.csv")
    assert status == 2
    assert "x.csv, row 2, column value: 1e39 is too large for the network (3.4e+38)" in errors
    assert not (tmp_path / "y.csv").exists()


def test_an_answer_that_is_no_number_is_refused(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("irnn.predict.outputs", lambda _, some: some[0, :, 0] * float("nan"))
    status, _, errors = ask("--output", "y.csv")
    assert status == 2
    assert "sequence 0 of 12 steps: the network overflows, its answer is no number" in errors
    assert not (tmp_path / "y.csv").exists()


@pytest.mark.parametrize(
    "name", ["metrics.jsonl", "result.json", "checkpoints/best.pt", "config.yaml"]
)
def test_files_of_a_run_are_never_overwritten(ask: Any, trained: Path, name: str) -> None:
    before = (trained / name).read_bytes()
    status, _, errors = ask("--output", trained / name)
    assert status == 2
    assert "there is another file, which is left as it is" in errors
    assert (trained / name).read_bytes() == before


def test_what_would_pass_for_a_file_of_a_run_is_not_made(ask: Any, trained: Path) -> None:
    for name in ("result.part", "checkpoints/other.pt"):
        assert ask("--output", trained / name)[0] == 2
        assert not (trained / name).exists()


def test_the_input_is_never_overwritten(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(HEADER + "a,0.5,1\n")
    assert ask("--input", "x.csv", "--output", "x.csv")[0] == 2
    assert (tmp_path / "x.csv").read_text() == HEADER + "a,0.5,1\n"


def test_older_answers_are_replaced_whole_or_not_at_all(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask("--samples", 3, "--output", "y.csv")[0] == 0
    before = (tmp_path / "y.csv").read_bytes()
    assert before.count(b"\n") == 4

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("irnn.system.atomic.make_durable", full)
    status, _, errors = ask("--samples", 5, "--output", "y.csv")
    assert (status, errors) == (2, "irnn-predict: --output y.csv: No space left on device\n")
    assert (tmp_path / "y.csv").read_bytes() == before
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["y.csv"]


def test_answers_can_go_to_a_device_and_through_a_link(ask: Any, tmp_path: Path) -> None:
    assert ask("--output", "/dev/null")[0] == 0
    status, _, errors = ask("--output", "/dev/full")
    assert (status, errors) == (2, "irnn-predict: --output /dev/full: No space left on device\n")
    assert Path("/dev/full").is_char_device()
    (tmp_path / "link.csv").symlink_to("there.csv")
    assert ask("--output", "link.csv")[0] == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "there.csv").is_file()


def test_names_that_begin_like_formulas_are_neutralized(ask: Any, tmp_path: Path) -> None:
    names = ["=1+1", "+1", "-1", "@x", "a"]
    (tmp_path / "x.csv").write_text(HEADER + "".join(f"{name},0.5,1\n" * 2 for name in names))
    ask("--input", "x.csv", "--output", "y.csv")
    with (tmp_path / "y.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["sequence"] for row in rows] == ["'=1+1", "'+1", "'-1", "'@x", "a"]
    assert any(row["error"].startswith("-") for row in rows) or all(float(r["error"]) for r in rows)


def test_many_sequences_are_answered_with_a_word_now_and_then(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("irnn.prediction.drawn.CHUNK_STEPS", 24)
    assert ask("--samples", 5)[2] == ""
    monkeypatch.setattr("irnn.prediction.drawn._TELL_SECONDS", 0.0)
    monkeypatch.setattr("irnn.prediction.drawn.time", SimpleNamespace(monotonic=count().__next__))
    said = ask("--samples", 5)[2].splitlines()
    assert re.fullmatch(r"irnn-predict: 2 of 5 sequences answered, 0:\d\d:\d\d left", said[0])
    assert len(said) == 2, "the last ones are answered by the table"


def test_only_rows_that_are_shown_or_written_are_laid_out(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid_out, described = list[str](), list[int]()
    row, describe = Answers.row, Adding.describe

    def counted(some: Answers, place: int) -> Any:
        laid_out.append(some.names[place])
        return row(some, place)

    def counted_cells(task: Adding, inputs: Any, drawn: Any) -> Any:
        described.append(inputs.shape[1])
        return describe(task, inputs, drawn)

    monkeypatch.setattr(Answers, "row", counted)
    monkeypatch.setattr(Adding, "describe", counted_cells)
    monkeypatch.setattr("irnn.prediction.drawn.CHUNK_STEPS", 120)
    assert "and 80 more" in ask("--samples", 100)[1]
    assert (laid_out, described) == ([str(n) for n in range(20)], [10, 10])
    described.clear()
    ask("--samples", 100, "--output", "y.csv")
    assert described == [10] * 10


def test_sequences_of_a_file_are_answered_alike_however_few_go_through_at_once(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{n},0.{n},{int(k in (n, 9))}\n" for n in range(1, 9) for k in range(10 + n % 3)]
    (tmp_path / "x.csv").write_text(HEADER + "".join(rows))
    ask("--input", "x.csv", "--output", "whole.csv")
    monkeypatch.setattr("irnn.prediction.sequence_files.CHUNK_STEPS", 24)
    ask("--input", "x.csv", "--output", "parts.csv")
    names = [line.split(",")[0] for line in (tmp_path / "whole.csv").read_text().splitlines()]
    assert names == ["sequence", *"12345678"]
    assert (tmp_path / "whole.csv").read_text() == (tmp_path / "parts.csv").read_text()


def test_openmp_does_not_pin_predictions_to_one_core(
    ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_PROC_BIND", "close")
    ask()
    assert "OMP_PROC_BIND" not in os.environ


def test_sequences_are_the_same_however_many_are_drawn_at_once(
    ask: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("--samples", 7, "--output", "whole.csv")
    monkeypatch.setattr("irnn.prediction.drawn.CHUNK_STEPS", 24)
    ask("--samples", 7, "--output", "parts.csv")
    assert (tmp_path / "whole.csv").read_text() == (tmp_path / "parts.csv").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--samples", "1", "--seq-len", "200000000"],
            "needs 6.4 GB for its hidden states; at most 134,217,728 steps",
        ),
        (["--seed", "-1"], "--seed -1: must be between"),
        (
            ["--samples", "30000000"],
            "at most 268,435,456 steps in all, which are --samples 22369621",
        ),
        (["--input", "~nosuch/x.csv"], "no home folder is known for ~nosuch"),
        (["--input", "x" * 300], "File name too long"),
        (["--output", "x" * 300], "File name too long"),
        (["--output", "."], "is a folder"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(
    ask: Any, arguments: list[str], message: str
) -> None:
    status, _, errors = ask(*arguments)
    assert status == 2
    assert message in errors
    assert errors.count("\n") == 1


def test_the_answers_of_drawn_sequences_are_not_those_of_training(ask: Any) -> None:
    first, second = (
        re.findall(r"^ +0 .*", ask("--seed", seed)[1], re.MULTILINE) for seed in (0, 1)
    )
    assert first != second
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["seq_len=30"], "unrecognized arguments: seq_len=30; did you mean --seq-len=30?"),
        (["task.seq_len=30"], "did you mean --seq-len=30?"),
        (["seed=3"], "did you mean --seed=3?"),
        (["--seq_len", "30"], "did you mean --seq-len?"),
        (["other_run"], "unrecognized arguments: other_run; see --help"),
        (["--samples", "1e3"], "argument --samples: 1e3 is no whole number, as 10 is"),
        (["--seq-len", "٣٠"], "argument --seq-len: ٣٠ is no whole number"),
    ],
)
def test_a_word_as_irnn_train_has_it_is_answered_with_the_option(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    from irnn.prediction.command import parse

    with pytest.raises(SystemExit):
        parse(["run", *words])
    assert said in capsys.readouterr().err
