"""The folder of runs, and run folders by what a user types: a path, or a run's name in that folder."""

import difflib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from irnn.runs.layout import CONFIG
from irnn.spec.errors import ConfigError
from irnn.system import paths
from irnn.system.quoting import short

if TYPE_CHECKING:
    from irnn.spec.config import Config

_SHOWN = 5


def runs_root() -> str:
    """Where runs are unless a command is told otherwise: the variable IRNN_RUNS, or `runs`."""
    return os.environ.get("IRNN_RUNS") or "runs"


def runs_folder(config: "Config") -> Path:
    """Give the folder that a configuration's runs are in, which need not be there yet.

    Raises:
        ConfigError: No run can be in a folder of that name.
    """
    setting = f"runs_dir={config.runs_dir}"
    try:
        root = paths.expanded(config.runs_dir)
    except ValueError as error:
        raise ConfigError(f"{setting}: {error}") from error
    try:
        found: int | None = root.stat().st_mode  # asked once: another process may make it meanwhile
    except FileNotFoundError:
        found = 0 if root.is_symlink() else None  # None: it will be made
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{setting}: {why}; give runs_dir= or IRNN_RUNS another folder"
        ) from error
    if found is not None and not stat.S_ISDIR(found):
        raise ConfigError(f"{setting}: is not a folder; give runs_dir= or IRNN_RUNS one")
    return root


def typed_path(text: str) -> Path:
    """Make a path of what was typed, a leading `~` expanded.

    Raises:
        ValueError: There is no such user, or no file can have that name; the message says which.
    """
    try:
        path = paths.expanded(text)
    except ValueError as error:
        raise ValueError(f"{short(text)}: {error}") from None
    try:
        path.stat()
    except FileNotFoundError:
        return path
    except (OSError, ValueError) as error:  # too long, forbidden on the way, a loop of links, a NUL
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{short(text)}: {reason}") from None
    return path


def find_run(text: str | None) -> Path:
    """Find a run's folder by its path, or by its run id in the folder of runs.

    Raises:
        ValueError: It cannot be looked for, or is in neither place, or none was named; the message says what
            there is.
    """
    if not text:
        raise ValueError(f"which run? Give a run folder or a run id: {_known(runs_root())}")
    path = typed_path(text)
    if path.exists():
        return path
    root = runs_root()
    if os.sep not in text:
        beside = typed_path(f"{root}/{text}")
        if beside.exists():
            return beside
        raise ValueError(
            f"{short(text)}: no such run, neither here nor in {root} (IRNN_RUNS); {_known(root, text)}"
        )
    raise ValueError(f"{short(text)}: no such folder; give a run folder, or a run id of {root}")


def others_than(folder: Path) -> Iterator[Path]:
    """Walk over the runs beside a run."""
    yield from (path.parent for path in folder.parent.glob(f"*/{CONFIG}") if path.parent != folder)


def _known(root: str, like: str = "") -> str:
    """Say which runs there are, the likeliest ones first: those of a similar name, else the latest."""
    try:
        folders = [path.parent for path in typed_path(root).glob(f"*/{CONFIG}")]
        latest = sorted(folders, key=lambda path: path.stat().st_mtime, reverse=True)
    except (OSError, ValueError):
        latest = []
    names = [path.name for path in latest]
    if not names:
        return f"{root} has none yet; irnn-train trains one"
    close = [name for name in names if like and name.startswith(like)]
    close += difflib.get_close_matches(like, names, _SHOWN, cutoff=0.8)
    some = list(dict.fromkeys(close or names))[:_SHOWN]
    more = f" and {len(names) - len(some):,} more" if len(names) > len(some) else ""
    return f"{root} has {', '.join(some)}{more}"
