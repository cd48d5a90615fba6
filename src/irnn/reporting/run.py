"""A run as reports see it, whatever it was read from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irnn.reporting.curve import MOST_STEPS, Curve, Event
from irnn.reporting.goals import THRESHOLDS, end_of, goal_of, name_of
from irnn.reporting.settings import Settings, flatten
from irnn.reporting.sweeps import Job, Sweep
from irnn.reporting.text import one_line, printable

STATUSES = ("solved", "exhausted", "diverged")
UNFINISHED = "unfinished"
COUNTED = (*STATUSES, UNFINISHED)


@dataclass(frozen=True)
class Run:
    """One run, read from its folder or from a record.

    `status` is solved, exhausted, diverged, or unfinished (no result.json). Losses are held-out or
    training mean squared errors, NaN where none is finite; `steps` counts updates; `solved_at`
    maps a threshold to the first update evaluated below it, or None; `last_written` is when an
    unfinished run last wrote, in seconds since 1970, and NaN once nothing will write any more. `log`
    names the file in `path` that its curve was read from. `provenance` is of the first session, and
    `later` of those that continued it.
    """

    path: Path
    log: str
    run_id: str
    status: str
    seed: int | None
    settings: Settings
    steps: int
    seconds: float
    steps_per_second: float
    test_mse: float
    train_mse: float
    best_test_mse: float
    solved_at: Mapping[str, int | None]
    restarts: int
    divergences: tuple[Event, ...]
    schema: str
    provenance: Settings
    later: tuple[Settings, ...]
    command: str
    curve: Curve
    last_written: float

    @property
    def finished(self) -> bool:
        """Whether the run wrote its result."""
        return self.status != UNFINISHED

    @property
    def awaited(self) -> bool:
        """Whether more can come of the run: it has not finished, and its folder is at hand."""
        return not self.finished and not math.isnan(self.last_written)

    @property
    def goal(self) -> float | None:
        """The held-out MSE at which the run ends as solved, None where it has no such goal."""
        return goal_of(self.settings)

    def sought(self, threshold: str) -> bool:
        """Whether the run got below `threshold`, or would have gone on until it did."""
        end = end_of(self.settings)
        return self.solved_at.get(threshold) is not None or end is None or float(threshold) >= end

    @property
    def seq_len(self) -> float:
        """The sequence length T, NaN where the configuration names none."""
        return number(self.settings.get("task.seq_len"))


@dataclass(frozen=True)
class Skipped:
    """A folder that looked like a run and could not be read, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Loaded:
    """Everything found under the paths asked for; `notes` are defects that cost no run.

    `sweep` is the one asked for by name, if it has a file, and `left` those of its jobs that have
    no readable run yet.
    """

    runs: tuple[Run, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    sweep: Sweep | None = None
    left: tuple[Job, ...] = ()


def make_run(
    path: Path,
    data: Mapping[str, Any],
    config: Mapping[str, Any],
    provenance: Settings,
    curve: Curve,
    *,
    later: Sequence[Settings] = (),
    last_written: float = math.nan,
    log: str = "metrics.jsonl",
) -> Run:
    """Put a run together from its result, if it has one, and its curve where the result is silent.

    Raises ValueError, saying what is missing or broken, for a `data` that is no result.
    """
    settings = flatten(config)
    run_id = data.get("run_id")
    seed = data.get("seed", settings.get("seed"))
    return Run(
        path=path,
        log=log,
        run_id=printable(run_id if isinstance(run_id, str) and run_id else path.name),
        status=data.get("status", UNFINISHED),
        seed=_seed(seed),
        settings=settings,
        steps=_count(data.get("steps", curve.last_step)),
        seconds=number(data.get("seconds", curve.seconds)),
        steps_per_second=number(data.get("steps_per_second", curve.steps_per_second)),
        test_mse=number(data.get("test_mse", curve.final_test_mse)),
        train_mse=curve.final_train_mse,
        best_test_mse=number(data.get("best_test_mse", curve.best_test_mse)),
        solved_at=_solved_at(data, curve, goal_of(settings)),
        restarts=_count(data.get("restarts", 0)),
        divergences=_divergences(data, curve),
        schema=one_line(data.get("schema", "")),
        provenance=provenance,
        later=tuple(later),
        command=_command(provenance),
        curve=curve,
        last_written=last_written,
    )


def check_result(data: Mapping[str, Any], name: str, statuses: tuple[str, ...] = STATUSES) -> None:
    """Raise ValueError, saying what is wrong, when `data` is no result of a run."""
    missing = [key for key in ("status", "steps", "solved_at") if key not in data]
    if missing:
        raise ValueError(f"{name} lacks {', '.join(missing)}")
    if data["status"] not in statuses:
        raise ValueError(f"{name} has the unknown status {data['status']!r}")
    if not 0 <= number(data["steps"]) <= MOST_STEPS:
        raise ValueError(f"{name} has impossible steps, {one_line(data['steps'])}")


def number(value: object) -> float:
    """Read a JSON number as a float; null, anything else and what is not finite is NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value) if math.isfinite(value) else math.nan
    except OverflowError:
        return math.nan


def _count(value: object) -> int:
    read = number(value)
    return int(read) if 0 <= read <= MOST_STEPS else 0


def _seed(value: object) -> int | None:
    known = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63
    return value if known else None  # type: ignore[return-value]


def _command(provenance: Settings) -> str:
    command = provenance.get("command")
    return command if isinstance(command, str) else ""


def _solved_at(data: Mapping[str, Any], curve: Curve, goal: float | None) -> dict[str, int | None]:
    """First updates below each threshold: as the result states them, else as its curve shows them."""
    stated = data.get("solved_at")
    stated = stated if isinstance(stated, dict) else {}
    found: dict[str, int | None] = {}
    for name in dict.fromkeys((*THRESHOLDS, *curve.first_below)):
        at = number(stated.get(name))
        if name in stated or (stated and name in THRESHOLDS):
            found[name] = int(at) if 0 <= at <= MOST_STEPS else None
        else:
            found[name] = curve.first_below.get(name)
    if goal is not None and data.get("status") == "solved":
        name = name_of(goal)  # a loss that is the goal exactly is solved, and below nothing
        found[name] = found.get(name) or _count(data.get("steps"))
    return found


def _divergences(data: Mapping[str, Any], curve: Curve) -> tuple[Event, ...]:
    stated = data.get("divergences")
    if not isinstance(stated, list):
        return curve.events
    return tuple(Event.from_json(entry) for entry in stated if isinstance(entry, dict))
