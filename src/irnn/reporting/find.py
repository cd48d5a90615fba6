"""Find run folders and records below paths and globs."""

import glob
import os
from collections.abc import Callable, Iterable
from pathlib import Path

MARKERS = ("config.yaml", "result.json", "metrics.jsonl", "provenance.json", "train.log")
RECORD = "results.jsonl"


def find_folders(patterns: Iterable[str]) -> list[Path]:
    """List the run folders and records below each path or glob, each once, in the order of their names.

    Raises ValueError naming a path that does not exist or is no directory.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        for root in expand(pattern):
            for folder in _walk(root):
                found.setdefault(folder.resolve())
    return list(found)


def expand(pattern: str) -> list[Path]:
    """List the folders that a path or glob names; raises ValueError when there is none."""
    path = Path(pattern).expanduser()
    if path.is_dir():
        return [path]
    if path.exists():
        raise ValueError(f"PATH={pattern} is a file; give the run folder or the folder of runs")
    matches = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
    folders = [match for match in matches if match.is_dir()]
    if not folders:
        raise ValueError(f"PATH={pattern} does not exist; give a runs root, a run folder or a glob")
    return folders


def _walk(root: Path) -> Iterable[Path]:
    for directory, children, files in os.walk(root, onerror=_refuse_unreadable_root(root)):
        children[:] = sorted(child for child in children if not child.startswith("."))
        leaf = Path(directory)
        if any(marker in files for marker in MARKERS) or "checkpoints" in children:
            children.clear()
            yield leaf
        elif RECORD in files or (not children and not files and leaf != root):
            yield leaf


def _refuse_unreadable_root(root: Path) -> Callable[[OSError], None]:
    def onerror(error: OSError) -> None:
        if Path(error.filename) == root:
            raise ValueError(f"PATH={root} cannot be read: {error.strerror}")

    return onerror


def is_run_folder(folder: Path) -> bool:
    """Whether a folder holds anything that a run leaves behind."""
    return any((folder / marker).exists() for marker in MARKERS)


def is_record(folder: Path) -> bool:
    """Whether a folder is no run itself but holds the record of several."""
    return (folder / RECORD).is_file() and not is_run_folder(folder)
