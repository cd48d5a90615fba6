"""Runs from anywhere can be collected into a record."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from numpy.testing import assert_array_equal

from irnn import train
from irnn.runs import provenance
from tests.conftest import SMALL
from tests.record_scripts import RECORDS, script


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished run of an installed package."""
    monkeypatch.setattr(provenance, "git_state", lambda _: None)
    assert train.main([*SMALL, "budget.updates=20", f"runs_dir={tmp_path}/runs"]) == 0
    (found,) = (tmp_path / "runs").glob("irnn-*")
    return found


def test_a_run_of_an_installed_wheel_is_collected_and_paged(folder: Path) -> None:
    assert json.loads((folder / "provenance.json").read_text())["git"] is None
    row = script("collect").row(folder)
    assert row["commit"] is None
    assert row["steps"] == 20
    version = row["versions"]["irnn"]
    assert script("pages").commit(row) == f"none (irnn {version})"


def test_the_folder_of_a_new_record_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = folder.parent / "records" / "new" / "results.jsonl"
    monkeypatch.setattr("sys.argv", ["collect.py", str(folder.parent), "--into", str(record)])
    script("collect").main()
    assert json.loads(record.read_text())["run_id"] == folder.name


def test_records_tell_no_place_of_a_machine() -> None:
    for path in RECORDS.glob("*/results.jsonl"):
        for line in path.read_text().splitlines():
            run = json.loads(line)
            task = run["config"].get("task", {})
            assert not Path(task.get("root") or "").is_absolute(), path
            assert not re.search(r"[=\[,'\"]/", run["command"] + run.get("process", "")), path


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("plugins=[/home/me/lab,/opt/other_lab]", "plugins=[lab,other_lab]"),
        ("'plugins=[/home/me/lab]'", "'plugins=[lab]'"),
        ("plugins=lab/mine", "plugins=lab/mine"),
        ("plugins=[/home/me/irnn/docs/records/turns]", "plugins=[docs/records/turns]"),
    ],
)
def test_a_record_names_plug_ins_and_not_where_they_lie(typed: str, kept: str) -> None:
    command = f"python -m irnn.train {typed} runs_dir=/tmp/runs seed=1"
    assert script("collect").clean(command) == f"python -m irnn.train {kept} seed=1"


def test_a_run_that_has_not_measured_anything_yet_is_collected(folder: Path) -> None:
    (folder / "result.json").unlink()
    (folder / "metrics.jsonl").write_text("")
    row: dict[str, Any] = script("collect").row(folder)
    assert (row["status"], row["steps"], row["test_mse"]) == ("unfinished", 0, None)


@pytest.mark.parametrize("finished", [True, False])
def test_a_record_of_a_classification_says_what_its_folder_says(
    tmp_path: Path, finished: bool
) -> None:
    from irnn.reporting.folders import find_folders
    from irnn.reporting.load import load_runs

    runs, record = tmp_path / "runs", tmp_path / "record"
    task = ("task=temporal_order", "task.seq_len=12", "budget.updates=20")
    assert train.main([*SMALL, *task, f"runs_dir={runs}"]) == 0
    (folder,) = runs.glob("temporal_order-*")
    if not finished:
        (folder / "result.json").unlink()
    record.mkdir()
    (record / "results.jsonl").write_text(json.dumps(script("collect").row(folder)))
    [there], [here] = (load_runs(find_folders([str(each)])).runs for each in (runs, record))
    assert here.scoring == there.scoring
    assert here.value == there.value
    assert here.best_value == there.best_value
    assert here.solved_at == there.solved_at
    for column in ("step", "value", "test_loss", "train_loss"):
        assert_array_equal(getattr(here.curve, column), getattr(there.curve, column))
