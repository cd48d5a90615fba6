"""Files that never stand half-written under their final name."""

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_NOT_FOR_FOLDERS = (errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)

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
    """Make what was written into a file, or renamed in a folder, survive a power cut.

    Some file systems have no such thing for folders (CIFS, some over FUSE); there it is as good as it gets.
    """
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder in which one may write but not look
        if is_folder:
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (is_folder and error.errno in _NOT_FOR_FOLDERS):
            raise
    finally:
        os.close(descriptor)
