"""Read run folders and records into `Run`s; what cannot be read is named, not fatal."""

import gc
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from irnn.reporting.curve import read_curve
from irnn.reporting.find import MARKERS, is_record
from irnn.reporting.record import read_record
from irnn.reporting.run import Loaded, Run, Skipped, check_result, make_run, one_line
from irnn.reporting.settings import Settings, flatten

_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


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
        for run in _read(folder, cache, limit, skipped, notes):
            if run.run_id in seen:
                reason = f"holds the same run_id as {seen[run.run_id]}; counting it twice would lie"
                skipped.append(Skipped(folder, reason))
                continue
            seen[run.run_id] = folder
            runs.append(run)
    return Loaded(tuple(_with_nulls(runs)), tuple(skipped), tuple(notes))


def _read(
    folder: Path, cache: dict[Path, Run], points: int, skipped: list[Skipped], notes: list[str]
) -> Sequence[Run]:
    """Read the run of a folder, or the runs of a record; what cannot be read goes to `skipped`."""
    if folder in cache:
        return [cache[folder]]
    try:
        if is_record(folder):
            runs, broken = read_record(folder, points)
            skipped += broken
            return runs
        run = read_run(folder, points, notes)
    except (ValueError, OSError, RecursionError) as error:
        skipped.append(Skipped(folder, one_line(error)))
        return []
    if run.finished:
        cache[folder] = run
    return [run]


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
        check_result(result, "result.json")
    config = _config(folder, result)
    provenance, *later = _sessions(folder, notes)
    curve, broken_lines = read_curve(folder / "metrics.jsonl", points)
    if broken_lines:
        notes.append(f"{folder.name}: {broken_lines} unreadable lines in metrics.jsonl left out")
    if result is not None and curve.step.size == 0:
        notes.append(f"{folder.name}: no metrics.jsonl to draw its curve from")
    written = math.nan if result is not None else _modified(folder)
    return make_run(
        folder, result or {}, config, provenance, curve, later=later, last_written=written
    )


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is not readable JSON ({one_line(error)})") from error
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
        raise ValueError(f"config.yaml is not readable YAML ({one_line(error)})") from error
    if not isinstance(config, dict) or not config:
        raise ValueError("config.yaml is empty or holds no settings")
    return config


def _sessions(folder: Path, notes: list[str]) -> list[Settings]:
    """Where each session of the run was made, the first one with what is of the whole run."""
    try:
        provenance = _read_json(folder / "provenance.json") or {}
    except ValueError as error:
        notes.append(f"{folder.name}: {error}")
        return [{}]
    sessions = provenance.get("sessions")
    later = sessions[1:] if isinstance(sessions, list) else []
    return [flatten(provenance), *(flatten(each) for each in later if isinstance(each, dict))]


def _modified(folder: Path) -> float:
    times = [(folder / name).stat().st_mtime for name in MARKERS if (folder / name).exists()]
    return max(times, default=math.nan)
