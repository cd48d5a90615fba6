"""Every file of a folder that is read back is held to its schema, or refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest

from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.runs.schemas import DamagedError, Mirrored, Provenance, read_as
from irnn.spec.config import ConfigError
from irnn.sweeps import record

pytestmark = pytest.mark.timeout(20)  # a test that hangs here would be the fault itself
RESULT: dict[str, Any] = {
    "run_id": "irnn-identity-adam-t12-s0-0123456789",
    "schema": 1,
    "status": "solved",
    "seed": 0,
    "seq_len": 12,
    "model": "irnn",
    "steps": 40,
    "epochs": 3.3,
    "test_mse": 0.2,
    "best_test_mse": 0.1,
    "solved_at": {"0.1": 30, "0.05": None, "0.01": None, "0.001": None},
    "seconds": 0.1,
    "steps_per_second": 400.0,
    "restarts": 0,
    "divergences": [{"step": 3, "reason": "why", "action": "stop"}],
    "config": {"seed": 0},
}
MISSING = object()


def read_result(folder: Path, content: object) -> Any:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "result.json").write_text(text)
    return RunDirectory(folder).read_result()


def test_a_result_keeps_what_its_schema_does_not_name(tmp_path: Path) -> None:
    more = {**RESULT, "seconds_of_sleep": 3, "config": {"task": {"name": "adding"}}}
    assert read_result(tmp_path, more) == more


def test_a_run_without_a_result_has_none(tmp_path: Path) -> None:
    assert RunDirectory(tmp_path).read_result() is None
    assert RunDirectory(tmp_path / "nothing").read_result() is None


@pytest.mark.parametrize("key", RESULT)
def test_a_result_without_one_of_its_keys_is_damaged(tmp_path: Path, key: str) -> None:
    with pytest.raises(DamagedError, match=rf"result\.json is damaged .*{key}"):
        read_result(tmp_path, {name: RESULT[name] for name in RESULT if name != key})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("run_id", ""),
        ("run_id", 5),
        ("schema", "1"),
        ("schema", None),
        ("status", "bogus"),
        ("status", None),
        ("status", ["solved"]),
        ("seed", -1),
        ("seed", 2**63),
        ("seed", "0"),
        ("seed", 0.5),
        ("seq_len", None),
        ("model", 5),
        ("steps", "40"),
        ("steps", None),
        ("steps", 40.5),
        ("steps", -1),
        ("steps", 10**30),
        ("steps", True),
        ("epochs", None),
        ("epochs", -1),
        ("test_mse", "0.1"),
        ("test_mse", [0.1]),
        ("best_test_mse", {}),
        ("best_test_mse", True),
        ("solved_at", None),
        ("solved_at", []),
        ("solved_at", 5),
        ("solved_at", {"0.1": "30"}),
        ("solved_at", {"0.1": -1}),
        ("solved_at", {"low": 30}),
        ("seconds", None),
        ("seconds", "0.1"),
        ("seconds", -1),
        ("steps_per_second", "fast"),
        ("restarts", None),
        ("restarts", 1.5),
        ("divergences", None),
        ("divergences", {}),
        ("divergences", [5]),
        ("divergences", [{"step": 3}]),
        ("divergences", [{"step": "3", "reason": "r", "action": "a"}]),
        ("config", None),
        ("config", []),
    ],
    ids=repr,
)
def test_a_result_with_an_impossible_value_is_damaged(
    tmp_path: Path, key: str, value: object
) -> None:
    with pytest.raises(DamagedError, match=rf"result\.json is damaged .*{key}"):
        read_result(tmp_path, {**RESULT, key: value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "null",
        "[]",
        '{"half',
        "NaN",
        "[" * 100_000,
        '{"seconds": 1e999}',
        '{"seed": ' + "9" * 5000,
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_result_at_all_is_damaged(tmp_path: Path, text: str) -> None:
    with pytest.raises(DamagedError, match=r"result\.json"):
        read_result(tmp_path, text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_result_with_a_number_that_is_none_is_damaged(tmp_path: Path, number: str) -> None:
    text = json.dumps(RESULT).replace('"best_test_mse": 0.1', f'"best_test_mse": {number}')
    with pytest.raises(DamagedError, match="best_test_mse"):
        read_result(tmp_path, text)


def test_a_result_of_another_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(json.dumps(RESULT))
    assert RunDirectory(tmp_path, RESULT["run_id"]).read_result() == RESULT
    with pytest.raises(DamagedError, match=r"it is of run irnn-identity.*force=true"):
        RunDirectory(tmp_path, "irnn-identity-adam-t12-s1-0123456789").read_result()


@pytest.mark.parametrize(
    "content",
    [
        {"token": "0f3a21"},
        {"token": "0f3a21", "sessions": 5},
        {"token": "0f3a21", "sessions": [5]},
        {"token": None, "sessions": []},
        {"token": "../../elsewhere", "sessions": []},
        {"sessions": []},
    ],
    ids=repr,
)
def test_provenance_is_held_to_its_schema(tmp_path: Path, content: object) -> None:
    path = tmp_path / "provenance.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DamagedError, match=r"provenance\.json is damaged"):
        read_as(path, Provenance)


def test_text_that_is_no_unicode_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    path.write_text(json.dumps({"token": "0f", "sessions": [{"command": "runs_dir=r\udcff"}]}))
    content = read_as(path, Provenance)
    assert content is not None
    assert content["sessions"][0]["command"] == "runs_dir=r\udcff"


def test_what_the_tracker_passed_on_is_a_count(tmp_path: Path) -> None:
    path = tmp_path / "x.mirrored.json"
    for content in ({}, {"records": -1}, {"records": "3"}, {"records": None}):
        path.write_text(json.dumps(content))
        with pytest.raises(DamagedError):
            read_as(path, Mirrored)


@pytest.mark.parametrize(
    "line",
    [
        "5",
        "null",
        "[]",
        "{}",
        '{"step": "5"}',
        '{"step": null}',
        '{"step": 40.5}',
        '{"step": -1}',
        f'{{"step": {10**30}}}',
        '{"step": 1, "test_mse": "low"}',
        '{"step": 1, "event": 5}',
        '{"step": 1, "event": {"step": 1}}',
        '{"step": 1, "lr": NaN}',
        '{"step": 1, "x": "\ud800"}',
        "",
        "[" * 9000,
        "x" * 100_000,
    ],
    ids=lambda line: repr(line[:30]),
)
def test_a_line_that_is_no_record_is_damage_and_says_where(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 0}\n' + line.encode("utf-8", "surrogatepass") + b'\n{"step": 2}\n')
    with pytest.raises(DamagedError, match=r"metrics\.jsonl is damaged \(after record 1: "):
        read_records(path)


SWEEP: dict[str, Any] = {"schema": 1, "name": "s", "jobs": [{"run_id": "a", "overrides": ["x=1"]}]}


@pytest.mark.parametrize(
    "change",
    [
        {"jobs": 5},
        {"jobs": [5]},
        {"jobs": [{"run_id": "a"}]},
        {"jobs": [{"run_id": 5, "overrides": []}]},
        {"jobs": [{"run_id": "a", "overrides": [5]}]},
        {"schema": "1"},
        {"name": None},
        {"command": 5},
    ],
    ids=repr,
)
def test_a_sweep_is_held_to_its_schema(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "sweep.json").write_text(json.dumps({**SWEEP, **change}))
    with pytest.raises(DamagedError, match=r"sweep\.json is damaged .*remove it to record anew"):
        record.read(tmp_path)


def test_a_sweep_of_a_newer_irnn_is_not_rewritten_as_an_older_one(tmp_path: Path) -> None:
    newer = json.dumps({"schema": 2, "name": "s", "jobs": {"a": ["x=1"]}})
    (tmp_path / "sweep.json").write_text(newer)
    with pytest.raises(ConfigError, match=r"sweep\.json was written by a newer irnn .*sweep\.name"):
        record.add(tmp_path, "s", ["-m"], [("b", ["x=2"])])
    assert (tmp_path / "sweep.json").read_text() == newer


def test_a_result_of_a_newer_irnn_is_not_called_damaged(tmp_path: Path) -> None:
    newer = {"schema": 2, "run_id": "r", "status": "paused", "digest": "of another kind"}
    (tmp_path / "result.json").write_text(json.dumps(newer))
    said = r"result\.json was written by a newer irnn \(schema 2; this one knows 1\); update irnn$"
    with pytest.raises(DamagedError, match=said):
        RunDirectory(tmp_path).read_result()
