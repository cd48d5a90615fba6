"""Read metrics.jsonl into a curve thin enough to draw that keeps every peak and every crossing."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from irnn.reporting.goals import THRESHOLDS, goal_of, name_of
from irnn.reporting.settings import flatten
from irnn.reporting.text import one_line
from irnn.runs.reading import MEGABYTE, read_bytes

Array = NDArray[np.float64]

MOST = 256 * MEGABYTE  # of metrics.jsonl: about a million evaluations
MOST_STEPS = 2.0**53  # beyond it a float64, and so the page's script, cannot tell updates apart


class Record(msgspec.Struct, gc=False):
    """The fields of a record that a report needs; the decoder skips all others unread."""

    step: float
    test_mse: float | None = None
    train_mse: float | None = None
    seconds: float | None = None
    steps_per_second: float | None = None
    event: Any = None


_COLUMNS = attrgetter("step", "test_mse", "train_mse")
_DECODER = msgspec.json.Decoder(Record)


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
        at = int(at) if isinstance(at, int | float) and 0 <= at <= MOST_STEPS else step
        reason, action = (one_line(entry.get(key, "unknown")) for key in ("reason", "action"))
        return Event(at, reason, action)


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


@dataclass(frozen=True)
class Extent:
    """How much of a curve to keep: about `points` records, and of which losses the first crossing.

    `threshold` is the one asked for; `levels` are held-out MSEs beside the usual thresholds.
    """

    points: int = 300
    threshold: float | None = None
    goal: float | None = None

    @property
    def levels(self) -> tuple[float, ...]:
        """The losses whose first crossing is wanted beside the usual ones."""
        return tuple(level for level in (self.threshold, self.goal) if level is not None)

    def of(self, config: Mapping[str, Any]) -> "Extent":
        """The same for a run of this configuration, its goal among the levels."""
        stop = config.get("stop")
        return replace(self, goal=goal_of(flatten({"stop": stop})) if stop else None)


def read_curve(path: Path, extent: Extent) -> tuple[Curve, int]:
    """Read the records of `path`, and count the lines that are none.

    A last line cut mid-way, as a killed run leaves it, is not counted: it is expected.
    """
    records, broken = _records(path)
    return make_curve(records, extent), broken


def make_curve(records: Sequence[Record], extent: Extent) -> Curve:
    """Thin records, after taking the scalars and the first crossings from all of them."""
    if not records:
        empty = np.empty(0)
        return Curve(empty, empty, empty)
    table = np.array(list(map(_COLUMNS, records)), dtype=np.float64)
    if (np.diff(table[:, 0]) < 0).any():
        table = table[np.argsort(table[:, 0], kind="stable")]
    table[~np.isfinite(table)] = np.nan
    step, test, train = table.T
    last = records[-1]
    finite = test[np.isfinite(test)]
    below = _first_below(test, extent.levels)
    keep = _thin(test, extent.points, list(below.values()))
    return Curve(
        step=step[keep],
        test_mse=test[keep],
        train_mse=train[keep],
        events=_events(records),
        last_step=int(step[-1]),
        final_test_mse=float(test[-1]),
        final_train_mse=float(train[-1]),
        best_test_mse=float(finite.min()) if finite.size else math.nan,
        seconds=_finite(last.seconds),
        steps_per_second=_finite(last.steps_per_second),
        first_below={name: int(step[at]) for name, at in below.items()},
    )


def _records(path: Path) -> tuple[list[Record], int]:
    """Read the records of `path`, and how many lines were neither a record nor cut short."""
    try:
        text = read_bytes(path, MOST)
    except FileNotFoundError:
        return [], 0
    try:
        records = _DECODER.decode_lines(text)  # sound files, nearly all, in one go
    except ValueError:
        records = []
    if records and all(_is_sound(record) for record in records):
        return records, 0
    parsed = [_parse(line) for line in text.splitlines() if line.strip()]
    if parsed and parsed[-1] is None:
        parsed.pop()
    sound = [record for record in parsed if record is not None]
    return sound, len(parsed) - len(sound)


def _parse(line: bytes) -> Record | None:
    """Read one line, NaN and Infinity included, which JSON does not have and other writers use."""
    try:
        record = msgspec.convert(json.loads(line), Record)
    except (ValueError, RecursionError):
        return None
    return record if _is_sound(record) else None


def _is_sound(record: Record) -> bool:
    return 0 <= record.step <= MOST_STEPS


def _finite(value: float | None) -> float:
    return math.nan if value is None else value


def _events(records: Sequence[Record]) -> tuple[Event, ...]:
    found = [(record.event, int(record.step)) for record in records if record.event is not None]
    return tuple(Event.from_json(event, step) for event, step in found if isinstance(event, dict))


def _first_below(test: Array, levels: Sequence[float]) -> dict[str, int]:
    """The index of the first record below each of the usual thresholds and `levels`."""
    names = {**{name: float(name) for name in THRESHOLDS}, **{name_of(v): v for v in levels}}
    below = {name: np.flatnonzero(test < level) for name, level in names.items()}
    return {name: int(hits[0]) for name, hits in below.items() if hits.size}


def _thin(test: Array, points: int, crossings: Sequence[int]) -> NDArray[np.intp]:
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
    keep = np.concatenate([[0, size - 1, *crossings], starts + lowest, starts + highest])
    return np.unique(keep[keep < size]).astype(np.intp)
