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

from irnn.reporting.goals import goal_of, name_of
from irnn.reporting.scoring import UNKNOWN, Scoring
from irnn.reporting.settings import flatten
from irnn.reporting.text import one_line
from irnn.runs.reading import MEGABYTE, read_bytes
from irnn.runs.schemas import held_to, prepared

Array = NDArray[np.float64]

MOST = 256 * MEGABYTE  # of metrics.jsonl: about a million evaluations
MOST_STEPS = 2.0**53  # beyond it a float64, and so the page's script, cannot tell updates apart


@prepared
class Record(msgspec.Struct, gc=False):
    """The fields of a record that a report needs; the decoder skips all others unread."""

    step: float
    test_mse: float | None = None
    train_mse: float | None = None
    test_loss: float | None = None
    train_loss: float | None = None
    test_accuracy: float | None = None
    epoch: float | None = None
    seconds: float | None = None
    steps_per_second: float | None = None
    grad_norm: float | None = None
    clip_fraction: float | None = None
    lr: float | None = None
    spectral_radius: float | None = None
    identity_distance: float | None = None
    event: Any = None


EXTRAS = (
    "grad_norm",
    "clip_fraction",
    "lr",
    "spectral_radius",
    "identity_distance",
    "steps_per_second",
)
"""Fields of a record that a page of not too many runs can draw beside scores and losses."""

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
    """Scores and losses against updates, thinned; the scalars come from all records, before thinning.

    `step`, `value` (the task's metric on the held-out set), `test_loss`, `train_loss` and `time` (seconds)
    are (points,), NaN where not finite; a task whose metric is its loss has that twice. So are those of
    `extras`, by the names of `EXTRAS`. `first_past` maps a threshold to the first update evaluated beyond it.
    """

    step: Array
    value: Array
    test_loss: Array
    train_loss: Array
    time: Array
    extras: Mapping[str, Array] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    last_step: int = 0
    final_value: float = math.nan
    final_test_loss: float = math.nan
    final_train_loss: float = math.nan
    best_value: float = math.nan
    epochs: float = math.nan
    seconds: float = math.nan
    steps_per_second: float = math.nan
    first_past: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Extent:
    """How much of a curve to keep: about `points` records, and of which thresholds the first crossing.

    With `extras` the fields of `EXTRAS` are kept too. `threshold` is the one asked for; `levels` are values
    of the metric beside the usual thresholds.
    """

    points: int = 300
    extras: bool = False
    threshold: float | None = None
    goal: float | None = None
    scoring: Scoring = UNKNOWN

    @property
    def levels(self) -> tuple[float, ...]:
        """The values whose first crossing is wanted beside the usual ones."""
        return tuple(level for level in (self.threshold, self.goal) if level is not None)

    def of(self, config: Mapping[str, Any], scoring: Scoring) -> "Extent":
        """The same for a run of this configuration, its goal among the levels."""
        stop = config.get("stop")
        goal = goal_of(flatten({"stop": stop}), scoring) if stop else None
        return replace(self, goal=goal, scoring=scoring)


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
        return Curve(empty, empty, empty, empty, empty)
    scoring = extent.scoring
    columns: tuple[str, ...] = (
        "step",
        scoring.key,
        f"test_{scoring.suffix}",
        f"train_{scoring.suffix}",
        "seconds",
    )
    columns += EXTRAS if extent.extras else ()
    if not set(columns) <= set(Record.__struct_fields__):
        raise ValueError(f"nothing here knows the metric {scoring.name}")
    table = np.array(list(map(attrgetter(*columns), records)), dtype=np.float64)
    if (np.diff(table[:, 0]) < 0).any():
        table = table[np.argsort(table[:, 0], kind="stable")]
    table[~np.isfinite(table)] = np.nan
    step, value, test, train, time, *extras = table.T
    last = records[-1]
    past = _first_past(value, extent)
    keep = _thin(-value if scoring.higher else value, extent.points, list(past.values()))
    return Curve(
        step=step[keep],
        value=value[keep],
        test_loss=test[keep],
        train_loss=train[keep],
        time=time[keep],
        extras={name: one[keep] for name, one in zip(EXTRAS, extras, strict=False)},
        events=_events(records),
        last_step=int(step[-1]),
        final_value=float(value[-1]),
        final_test_loss=float(test[-1]),
        final_train_loss=float(train[-1]),
        best_value=scoring.best(value[np.isfinite(value)].tolist()),
        epochs=_finite(last.epoch),
        seconds=_finite(last.seconds),
        steps_per_second=_finite(last.steps_per_second),
        first_past={name: int(step[at]) for name, at in past.items()},
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
        record = held_to(json.loads(line), Record)
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


def _first_past(value: Array, extent: Extent) -> dict[str, int]:
    """The index of the first record beyond each of the usual thresholds and the extent's levels."""
    scoring = extent.scoring
    names = {name: float(name) for name in scoring.thresholds}
    names |= {name_of(level): level for level in extent.levels}
    past = {
        name: np.flatnonzero(value > level if scoring.higher else value < level)
        for name, level in names.items()
    }
    return {name: int(hits[0]) for name, hits in past.items() if hits.size}


def _thin(values: Array, points: int, crossings: Sequence[int]) -> NDArray[np.intp]:
    """Choose records to keep: extremes of each bucket, both ends, each first crossing.

    `values` are the lower the better. NaN ranks as highest, so that a divergence inside a bucket survives.
    """
    size = values.size
    if size <= points:
        return np.arange(size)
    width = math.ceil(size / (points // 2))
    ranked = np.where(np.isnan(values), np.inf, values)
    padding = -size % width
    lowest = np.pad(ranked, (0, padding), constant_values=np.inf).reshape(-1, width).argmin(axis=1)
    highest = (
        np.pad(ranked, (0, padding), constant_values=-np.inf).reshape(-1, width).argmax(axis=1)
    )
    starts = np.arange(lowest.size) * width
    keep = np.concatenate([[0, size - 1, *crossings], starts + lowest, starts + highest])
    return np.unique(keep[keep < size]).astype(np.intp)
