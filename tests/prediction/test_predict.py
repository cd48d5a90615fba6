import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from irnn.predict import main
from irnn.prediction.forward import outputs
from irnn.prediction.sequence_files import SequenceFileError, by_length, read_sequences
from irnn.prediction.trained import load_run
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.config import Config
from irnn.tasks.adding import Adding
from irnn.training.session import run

Small = Callable[..., Config]
HEADER = "sequence,value,mask\n"
KIND = Adding().input_file


@pytest.fixture
def trained(small: Small) -> Path:
    config = small("optim.lr=0.01")
    run(config)
    return RunDirectory.of(config).path


def test_predictions_are_those_of_the_best_checkpoint(trained: Path) -> None:
    from irnn.seeding import stream_key
    from irnn.tasks.data import HELD_OUT

    config, model = load_run(trained)
    task, everything = config.task, torch.arange(config.task.test_size)
    drawn = task.draw(stream_key(config.seed, HELD_OUT), everything)
    inputs, targets = task.encode(drawn, torch.float32)
    mse = (outputs(model, inputs) - targets).square().mean().item()
    best = min(record["test_mse"] for record in read_records(trained / "metrics.jsonl"))
    assert mse == pytest.approx(best, rel=1e-5)


def test_the_table_shows_marks_sum_prediction_and_error(trained: Path, capsys: Any) -> None:
    assert main([str(trained), "--samples", "4"]) == 0
    shown = capsys.readouterr().out
    rows = re.findall(
        r"^ +(\d+) +12 +([\d.]+) @ (\d+) +([\d.]+) @ (\d+) +([\d.]+) +([-\d.]+) +([-+\d.]+)$",
        shown,
        re.MULTILINE,
    )
    assert [row[0] for row in rows] == ["0", "1", "2", "3"]
    for _, first, at, second, other, total, predicted, error in rows:
        assert at != other
        assert float(first) + float(second) == pytest.approx(float(total), abs=2e-4)
        assert float(predicted) - float(total) == pytest.approx(float(error), abs=2e-4)
    assert "4 sequences: MSE" in shown


def test_other_lengths_than_trained_can_be_asked_for(trained: Path, capsys: Any) -> None:
    assert main([str(trained), "--samples", "2", "--seq-len", "30"]) == 0
    assert len(re.findall(r"^ +\d+ +30 ", capsys.readouterr().out, re.MULTILINE)) == 2


def test_csv_and_npy_of_the_same_sequences_get_the_same_answers(
    trained: Path, tmp_path: Path
) -> None:
    array = np.random.default_rng(0).random((3, 12, 2))
    array[..., 1] = 0
    array[:, 2, 1] = array[:, 9, 1] = 1
    np.save(tmp_path / "x.npy", array)
    lines = [f"{n},{v!r},{m:.0f}\n" for n, rows in enumerate(array.tolist()) for v, m in rows]
    (tmp_path / "x.csv").write_text(HEADER + "".join(lines))
    answers = []
    for ending in ("csv", "npy"):
        output = tmp_path / f"{ending}.out.csv"
        source = str(tmp_path / f"x.{ending}")
        assert main([str(trained), "--input", source, "--output", str(output)]) == 0
        with output.open() as stream:
            answers.append(list(csv.DictReader(stream)))
    assert answers[0] == answers[1]
    assert len(answers[0]) == 3
    assert float(answers[0][0]["sum"]) == pytest.approx(array[0, 2, 0] + array[0, 9, 0])


def test_sequences_of_several_lengths_are_answered_in_their_order(trained: Path) -> None:
    _, model = load_run(trained)
    some = [torch.rand(steps, 2) for steps in (5, 12, 5, 30)]
    answers = [0.0] * len(some)
    for block in by_length("abcd", some):
        for place, answer in zip(block.places, outputs(model, block.inputs).tolist(), strict=True):
            answers[place] = answer
    alone = [outputs(model, each[:, None]).item() for each in some]
    assert answers == pytest.approx(alone, rel=1e-5)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "row 1: no column sequence, value, mask"),
        ("sequence,value\n1,2\n", "row 1: no column mask"),
        (HEADER, "holds no sequence"),
        (HEADER + "a,0.5,1\na,oops,0\n", "row 3, column value: 'oops' is not a number"),
        (HEADER + "a,nan,1\n", "row 2, column value: nan is not finite"),
        (HEADER + "a,0.5,2\n", "row 2, column mask: 2 is neither 0 nor 1"),
        (HEADER + "a,0.5\n", "row 2: not 3 columns"),
        (HEADER + "a,0.5,1,7\n", "row 2: not 3 columns"),
    ],
)
def test_a_malformed_csv_is_refused_by_row_and_column(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content)
    with pytest.raises(SequenceFileError, match=re.escape(message)):
        read_sequences(path, KIND)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 5)), "it must be (N, T, 2)"),
        (np.zeros((2, 5, 3)), "it must be (N, T, 2)"),
        (np.zeros((0, 5, 2)), "holds no sequence"),
        (np.zeros((2, 0, 2)), "have no steps"),
        (np.full((2, 5, 2), np.nan), "row 0, step 0, column 0 (value): nan is not finite"),
        (np.full((2, 5, 2), 0.5), "row 0, step 0, column 1 (mask): 0.5 is neither 0 nor 1"),
        (np.array([["a"]]), "it must be (N, T, 2) numbers"),
    ],
)
def test_a_malformed_npy_is_refused_by_row_and_column(
    tmp_path: Path, array: Any, message: str
) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(SequenceFileError, match=re.escape(message)):
        read_sequences(tmp_path / "x.npy", KIND)


def test_pickled_and_broken_npy_files_are_refused_and_not_executed(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "y.npy").write_bytes(b"not an array")
    for name in ("x.npy", "y.npy"):
        with pytest.raises(SequenceFileError, match="not an NPY file of numbers"):
            read_sequences(tmp_path / name, KIND)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samples", "0"], "--samples 0"),
        (["--seq-len", "1"], "--seq-len 1"),
        (["--input", "missing.csv"], "no such file"),
        (["--input", "x.txt"], "no such file"),
        (["--input", "x.csv", "--samples", "3"], "leave --samples"),
        (["--output", "/no/such/folder/x.csv"], "--output /no/such/folder/x.csv"),
        (["--samples", "100000000"], "at most"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    trained: Path, capsys: Any, arguments: list[str], message: str
) -> None:
    assert main([str(trained), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_is_no_trained_run_is_refused(tmp_path: Path, capsys: Any) -> None:
    assert main([str(tmp_path)]) == 2
    assert "is not a run folder" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("{}")
    assert main([str(tmp_path)]) == 2
    assert "no checkpoint yet" in capsys.readouterr().err


def test_a_product_is_shown_as_a_product_also_of_a_file(
    small: Small, capsys: Any, tmp_path: Path
) -> None:
    config = small("task=multiplication", "task.seq_len=12", "budget.updates=10")
    run(config)
    folder = str(RunDirectory.of(config).path)
    capsys.readouterr()
    assert main([folder]) == 0
    shown = capsys.readouterr().out
    assert "product" in shown
    assert "(answering 1/4 scores 0.0486)" in shown
    steps = np.zeros((1, 12, 2))
    steps[0, [2, 7]] = [[0.5, 1], [0.25, 1]]
    np.save(tmp_path / "x.npy", steps)
    out = tmp_path / "answers.csv"
    assert main([folder, "--input", str(tmp_path / "x.npy"), "--output", str(out)]) == 0
    [row] = csv.DictReader(out.read_text().splitlines())
    assert float(row["product"]) == 0.125
