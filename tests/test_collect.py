"""Runs from anywhere can be collected into a record."""

import json
from pathlib import Path
from typing import Any

import pytest

from irnn import train
from irnn.runs import provenance
from tests.conftest import SMALL
from tests.record_scripts import script


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


def test_a_run_that_has_not_measured_anything_yet_is_collected(folder: Path) -> None:
    (folder / "result.json").unlink()
    (folder / "metrics.jsonl").write_text("")
    row: dict[str, Any] = script("collect").row(folder)
    assert (row["status"], row["steps"], row["test_mse"]) == ("unfinished", 0, None)
