"""Files that never stand half-written under their final name."""

import contextlib
import errno
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP)

Guard = Callable[[], None]
"""Raises where the writer has lost the right to write."""


def unguarded() -> None:
    """Guard what has one writer by its nature."""


@contextmanager
def replacing(path: Path, guard: Guard = unguarded) -> Iterator[Path]:
    """Give a file beside `path` to write; then make it durable, and rename it into place.

    The guard is asked between the two. Whatever goes wrong, an older file of that name is still whole,
    and nothing is left beside it, but by what ends a process at once (SIGKILL, a power cut).
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.part")
    with _signals_raised():
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


class _Ended(BaseException):
    """A signal came that ends this process."""


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Raise where SIGTERM or SIGHUP would end this process at once; it ends by them after the context.

    A signal that has a handler keeps it, and one that is ignored stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ending = [
        each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is signal.SIG_DFL
    ]
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            raise _Ended

    try:
        for each in ending:
            signal.signal(each, end)
        yield
    finally:
        for each in ending:
            signal.signal(each, signal.SIG_DFL)
        if received:
            os.kill(os.getpid(), received[0])


def make_durable(path: Path) -> bool:
    """Make what was written into a file, or renamed in a folder, survive a power cut; say if that is so.

    Some file systems have no such thing, or not for folders (CIFS, some over FUSE): it is as good as it gets.
    """
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder in which one may write but not look
        if is_folder:
            return False
        raise
    try:
        return sync(descriptor, is_folder=is_folder)
    finally:
        os.close(descriptor)


def sync(descriptor: int, *, is_folder: bool = False) -> bool:
    """Do what `make_durable` does, with what is open."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _UNSUPPORTED or (is_folder and error.errno == errno.EBADF):
            return False
        raise
    return True
