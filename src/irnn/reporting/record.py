"""Read a record: the runs behind a claim, one JSON object a line in one small file.

A line is what `result.json` holds, and of the rest of the run folder: `command`, `process`, `kernel`,
`instruction_set`, `threads`, `machine`, `versions`, `commit`, and `curve` and `train_curve`, lists of
[update, score] and [update, loss], thinned; where the score is no loss, `loss_curve` too.
`later_sessions` has these facts of sessions that continued the run elsewhere.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from irnn.reporting.curve import MOST, Curve, Extent, Record, make_curve
from irnn.reporting.run import COUNTED, Run, Skipped, check_result, make_run
from irnn.reporting.scoring import Scoring, score_by
from irnn.reporting.settings import Settings, check_config, flatten
from irnn.reporting.text import one_line
from irnn.runs.layout import RECORD
from irnn.runs.reading import read_text

_FACTS = {
    "command": "command",
    "process": "process",
    "kernel": "kernel",
    "instruction_set": "instruction_set",
    "threads": "threads",
    "versions": "versions",
    "machine": "machine.cpu",
    "commit": "git.commit",
}
"""What a line says about where the run came from, and the name that provenance.json has for it."""


def read_record(folder: Path, extent: Extent) -> tuple[list[Run], list[Skipped]]:
    """Read every line of a folder's record, and say which could not be read and why."""
    runs: list[Run] = []
    skipped: list[Skipped] = []
    path = folder / RECORD
    for number, line in enumerate(read_text(path, MOST).split("\n"), start=1):
        try:
            if line.strip():
                runs.append(_run(folder, json.loads(line), extent))
        except (ValueError, RecursionError) as error:
            skipped.append(Skipped(path, f"line {number}: {one_line(error)}"))
    return runs, skipped


def _run(folder: Path, row: Any, extent: Extent) -> Run:
    if not isinstance(row, dict) or not isinstance(row.get("config"), dict):
        raise ValueError("it holds no run with its config")
    check_result(row, "it", COUNTED)
    config = check_config(row["config"], "its config")
    scoring = score_by(config, row.get("metric"), row.get("solved_at"))
    curve = _curve(row, extent.of(config, scoring), scoring)
    sessions = row.get("later_sessions")
    later = [_facts(each) for each in sessions or () if isinstance(each, dict)]
    return make_run(folder, row, config, _facts(row), curve, scoring, later=later, log=RECORD)


def _facts(facts: Mapping[str, Any]) -> Settings:
    return flatten({name: facts[key] for key, name in _FACTS.items() if key in facts})


def _curve(row: Mapping[str, Any], extent: Extent, scoring: Scoring) -> Curve:
    trained, lost = (dict(_pairs(row, name)) for name in ("train_curve", "loss_curve"))
    records = []
    for step, value in _pairs(row, "curve"):
        loss = value if scoring.is_loss else lost.get(step)
        values = {f"test_{scoring.suffix}": loss, f"train_{scoring.suffix}": trained.get(step)}
        records.append(Record(step=step, **{**values, scoring.key: value}))
    return make_curve(records, extent)


def _pairs(row: Mapping[str, Any], name: str) -> Sequence[tuple[float, float | None]]:
    try:
        return [
            (float(step), None if mse is None else float(mse)) for step, mse in row.get(name, ())
        ]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is not a list of [update, number]") from error
