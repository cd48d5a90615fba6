"""Read metrics.jsonl into a curve thin enough to draw that keeps every peak and every crossing."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_CROSSINGS = (("0.1", 0.1), ("0.05", 0.05), ("0.01", 0.01), ("0.001", 0.001))
_NEWLINE = "\n"
_COLUMNS = ("step", "test_mse", "train_mse")
_PICK = itemgetter(*_COLUMNS)


@dataclass(frozen=True)
class Event:
    """Something that happened to a run, such as a divergence, and the update at which it did."""

    step: int
    reason: str
    action: str

    @staticmethod
    def from_json(entry: Mapping[str, Any], step: int = 0) -> "Event":
        """Read {step, reason, action}; a missing step is that of the record it came with."""
        at = entry.get("step", step)
        at = int(at) if isinstance(at, int | float) and math.isfinite(at) else step
        return Event(at, str(entry.get("reason", "unknown")), str(entry.get("action", "unknown")))


@dataclass(frozen=True)
class Curve:
    """Loss against updates, thinned; the scalars come from all records, before thinning.

    `step`, `test_mse` and `train_mse` are (points,), NaN where not finite.
    """

    step: Array
    test_mse: Array
    train_mse: Array
    events: tuple[Event, ...] = ()
    last_step: int = 0
    final_test_mse: float = math.nan
    final_train_mse: float = math.nan
    best_test_mse: float = math.nan
    seconds: float = math.nan
    steps_per_second: float = math.nan
    first_below: Mapping[str, int] = field(default_factory=dict)


def read_curve(path: Path, points: int) -> tuple[Curve, int]:
    """Read the records of `path` and thin them to about `points`; also count unreadable lines.

    A last line cut mid-way, as a killed run leaves it, is not counted: it is expected.
    """
    records, table, broken = _records(path)
    if not records:
        empty = np.empty(0)
        return Curve(empty, empty, empty), broken
    table[~np.isfinite(table)] = np.nan
    step, test, train = table.T
    last = records[-1]
    finite = test[np.isfinite(test)]
    keep = _thin(test, points)
    curve = Curve(
        step=step[keep],
        test_mse=test[keep],
        train_mse=train[keep],
        events=_events(records),
        last_step=int(step[-1]),
        final_test_mse=float(test[-1]),
        final_train_mse=float(train[-1]),
        best_test_mse=float(finite.min()) if finite.size else math.nan,
        seconds=_finite(last.get("seconds")),
        steps_per_second=_finite(last.get("steps_per_second")),
        first_below=_first_below(step, test),
    )
    return curve, broken


def _records(path: Path) -> tuple[list[dict[str, Any]], Array, int]:
    """Records, their columns (records, 3), and how many lines were neither record nor cut short."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return [], np.empty((0, 3)), 0
    try:
        # Sound files, that is nearly all, in one go: several times as fast as line by line.
        records = json.loads(f"[{text.replace(_NEWLINE, ',')}]")
        table = np.array(list(map(_PICK, records)), dtype=np.float64).reshape(len(records), 3)
        if np.isfinite(table[:, 0]).all():
            return records, table, 0
    except (ValueError, TypeError, KeyError):
        pass
    parsed = [_parse(line) for line in text.splitlines() if line.strip()]
    if parsed and not _is_record(parsed[-1]):
        parsed.pop()
    records = [record for record in parsed if _is_record(record)]
    return records, _columns(records), len(parsed) - len(records)


def _columns(records: list[dict[str, Any]]) -> Array:
    rows = [
        (record.get("step"), record.get("test_mse"), record.get("train_mse")) for record in records
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(_COLUMNS))


def _parse(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _is_record(value: object) -> bool:
    if not isinstance(value, dict) or _number(value.get("step")) is None:
        return False
    return all(value.get(name) is None or _number(value[name]) is not None for name in _COLUMNS)


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _finite(value: object) -> float:
    read = _number(value)
    return math.nan if read is None else float(read)


def _events(records: list[dict[str, Any]]) -> tuple[Event, ...]:
    found = [(record["event"], record["step"]) for record in records if record.get("event")]
    return tuple(Event.from_json(event, step) for event, step in found if isinstance(event, dict))


def _first_below(step: Array, test: Array) -> dict[str, int]:
    below = {name: np.flatnonzero(test < level) for name, level in _CROSSINGS}
    return {name: int(step[hits[0]]) for name, hits in below.items() if hits.size}


def _thin(test: Array, points: int) -> NDArray[np.intp]:
    """Choose records to keep: extremes of each bucket, both ends, each first crossing.

    NaN ranks as highest, so that a divergence inside a bucket survives.
    """
    size = test.size
    if size <= points:
        return np.arange(size)
    width = math.ceil(size / (points // 2))
    ranked = np.where(np.isnan(test), np.inf, test)
    padding = -size % width
    lowest = np.pad(ranked, (0, padding), constant_values=np.inf).reshape(-1, width).argmin(axis=1)
    highest = np.pad(ranked, (0, padding), constant_values=-1.0).reshape(-1, width).argmax(axis=1)
    starts = np.arange(lowest.size) * width
    crossings = [np.flatnonzero(test < level)[:1] for _, level in _CROSSINGS]
    keep = np.concatenate([[0, size - 1], starts + lowest, starts + highest, *crossings])
    return np.unique(keep[keep < size]).astype(np.intp)
