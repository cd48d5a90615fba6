"""Predictions know no task: a plug-in's is shown, asked by a file and explained as it declares itself."""

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from irnn.predict import main
from irnn.runs.directory import RunDirectory
from irnn.spec.composition import compose_config
from irnn.tasks.adding import Adding
from irnn.tasks.input_file import InputFile
from irnn.tasks.temporal_order import TemporalOrder
from irnn.testing.sequences import check_predictions
from irnn.training.session import run
from tests.conftest import SMALL
from tests.forgetting import registrations_forgotten
from tests.test_extending_page import FILES

Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the marked task of docs/extending.md and a run of it, in `run`."""
    place = tmp_path_factory.mktemp("declared")
    (place / "larger.py").write_text(FILES["my_lab/larger.py"])
    with registrations_forgotten():
        words = [f"plugins={place}/larger.py", "task=larger", *SMALL, "budget.updates=5"]
        config = compose_config([*words, f"runs_dir={place}/runs"])
        run(config)
    RunDirectory.of(config).path.rename(place / "run")
    return place


@pytest.fixture
def ask(place: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.chdir(tmp_path)

    def run_it(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        with registrations_forgotten():
            status = main(
                [str(place / "run"), "--plugins", str(place / "larger.py"), *map(str, words)]
            )
        return status, *capsys.readouterr()

    return run_it


def test_a_plug_ins_marked_numbers_and_right_answers_are_shown(ask: Ask) -> None:
    status, shown, _ = ask("--samples", 4)
    assert status == 0
    assert re.search(
        r"^sequence  steps +first marked +second marked +larger +predicted +error$", shown, re.M
    )
    rows = re.findall(r"^ +\d +12 +([\d.]+) @ (\d+) +([\d.]+) @ (\d+) +([\d.]+) ", shown, re.M)
    assert len(rows) == 4
    for first, at, second, other, larger in rows:
        assert int(at) < int(other)
        assert float(larger) == max(float(first), float(second))
    assert "4 sequences: MSE" in shown
    assert "(answering 2/3 scores 0.0556), worst error" in shown


def test_sequences_of_a_file_are_scored_by_a_plug_ins_right_answers(
    ask: Ask, tmp_path: Path
) -> None:
    (tmp_path / "x.csv").write_text(FILES["questions.csv"])
    status, shown, errors = ask("--input", "x.csv", "--output", "y.csv")
    assert (status, errors) == (0, "")
    [row] = csv.DictReader((tmp_path / "y.csv").read_text().splitlines())
    told = ("first_step", "first_value", "second_step", "second_value", "marks", "larger")
    assert [float(row[name]) for name in told] == [0, 0.25, 2, 0.5, 2, 0.5]
    assert f"MSE {float(row['error']) ** 2:.6f}" in shown
    assert "note" not in shown


def test_what_a_plug_in_says_training_never_has_is_noted(ask: Ask, tmp_path: Path) -> None:
    array = np.zeros((3, 12, 2))
    array[:, [1, 5], 1] = 1
    array[1, 3] = (0.5, 1)
    array[2, 4, 0] = 7
    np.save(tmp_path / "x.npy", array)
    shown = ask("--input", "x.npy")[1]
    assert "note: 1 of them do not have exactly two marks" in shown
    assert "note: 1 of them have values outside 0 to 1" in shown


def test_help_lists_the_files_of_every_task_also_of_plug_ins(place: Path, capsys: Any) -> None:
    assert main(["--help"]) == 0
    ours = capsys.readouterr().out
    assert (
        "  adding, multiplication\n      sequence,value,mask as in a,0.25,1; or (N, T, 2)" in ours
    )
    assert "symbols A B c d e f" in ours
    assert "larger" not in ours
    with registrations_forgotten():
        assert main(["--plugins", str(place / "larger.py"), "--help"]) == 0
    text = capsys.readouterr().out
    assert "  adding, multiplication, larger\n      sequence,value,mask" in text


def test_marked_sequences_of_a_file_that_nobody_has_right_answers_to_are_answered(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a plug-in of an earlier irnn has them: it names its mark, and no right answers."""
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "larger.py"
    mine.write_text(FILES["my_lab/larger.py"].replace("targets_of", "_larger_of"))
    (tmp_path / "x.csv").write_text(FILES["questions.csv"])
    words = [place / "run", "--plugins", mine, "--changed-code", "--input", "x.csv"]
    with registrations_forgotten():
        status = main([*map(str, words), "--output", "y.csv"])
    assert status == 0
    [row] = csv.DictReader((tmp_path / "y.csv").read_text().splitlines())
    assert {*row} == {"sequence", "steps", "predicted"}


def test_help_takes_features_that_a_plug_in_gives_as_a_list(tmp_path: Path, capsys: Any) -> None:
    source = FILES["my_lab/larger.py"].replace('("value", "mask")', '["value", "mask"]')
    (tmp_path / "larger.py").write_text(source)
    with registrations_forgotten():
        assert main(["--plugins", str(tmp_path / "larger.py"), "--help"]) == 0
    assert "  larger\n      sequence,value,mask" in capsys.readouterr().out


class _Swapped(Adding):
    def targets_of(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs[..., 0].sum(dim=0)


class _Unnamed(TemporalOrder):
    described = ("symbols", "place")


class _OneFeature(Adding):
    input_file = InputFile(("value",))


class _Twice(Adding):
    answer_name = "steps"


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (_Swapped, "targets_of gives other right answers than encode"),
        (_Unnamed, "describe gives \\['symbols'\\], not described"),
        (_OneFeature, "input_file names 1 features of 2"),
        (_Twice, "a column is there twice"),
    ],
)
def test_a_task_that_declares_itself_wrongly_fails_its_check(task: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_predictions(task(seq_len=20))


def test_a_mark_that_is_no_feature_is_an_error() -> None:
    with pytest.raises(ValueError, match="marks='mask' is none of the features"):
        InputFile(("value",), marks="mask")
