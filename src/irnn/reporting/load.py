"""Read run folders into `Run`s; a folder that cannot be read is named, not fatal."""

import gc
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from irnn.reporting.curve import MOST_STEPS, Curve, Event, read_curve
from irnn.reporting.find import MARKERS
from irnn.reporting.settings import Settings, flatten
from irnn.reporting.sweeps import Job, Sweep

THRESHOLDS = ("0.1", "0.05", "0.01", "0.001")
STATUSES = ("solved", "exhausted", "diverged")
UNFINISHED = "unfinished"
COUNTED = (*STATUSES, UNFINISHED)

_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Run:
    """One run folder, read.

    `status` is solved, exhausted, diverged, or unfinished (no result.json). Losses are held-out or
    training mean squared errors, NaN where none is finite; `steps` counts updates; `solved_at`
    maps a threshold to the first update evaluated below it, or None; `last_written` is when an
    unfinished run last wrote, in seconds since 1970, and NaN once it has finished.
    """

    path: Path
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
    command: str
    curve: Curve
    last_written: float

    @property
    def finished(self) -> bool:
        """Whether the run wrote its result."""
        return self.status != UNFINISHED

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


def load_runs(
    folders: Sequence[Path], cache: dict[Path, Run] | None = None, points: int | None = None
) -> Loaded:
    """Read every folder; `cache` keeps finished runs between calls, `points` bounds each curve.

    Without `points` a curve keeps 300 points, fewer when there are so many runs that the page
    would grow past what a browser draws smoothly.
    """
    limit = points or max(100, min(300, 200_000 // max(1, len(folders))))
    cache = {} if cache is None else cache
    with _without_collector():
        return _load(folders, cache, limit)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Suspend cyclic garbage collection: reading JSON makes none, and looking costs a fifth."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _load(folders: Sequence[Path], cache: dict[Path, Run], limit: int) -> Loaded:
    runs: list[Run] = []
    skipped: list[Skipped] = []
    notes: list[str] = []
    seen: dict[str, Path] = {}
    for folder in folders:
        run = cache.get(folder)
        if run is None:
            try:
                run = read_run(folder, limit, notes)
            except (ValueError, OSError, RecursionError) as error:
                skipped.append(Skipped(folder, _one_line(error)))
                continue
        if run.run_id in seen:
            reason = f"holds the same run_id as {seen[run.run_id]}; counting it twice would lie"
            skipped.append(Skipped(folder, reason))
            continue
        seen[run.run_id] = folder
        if run.finished:
            cache[folder] = run
        runs.append(run)
    return Loaded(tuple(_with_nulls(runs)), tuple(skipped), tuple(notes))


def _with_nulls(runs: Sequence[Run]) -> list[Run]:
    """Give runs older than a setting its null, where newer runs have it so: both are without it."""
    null = {key for run in runs for key, value in run.settings.items() if value is None}
    return [
        replace(run, settings={**dict.fromkeys(lacking), **run.settings})
        if (lacking := [key for key in sorted(null) if key not in run.settings])
        else run
        for run in runs
    ]


def read_run(folder: Path, points: int = 300, notes: list[str] | None = None) -> Run:
    """Read one run folder; raises ValueError saying what is missing or broken."""
    notes = [] if notes is None else notes
    result = _read_json(folder / "result.json")
    if result is not None:
        missing = [key for key in ("status", "steps", "solved_at") if key not in result]
        if missing:
            raise ValueError(f"result.json lacks {', '.join(missing)}")
        if result["status"] not in STATUSES:
            raise ValueError(f"result.json has the unknown status {result['status']!r}")
        if not 0 <= number(result["steps"]) <= MOST_STEPS:
            raise ValueError(f"result.json has impossible steps, {_one_line(result['steps'])}")
    config = _config(folder, result)
    provenance = _provenance(folder, notes)
    curve, broken_lines = read_curve(folder / "metrics.jsonl", points)
    if broken_lines:
        notes.append(f"{folder.name}: {broken_lines} unreadable lines in metrics.jsonl left out")
    if result is not None and curve.step.size == 0:
        notes.append(f"{folder.name}: no metrics.jsonl to draw its curve from")
    settings = flatten(config)
    data: Mapping[str, Any] = result or {}
    run_id = data.get("run_id")
    seed = data.get("seed", settings.get("seed"))
    return Run(
        path=folder,
        run_id=run_id if isinstance(run_id, str) and run_id else folder.name,
        status=data.get("status", UNFINISHED),
        seed=seed if isinstance(seed, int) else None,
        settings=settings,
        steps=_count(data.get("steps", curve.last_step)),
        seconds=number(data.get("seconds", curve.seconds)),
        steps_per_second=number(data.get("steps_per_second", curve.steps_per_second)),
        test_mse=number(data.get("test_mse", curve.final_test_mse)),
        train_mse=curve.final_train_mse,
        best_test_mse=number(data.get("best_test_mse", curve.best_test_mse)),
        solved_at=_solved_at(data, curve),
        restarts=_count(data.get("restarts", 0)),
        divergences=_divergences(data, curve),
        schema=str(data.get("schema", "")),
        provenance=provenance,
        command=_command(provenance),
        curve=curve,
        last_written=math.nan if result is not None else _modified(folder),
    )


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


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not readable JSON ({_one_line(error)})") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} holds no object")
    return value


def _config(folder: Path, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """Prefer the copy inside result.json: parsing YAML takes ten times as long."""
    if result is not None and isinstance(result.get("config"), dict) and result["config"]:
        return dict(result["config"])
    try:
        text = (folder / "config.yaml").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ValueError("has no config.yaml: half-written, or no run at all") from None
    try:
        config = yaml.load(text, Loader=_YAML_LOADER)
    except yaml.YAMLError as error:
        raise ValueError(f"config.yaml is not readable YAML ({_one_line(error)})") from error
    if not isinstance(config, dict) or not config:
        raise ValueError("config.yaml is empty or holds no settings")
    return config


def _provenance(folder: Path, notes: list[str]) -> Settings:
    try:
        return flatten(_read_json(folder / "provenance.json") or {})
    except ValueError as error:
        notes.append(f"{folder.name}: {error}")
        return {}


def _command(provenance: Settings) -> str:
    command = provenance.get("command")
    return command if isinstance(command, str) else ""


def _solved_at(data: Mapping[str, Any], curve: Curve) -> dict[str, int | None]:
    stated = data.get("solved_at")
    if not isinstance(stated, dict):
        return {threshold: curve.first_below.get(threshold) for threshold in THRESHOLDS}
    crossings = {key: number(stated.get(key)) for key in THRESHOLDS}
    return {key: int(at) if 0 <= at <= MOST_STEPS else None for key, at in crossings.items()}


def _divergences(data: Mapping[str, Any], curve: Curve) -> tuple[Event, ...]:
    stated = data.get("divergences")
    if not isinstance(stated, list):
        return curve.events
    return tuple(Event.from_json(entry) for entry in stated if isinstance(entry, dict))


def _modified(folder: Path) -> float:
    times = [(folder / name).stat().st_mtime for name in MARKERS if (folder / name).exists()]
    return max(times, default=math.nan)


def _one_line(error: object) -> str:
    return " ".join(str(error).split())[:200]
