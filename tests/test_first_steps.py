"""A command that cannot go on says what to type next, and so does the first run of a folder."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from irnn import predict, report
from irnn.train import main
from tests.conftest import SMALL

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IRNN_RUNS", raising=False)
    yield
    assert not (tmp_path / "report").exists()


def make_runs(*names: str) -> None:
    for name in names:
        Path("runs", name).mkdir(parents=True)
        Path("runs", name, "config.yaml").touch()


def test_predict_without_a_run_says_how_to_train_one(capsys: Capture) -> None:
    assert predict.main([]) == 2
    said = capsys.readouterr().err
    assert said.startswith(
        "irnn-predict: which run? Give a run folder or a run id: runs has none yet"
    )
    assert "irnn-train trains one" in said


def test_predict_names_the_runs_that_there_are(capsys: Capture) -> None:
    make_runs(*(f"irnn-t{number}" for number in range(7)))
    assert predict.main([]) == 2
    assert "runs has irnn-t" in (said := capsys.readouterr().err)
    assert said.endswith(" and 2 more\n")


@pytest.mark.parametrize("typed", ["irnn-adam-t150-s0", "irnn-adam-t150-s0-1f2e3d4d"])
def test_a_run_id_with_a_slip_is_answered_with_the_one_that_is_meant(
    typed: str, capsys: Capture
) -> None:
    make_runs("irnn-adam-t150-s0-1f2e3d4c", "other", "lstm-sgd")
    assert predict.main([typed]) == 2
    assert "runs has irnn-adam-t150-s0-1f2e3d4c and 2 more" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--out", "report"]])
def test_a_report_on_nothing_says_how_to_train_a_run(words: list[str], capsys: Capture) -> None:
    assert report.main(words) == 2
    assert "irnn-report: there is no folder runs yet: irnn-train trains" in capsys.readouterr().err
    Path("runs").mkdir()
    assert report.main(words) == 2
    assert "train one with python -m irnn.train" in capsys.readouterr().err


def test_the_first_run_of_a_folder_ends_with_commands_that_can_be_typed(capsys: Capture) -> None:
    words = [*SMALL, "seed=4", "tracker.notes='a b'"]
    assert main(words) == 0
    _, _, after = capsys.readouterr().out.partition("next: ")
    first, sweep, last = (shlex.split(line) for line in after.splitlines())
    assert first[:1] + sweep[:2] + last == [
        *("irnn-predict", "irnn-train", "-m"),
        *("irnn-report", "--out", "report"),
    ]
    assert predict.main(first[1:]) == 0
    assert sweep[2:] == [*SMALL, "tracker.notes='a b'", "seed=0,1,2,3,4"]
    capsys.readouterr()
    assert main([*SMALL, "seed=5"]) == 0
    assert "next: " not in capsys.readouterr().out


def test_the_first_run_of_another_folder_is_named_by_its_path(capsys: Capture) -> None:
    assert main([*SMALL, "runs_dir='my runs'"]) == 0
    _, _, after = capsys.readouterr().out.partition("next: ")
    first, _, last = (shlex.split(line) for line in after.splitlines())
    assert predict.main(first[1:]) == 0
    assert last == ["irnn-report", "my runs", "--out", "report"]
