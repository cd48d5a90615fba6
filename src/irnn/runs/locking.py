"""A lock on a file, for what one process at a time may do: on file systems without `flock` too."""

import time
from pathlib import Path

from filelock import SoftFileLock, Timeout

from irnn.runs.system import Attempt, SystemLock

_LOOK_SECONDS = 0.05


class Lock:
    """The system's lock on a file; where there is none, a file beside it that exists while it is held.

    Such a file is left behind by a process that is killed. On the same machine the next one sees that
    and goes on; another machine cannot, and is told the file's name.

    Args:
        path: the file, in a folder that exists. It is made as the umask says, and stays.
        patience: seconds to wait for another process.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self._path, self._patience = path, patience
        self._lock = SystemLock(path)
        self._soft = SoftFileLock(path.with_name(f"{path.name}.held"), timeout=patience, mode=0o666)

    def acquire(self) -> None:
        """Take it.

        Raises:
            Timeout: Another process holds it.
            OSError: The folder cannot be written.
        """
        end = time.monotonic() + self._patience
        while (attempt := self._lock.acquire()) is Attempt.busy:
            if time.monotonic() >= end:
                raise Timeout(str(self._path))
            time.sleep(_LOOK_SECONDS)
        if attempt is Attempt.unsupported:
            self._soft.acquire()

    def release(self) -> None:
        """Let go, if it is held."""
        self._soft.release()
        self._lock.release()

    def __enter__(self) -> "Lock":
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
