"""Files that never stand half-written under their final name."""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Guard = Callable[[], None]
"""Raises where the writer has lost the right to write."""


def unguarded() -> None:
    """Guard what has one writer by its nature."""


@contextmanager
def replacing(path: Path, guard: Guard = unguarded) -> Iterator[Path]:
    """Give a file beside `path` to write; then make it durable, and rename it into place.

    The guard is asked between the two. Whatever goes wrong, an older file of that name is still whole,
    and nothing is left beside it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    try:
        yield beside
        make_durable(beside)
        guard()
        beside.replace(path)
        make_durable(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise


def make_durable(path: Path) -> None:
    """Make what was written into a file, or renamed in a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
