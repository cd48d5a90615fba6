"""Find run folders and records by what a user types: paths, globs, run ids, and lists of them."""

import glob
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from irnn.runs.finding import runs_root, typed_path
from irnn.runs.layout import CHECKPOINTS, MARKERS, RECORD
from irnn.runs.reading import UnreadableError, read_text

_LIST = "@"


class NotYetError(ValueError):
    """What was asked for is not there yet, and may come; `awaited` says what, for who waits for it."""

    def __init__(self, message: str, awaited: str) -> None:
        super().__init__(message)
        self.awaited = awaited


def find_folders(
    patterns: Iterable[str], unreadable: list[tuple[Path, str]] | None = None
) -> list[Path]:
    """List the run folders and records below each path, glob or run id, each once, in their names' order.

    Folders that may not be looked into are added to `unreadable`, each with the reason.

    Raises ValueError naming a path that does not exist or is no directory.
    """
    found: dict[Path, None] = {}
    unreadable = [] if unreadable is None else unreadable
    for pattern in patterns:
        for root in expand(pattern):
            for folder in _walk(root, unreadable):
                found.setdefault(absolute(folder))
    return list(found)


def absolute(path: Path) -> Path:
    """The path from the root on, links followed, as far as that can be found out."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links, or a working folder that is gone
        return path


def expand(pattern: str) -> list[Path]:
    """List the folders that a path, a glob, a run id, or `@FILE` with one of them a line names.

    Raises ValueError when there is none.
    """
    if not pattern:
        raise ValueError("PATH is empty; give a runs root, or leave it out")
    if pattern.startswith(_LIST) and len(pattern) > 1 and not typed_path(pattern).exists():
        return [folder for line in _listed(pattern[1:]) for folder in expand(line)]
    path = typed_path(pattern)
    if path.is_dir():
        return [path]
    if path.exists():
        raise ValueError(
            f"PATH={pattern} is a file; give the run folder or the folder of runs, or @{pattern} if it "
            "lists some"
        )
    folders = _matches(path)
    if not folders and os.sep not in pattern:
        root = typed_path(runs_root())
        folders = (
            [root / pattern]
            if typed_path(f"{root}/{pattern}").is_dir()
            else _matches(root / pattern)
        )
    if not folders and pattern == runs_root():
        raise NotYetError(
            f"there is no folder {pattern} yet: irnn-train trains a run into it; or name another folder of "
            "runs, as PATH or in the variable IRNN_RUNS",
            awaited=f"there is no folder {pattern} yet",
        )
    if not folders:
        raise ValueError(
            f"PATH={pattern} does not exist; give a runs root, a run folder, a run id of "
            f"{runs_root()} or a glob{_setting(pattern)}"
        )
    return folders


def _setting(pattern: str) -> str:
    looks_so = re.fullmatch(r"[a-z_.]+=[^/]+", pattern)
    return f"; --where {shlex.quote(pattern)} keeps the runs with a setting" if looks_so else ""


def _listed(name: str) -> Sequence[str]:
    try:
        lines = read_text(typed_path(name)).splitlines()
    except OSError as error:
        raise ValueError(f"PATH=@{name} cannot be read: {error.strerror or error}") from error
    except UnreadableError as error:
        raise ValueError(f"PATH=@{name}: {error}") from error
    given = [line.strip() for line in lines]
    return [line for line in given if line and not line.startswith((_LIST, "#"))]


def _matches(path: Path) -> list[Path]:
    """List the folders that match a glob; its beginning is taken as it is as far as it exists."""
    parts = path.parts
    known = next(
        (count for count in range(len(parts) - 1, 0, -1) if Path(*parts[:count]).exists()), 0
    )
    literal = [glob.escape(part) for part in parts[:known]]
    found: list[str] = []
    for pattern in dict.fromkeys((str(Path(*literal, *parts[known:])), str(path))):
        found = found or glob.glob(pattern, recursive=True)  # noqa: PTH207
    return [match for match in map(Path, sorted(found)) if match.is_dir()]


def _walk(root: Path, unreadable: list[tuple[Path, str]]) -> Iterable[Path]:
    def onerror(error: OSError) -> None:
        place = Path(error.filename)
        if place == root:
            raise ValueError(f"PATH={root} cannot be read: {error.strerror}")
        unreadable.append((place, f"cannot be read: {error.strerror}"))

    for directory, children, files in os.walk(root, onerror=onerror):
        children[:] = sorted(child for child in children if not child.startswith("."))
        leaf = Path(directory)
        if any(marker in files for marker in MARKERS) or CHECKPOINTS in children:
            children.clear()
            yield leaf
        elif RECORD in files or (not children and not files and leaf != root):
            yield leaf


def is_run_folder(folder: Path) -> bool:
    """Whether a folder holds anything that a run leaves behind."""
    return any(os.path.lexists(folder / marker) for marker in MARKERS)


def is_record(folder: Path) -> bool:
    """Whether a folder is no run itself but holds the record of several."""
    return os.path.lexists(folder / RECORD) and not is_run_folder(folder)
