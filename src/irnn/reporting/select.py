"""Choose the runs of a report: by path, by sweep, by settings."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from irnn.reporting.folders import NotYetError, find_folders
from irnn.reporting.load import Cache, load_runs
from irnn.reporting.run import Loaded, Skipped
from irnn.reporting.settings import meets, parse_condition, show, told_values
from irnn.reporting.sweeps import find_sweeps, read_sweep

_GROUP = "tracker.group"


def select(
    paths: Sequence[str],
    where: Sequence[str] = (),
    sweep: str | None = None,
    cache: Cache | None = None,
    threshold: float | None = None,
) -> Loaded:
    """Read the runs below `paths` that belong to `sweep` and meet every condition of `where`.

    `cache` keeps what has not changed between calls; of `threshold` first crossings are read. Raises
    ValueError for a path, sweep or setting that does not exist; that nothing is left is no error here.
    """
    unreadable: list[tuple[Path, str]] = []
    folders = find_folders(paths, unreadable)
    load = partial(load_runs, cache=cache, threshold=threshold)
    loaded = load(folders) if sweep is None else _of(sweep, paths, folders, load)
    skipped = tuple(Skipped(place, reason) for place, reason in unreadable)
    loaded = replace(loaded, skipped=loaded.skipped + skipped)
    if not loaded.runs:
        return loaded
    known = list(dict.fromkeys(key for run in loaded.runs for key in run.settings))
    conditions = [parse_condition(text, known) for text in where]
    kept = [run for run in loaded.runs if all(meets(run.settings, c) for c in conditions)]
    settings = [] if kept else [run.settings for run in loaded.runs]
    keys = dict.fromkeys(key for condition in conditions for key in condition)
    return replace(loaded, runs=tuple(kept), others=told_values(settings, keys) if settings else "")


def _of(
    name: str,
    paths: Sequence[str],
    folders: Sequence[Path],
    load: Callable[[Sequence[Path]], Loaded],
) -> Loaded:
    """Read the runs of a sweep by its file, or else those whose tracker group has its name."""
    sweeps = find_sweeps(paths)
    if name in sweeps:
        sweep = read_sweep(sweeps[name])
        wanted = sweep.run_ids
        loaded = load([folder for folder in folders if folder.name in wanted])
        known = {run.run_id for run in loaded.runs}
        left = tuple(job for job in sweep.jobs if job.run_id not in known)
        return replace(loaded, sweep=sweep, left=left)
    loaded = load(folders)
    kept = tuple(run for run in loaded.runs if run.settings.get(_GROUP) == name)
    if kept:
        return replace(loaded, runs=kept)
    groups = {run.settings.get(_GROUP) for run in loaded.runs} - {None}
    parts = [f"sweeps there: {', '.join(sorted(sweeps))}"] if sweeps else []
    parts += [f"tracker groups: {', '.join(sorted(map(show, groups)))}"] if groups else []
    place, there = ", ".join(paths), "; ".join(parts) or "none is there"
    raise NotYetError(
        f"--sweep {name}: no such sweep in {place}; {there}",
        awaited=f"there is no sweep {name} in {place} yet ({there})",
    )


def check_found(loaded: Loaded, paths: Sequence[str], where: Sequence[str]) -> None:
    """Raise ValueError, saying what was asked for and what was skipped, when no run is left."""
    if loaded.runs:
        return
    place = ", ".join(paths)
    if loaded.others:
        raise ValueError(
            f"no run in {place} meets {' '.join(where)}: {loaded.others}{_either(where)}"
        )
    if loaded.sweep is not None and loaded.left:
        name, jobs = loaded.sweep.name, len(loaded.sweep.jobs)
        raise ValueError(
            f"--sweep {name}: none of its {jobs} runs is in {place} yet{_broken(loaded)}"
        )
    raise ValueError(
        f"no runs found in {place}; train one with python -m irnn.train{_broken(loaded)}"
    )


def _either(where: Sequence[str]) -> str:
    """Say how to accept either of two values of a setting: each condition is to be met."""
    keys = [text.partition("=")[0] for text in where]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is None:
        return "; leave a condition out" if len(where) > 1 else ""
    values = [text.partition("=")[2] for text in where if text.partition("=")[0] == twice]
    return f"; either value is {twice}={','.join(values)}"


def _broken(loaded: Loaded) -> str:
    return "".join(f"\n  skipped {s.path.name}: {s.reason}" for s in loaded.skipped)
