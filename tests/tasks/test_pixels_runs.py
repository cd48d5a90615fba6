"""Runs on images: what their folders record, and predictions from them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import irnn
from irnn.predict import main as predict
from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs
from irnn.reporting.provenance import census
from irnn.runs.directory import RunDirectory
from irnn.spec.config import Config, ConfigError
from irnn.spec.saved import load_config
from irnn.training.session import run
from tests.tasks.conftest import Pixels


@pytest.fixture
def trained(pixels: Pixels) -> RunDirectory:
    config = pixels("task.permutation=3", "budget.updates=40", "optim.lr=0.01")
    run(config)
    return RunDirectory.of(config)


def test_a_run_records_its_files_and_the_hash_of_its_permutation(
    trained: RunDirectory, root: Path
) -> None:
    (session,) = json.loads(trained.provenance.read_text())["sessions"]
    result = json.loads(trained.result.read_text())
    assert result["task"] == "pixels"
    assert result["metric"]["name"] == "accuracy"
    assert session["facts"]["permutation"].startswith("seed 3, SHA-256 b5736f")
    assert session["facts"]["files"].endswith(result["config"]["task"]["digest"])
    counted = census(load_runs(find_folders([str(trained.path)])).runs)
    assert str(root) not in str(counted)  # where files lie differs by machine, not in what was run
    assert "permutation seed 3" in trained.log.read_text()
    assert "ENDED with its budget" in trained.log.read_text()


def test_a_run_is_looked_at_without_its_files_and_predicts_with_them_elsewhere(
    trained: RunDirectory, root: Path, tmp_path: Path, capsys: Any
) -> None:
    folder, moved = str(trained.path), tmp_path / "moved"
    root.rename(moved)
    assert load_config(trained.config).task.root == str(root)
    assert predict([folder]) == 2
    assert f"task.root={root}: {root} is not a folder" in capsys.readouterr().err
    out = tmp_path / "out.csv"
    assert predict([folder, "--data", str(moved), "--samples", "40", "--output", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "40 sequences: accuracy 0." in shown
    assert "permutation seed 3, SHA-256" in shown
    rows = [line.split(",") for line in out.read_text().splitlines()]
    assert rows[0] == ["sequence", "steps", "image", "target", "predicted", "probability"]
    assert sorted(int(row[2]) for row in rows[1:]) == list(range(40))
    labels = (moved / "t10k-labels-idx1-ubyte").read_bytes()[8:]
    assert all(int(row[3]) == labels[int(row[2])] for row in rows[1:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--samples", "41"], "there are 40 held out"),
        (["--seq-len", "25"], "images of 4 x 4 pixels have 16 steps"),
        (["--data", "/nowhere"], "--data /nowhere: /nowhere is not a folder"),
    ],
)
def test_what_cannot_be_predicted_is_refused(
    trained: RunDirectory, words: list[str], said: str, capsys: Any
) -> None:
    assert predict([str(trained.path), *words]) == 2
    assert said in capsys.readouterr().err


def test_more_sequences_than_are_held_out_are_refused_in_python_too(pixels: Pixels) -> None:
    config = pixels()
    assert len(irnn.sequences(config, 40)[1]) == 40
    for stream in ("test", "predict"):
        with pytest.raises(ConfigError, match="count=41: there are 40 held out"):
            irnn.sequences(config, 41, stream=stream)


def test_a_task_without_files_has_no_place_for_them(
    small: Callable[..., Config], capsys: Any
) -> None:
    config = small()
    run(config)
    assert predict([str(RunDirectory.of(config).path), "--data", "x"]) == 2
    assert "--data x: task=adding reads no files" in capsys.readouterr().err
