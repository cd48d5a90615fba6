"""Find run folders by what a user types: a path, or a run's name in the folder of runs."""

import os
from pathlib import Path


def runs_root() -> str:
    """Where runs are unless a command is told otherwise: the variable IRNN_RUNS, or `runs`."""
    return os.environ.get("IRNN_RUNS") or "runs"


def expanded(text: str) -> Path:
    """Make a path of what was typed, a leading `~` expanded.

    Raises:
        ValueError: There is no such user, or no file can have that name; the message says which.
    """
    try:
        path = Path(text).expanduser()
        path.stat()
    except RuntimeError:
        raise ValueError(f"{text}: no user of that name has a home; write the path out") from None
    except FileNotFoundError:
        return path
    except (OSError, ValueError) as error:  # too long, forbidden on the way, a loop of links, a NUL
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{_shortened(text)}: {reason}") from None
    return path


def find_run(text: str) -> Path:
    """Find a run's folder by its path, or by its run id in the folder of runs.

    Raises:
        ValueError: It cannot be looked for, or is in neither place.
    """
    path = expanded(text)
    if path.exists():
        return path
    root = runs_root()
    if os.sep not in text:
        beside = expanded(f"{root}/{text}")
        if beside.exists():
            return beside
        raise ValueError(f"{_shortened(text)}: no such run, neither here nor in {root} (IRNN_RUNS)")
    raise ValueError(
        f"{_shortened(text)}: no such folder; give a run folder, or a run id of {root}"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
