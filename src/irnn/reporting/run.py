"""A run as reports see it, whatever it was read from."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irnn.reporting.curve import MOST_STEPS, Curve, Event
from irnn.reporting.goals import end_of, goal_of, name_of
from irnn.reporting.scoring import Scoring
from irnn.reporting.settings import Settings, flatten
from irnn.reporting.sweeps import Job, Sweep
from irnn.reporting.text import one_line, printable
from irnn.runs.layout import METRICS, STATUSES

UNFINISHED = "unfinished"
COUNTED = (*STATUSES, UNFINISHED)


@dataclass(frozen=True)
class Run:
    """One run, read from its folder or from a record.

    `status` is solved, exhausted, diverged, or unfinished (no result.json). `scoring` says what its task
    is scored by; `value` is the metric at the end and `best_value` at its best, on the held-out set,
    beside the losses that training lowers, NaN where none is finite; `steps` counts updates and
    `epochs` passes through the data; `solved_at`
    maps a threshold to the first update evaluated beyond it, or None; `last_written` is when an
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
    scoring: Scoring
    steps: int
    epochs: float
    seconds: float
    steps_per_second: float
    value: float
    best_value: float
    test_loss: float
    train_loss: float
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
        """The held-out score at which the run ends as solved, None where it has no such goal."""
        return goal_of(self.settings, self.scoring)

    def reached(self, threshold: str) -> int | None:
        """The first update evaluated beyond `threshold`, None if there was none.

        Of a threshold that the run did not record its curve tells, which is thinned: a little late at worst.
        """
        if threshold in self.solved_at:
            return self.solved_at[threshold]
        level, curve = float(threshold), self.curve
        past = curve.value > level if self.scoring.higher else curve.value < level
        return int(curve.step[past.argmax()]) if past.any() else None

    def sought(self, threshold: str) -> bool:
        """Whether the run got past `threshold`, or would have gone on until it did."""
        end = end_of(self.settings, self.scoring)
        if self.reached(threshold) is not None or end is None:
            return True
        return not self.scoring.is_past(float(threshold), end)

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
    no readable run yet. `awaited` says what is not there yet, where that is waited for, and `others` which
    values the runs have that were asked for with others, where none is left.
    """

    runs: tuple[Run, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...]
    sweep: Sweep | None = None
    left: tuple[Job, ...] = ()
    awaited: str = ""
    others: str = ""


def make_run(
    path: Path,
    data: Mapping[str, Any],
    config: Mapping[str, Any],
    provenance: Settings,
    curve: Curve,
    scoring: Scoring,
    *,
    later: Sequence[Settings] = (),
    last_written: float = math.nan,
    log: str = METRICS,
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
        scoring=scoring,
        steps=_count(data.get("steps", curve.last_step)),
        epochs=number(data.get("epochs", curve.epochs)),
        seconds=number(data.get("seconds", curve.seconds)),
        steps_per_second=number(data.get("steps_per_second", curve.steps_per_second)),
        value=number(data.get("value", data.get(scoring.key, curve.final_value))),
        best_value=number(data.get("best_value", data.get("best_test_mse", curve.best_value))),
        test_loss=number(data.get(f"test_{scoring.suffix}", curve.final_test_loss)),
        train_loss=curve.final_train_loss,
        solved_at=_solved_at(data, curve, goal_of(settings, scoring), scoring.thresholds),
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


def _solved_at(
    data: Mapping[str, Any], curve: Curve, goal: float | None, thresholds: Sequence[str]
) -> dict[str, int | None]:
    """First updates past each threshold: as the result states them, else as its curve shows them."""
    stated = data.get("solved_at")
    stated = stated if isinstance(stated, dict) else {}
    found: dict[str, int | None] = {}
    for name in dict.fromkeys((*thresholds, *curve.first_past)):
        at = number(stated.get(name))
        if name in stated or (stated and name in thresholds):
            found[name] = int(at) if 0 <= at <= MOST_STEPS else None
        else:
            found[name] = curve.first_past.get(name)
    if goal is not None and data.get("status") == "solved":
        name = name_of(goal)  # a score that is the goal exactly is solved, and past nothing
        found[name] = found.get(name) or _count(data.get("steps"))
    return found


def _divergences(data: Mapping[str, Any], curve: Curve) -> tuple[Event, ...]:
    stated = data.get("divergences")
    if not isinstance(stated, list):
        return curve.events
    return tuple(Event.from_json(entry) for entry in stated if isinstance(entry, dict))
