"""A result with a changed value is refused; what nobody changed, or only added to, is not."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.reporting.folders import find_folders
from irnn.reporting.load import load_runs
from irnn.reporting.sweeps import read_sweep
from irnn.runs.directory import RunDirectory
from irnn.runs.schemas import DamagedError
from irnn.spec.config import Config, ConfigError
from irnn.sweeps import record
from tests.runs.test_schemas import RESULT


@pytest.fixture
def folder(tmp_path: Path, small: Callable[..., Config]) -> RunDirectory:
    directory = RunDirectory(tmp_path / RESULT["run_id"])
    directory.path.mkdir()
    directory.finish({**RESULT, "test_mse": float("nan"), "seconds": 1e-7})
    return directory


def test_no_changed_byte_of_a_result_gives_another_result(folder: RunDirectory) -> None:
    written, good = folder.read_result(), folder.result.read_bytes()
    draw = random.Random(0)
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 1 << draw.randrange(8)
        folder.result.write_bytes(changed)
        try:
            read = folder.read_result()
        except DamagedError:
            continue
        assert read is not None
        assert {key: read[key] for key in RESULT} == {key: written[key] for key in RESULT}  # type: ignore[index]


def test_a_report_skips_a_result_with_a_changed_value(folder: RunDirectory) -> None:
    text = folder.result.read_text()
    assert load_runs(find_folders([str(folder.path)])).skipped == ()
    folder.result.write_text(text.replace('"steps": 40', '"steps": 41'))
    (skipped,) = load_runs(find_folders([str(folder.path)])).skipped
    assert "changed since it was written" in skipped.reason


def test_keys_that_are_added_and_other_spaces_are_no_damage(folder: RunDirectory) -> None:
    content = json.loads(folder.result.read_text())
    folder.result.write_text(json.dumps({**content, "note": "good"}))
    del content["digest"]  # of the file, which is read with it
    assert folder.read_result() == {**content, "note": "good"}


def test_an_older_result_without_a_digest_is_read(folder: RunDirectory) -> None:
    folder.result.write_text(json.dumps(RESULT))
    assert folder.read_result() == RESULT


def test_no_changed_byte_of_a_sweeps_record_gives_another_record(tmp_path: Path) -> None:
    record.add(
        tmp_path, "mine", ["irnn-train", "-m"], [("run-a", ["seed=1"]), ("run-b", ["seed=2"])]
    )
    file, written = tmp_path / "sweep.json", record.read(tmp_path)
    good = file.read_bytes()
    draw = random.Random(0)
    for place in range(len(good)):
        changed = bytearray(good)
        changed[place] ^= 1 << draw.randrange(8)
        file.write_bytes(changed)
        try:
            read = record.read(tmp_path)
        except ConfigError:
            with pytest.raises(ValueError, match=f"{file} is damaged"):
                read_sweep([file])
            continue
        assert written is not None
        assert read is not None
        assert read["jobs"] == written["jobs"]
        assert read_sweep([file]).jobs[1].overrides == ("seed=2",)


def test_a_record_of_a_sweep_without_a_digest_is_read(tmp_path: Path) -> None:
    record.add(tmp_path, "mine", [], [("run-a", ["seed=1"])])
    content = json.loads((tmp_path / "sweep.json").read_text())
    del content["digest"]
    (tmp_path / "sweep.json").write_text(json.dumps(content))
    assert record.read(tmp_path) == content
    record.add(tmp_path, "mine", [], [("run-b", ["seed=2"])])
    assert "digest" in json.loads((tmp_path / "sweep.json").read_text())
