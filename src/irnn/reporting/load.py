"""Read run folders and records into `Run`s; what cannot be read is named, not fatal."""

import gc
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from irnn.reporting.curve import Curve, Extent, make_curve, read_curve
from irnn.reporting.folders import is_record
from irnn.reporting.record import read_record
from irnn.reporting.run import Loaded, Run, Skipped, check_result, make_run
from irnn.reporting.scoring import score_by
from irnn.reporting.settings import IN_A_FILE, Settings, check_config, flatten
from irnn.reporting.text import one_line
from irnn.runs.layout import (
    CONFIG,
    MARKERS,
    METRICS,
    NOT_SCIENCE,
    PROVENANCE,
    RECORD,
    RESULT,
    SCHEMA,
)
from irnn.runs.reading import read_json, read_yaml
from irnn.runs.schemas import newer
from irnn.runs.sealing import check_seal

_MOST_WITH_EXTRAS = 200
"""Runs of which gradient norms and the like are read: of more the page would grow too large."""

_NO_PLACE = ("task", "metric", "thresholds")
"""What provenance.json says about the run itself, for reports of one that has no result yet."""


_READ_FROM = (*MARKERS, RECORD)


class Cache:
    """What was read of each folder, for as long as its files stay as they are."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[object, Reading]] = {}

    def read(self, folder: Path, extent: Extent) -> "Reading":
        """Read the run of a folder, or the runs of a record, unless it is known already."""
        state = _state_of(folder)
        known = self._kept.get(folder)
        if known is not None and known[0] == state:
            return known[1]
        reading = _read(folder, extent)
        self._kept[folder] = state, reading
        return reading


class Reading(NamedTuple):
    """What a folder held: runs, what was skipped and why, and defects that cost no run."""

    runs: Sequence[Run] = ()
    skipped: Sequence[Skipped] = ()
    notes: Sequence[str] = ()


def _state_of(folder: Path) -> object:
    """What tells whether a folder's files are as they were: inode, size and time of each."""
    stamps = []
    for name in _READ_FROM:
        try:
            found = (folder / name).stat()
        except OSError:
            continue
        stamps.append((name, found.st_ino, found.st_size, found.st_mtime_ns))
    return stamps


def load_runs(
    folders: Sequence[Path],
    cache: "Cache | None" = None,
    points: int | None = None,
    threshold: float | None = None,
) -> Loaded:
    """Read every folder; `cache` keeps what has not changed between calls, `points` bounds each curve.

    Of `threshold` the first crossing is read too, as of the usual ones and of a run's own goal.

    Without `points` a curve keeps 300 points, fewer when there are so many runs that the page
    would grow past what a browser draws smoothly.
    """
    limit = points or max(100, min(300, 200_000 // max(1, len(folders))))
    extras = len(folders) <= _MOST_WITH_EXTRAS
    cache = Cache() if cache is None else cache
    with _without_collector():
        return _load(folders, cache, Extent(limit, extras, threshold))


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


def _load(folders: Sequence[Path], cache: Cache, extent: Extent) -> Loaded:
    runs: list[Run] = []
    skipped: list[Skipped] = []
    notes: list[str] = []
    seen: dict[str, Path] = {}
    for folder in folders:
        reading = cache.read(folder, extent)
        skipped += reading.skipped
        notes += reading.notes
        for run in reading.runs:
            if run.run_id in seen:
                reason = f"holds the same run_id as {seen[run.run_id]}; counting it twice would lie"
                skipped.append(Skipped(folder, reason))
                continue
            seen[run.run_id] = folder
            runs.append(run)
    return Loaded(tuple(_with_nulls(runs)), tuple(skipped), tuple(notes))


def _read(folder: Path, extent: Extent) -> Reading:
    """Read the run of a folder, or the runs of a record; what cannot be read is skipped."""
    notes: list[str] = []
    try:
        if is_record(folder):
            return Reading(*read_record(folder, extent))
        return Reading([read_run(folder, extent, notes)], notes=notes)
    except (ValueError, OSError, RecursionError) as error:
        return Reading(skipped=[Skipped(folder, one_line(error))], notes=notes)


def _with_nulls(runs: Sequence[Run]) -> list[Run]:
    """Give runs older than a setting its null, where newer runs have it so: both are without it."""
    null = {key for run in runs for key, value in run.settings.items() if value is None}
    return [
        replace(run, settings={**dict.fromkeys(lacking), **run.settings})
        if (lacking := [key for key in sorted(null) if key not in run.settings])
        else run
        for run in runs
    ]


def read_run(folder: Path, extent: Extent, notes: list[str]) -> Run:
    """Read one run folder; raises ValueError saying what is missing or broken."""
    result = _read_json(folder / RESULT)
    if result is not None:
        _check_result(result)
        _check_whose(folder, result)
    config = _config(folder, result)
    described = _provenance(folder, notes)
    provenance, *later = _sessions(described)
    source = result or described
    scoring = score_by(
        config, source.get("metric"), source.get("solved_at"), source.get("thresholds")
    )
    curve = _curve(folder, extent.of(config, scoring), notes)
    if result is not None and curve.step.size == 0:
        notes.append(f"{folder.name}: no metrics.jsonl to draw its curve from")
    written = math.nan if result is not None else _modified(folder)
    return make_run(
        folder, result or {}, config, provenance, curve, scoring, later=later, last_written=written
    )


def _check_result(result: dict[str, Any]) -> None:
    try:
        check_result(result, RESULT)
        check_seal(result, RESULT)
    except ValueError as error:
        if reason := newer(result, SCHEMA):
            raise ValueError(
                f"{RESULT} was written by a newer irnn ({reason}): update irnn"
            ) from error
        raise


def _check_whose(folder: Path, result: Mapping[str, Any]) -> None:
    """Refuse another run's result; the folder may have another name by now, if it has its own settings."""
    if result["run_id"] == folder.name:
        return
    try:
        config = read_yaml(folder / CONFIG)
    except (ValueError, OSError):
        return  # nothing says otherwise
    if isinstance(config, dict) and _settings(config) != _settings(result.get("config") or {}):
        raise ValueError(f"result.json is of run {one_line(result['run_id'])}, config.yaml is not")


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in NOT_SCIENCE}


def _curve(folder: Path, extent: Extent, notes: list[str]) -> Curve:
    """Read the records; a file that cannot be read costs the run its curve, and is named."""
    try:
        curve, broken = read_curve(folder / METRICS, extent)
    except (ValueError, OSError) as error:
        notes.append(f"{folder.name}: {one_line(error)}; its curve is left out")
        return make_curve((), extent)
    if broken:
        notes.append(f"{folder.name}: {broken} unreadable lines in metrics.jsonl left out")
    return curve


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        value = read_json(path)
    except FileNotFoundError:
        return None
    if not isinstance(value, dict):
        raise ValueError(f"{path.name} holds no object")
    return value


def _config(folder: Path, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """Prefer the copy inside result.json: parsing YAML takes ten times as long."""
    if result is not None and isinstance(result.get("config"), dict) and result["config"]:
        return check_config(result["config"], "the config in result.json")
    try:
        config = read_yaml(folder / CONFIG)
    except FileNotFoundError:
        raise ValueError("has no config.yaml: half-written, or no run at all") from None
    return check_config(config, CONFIG, IN_A_FILE)


def _provenance(folder: Path, notes: list[str]) -> dict[str, Any]:
    """Read provenance.json; one that cannot be read costs the run no more than what it says."""
    try:
        return _read_json(folder / PROVENANCE) or {}
    except (ValueError, OSError) as error:
        notes.append(f"{folder.name}: {one_line(error)}")
        return {}


def _sessions(provenance: Mapping[str, Any]) -> list[Settings]:
    """Where each session of the run was made, the first one with what is of the whole run."""
    sessions = provenance.get("sessions")
    later = sessions[1:] if isinstance(sessions, list) else []
    return [_place(provenance), *(_place(each) for each in later if isinstance(each, dict))]


def _place(session: Mapping[str, Any]) -> Settings:
    return flatten({key: value for key, value in session.items() if key not in _NO_PLACE})


def _modified(folder: Path) -> float:
    times = [(folder / name).stat().st_mtime for name in MARKERS if (folder / name).exists()]
    return max(times, default=math.nan)
