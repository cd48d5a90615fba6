"""Bytes to a descriptor, from a thread of its own: a reader that is slow, stuck or gone delays no work."""

import os
import select
import threading

_CHUNK = 4096  # so that progress is seen
_MOST_PENDING = 1 << 20  # bytes kept for a reader that takes none


class Writer:
    """Writes to one descriptor.

    Args:
        descriptor: of what is written to, such as 1.

    `error` is the last one that it met. What could not be written then is forgotten.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._begin()
        self.error: OSError | None = None

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._pending = bytearray()
        self._changed = threading.Condition()
        self._stuck = False
        self._thread = threading.Thread(target=self._run, name="irnn-screen", daemon=True)
        self._alone = False  # no thread could be had

    def write(self, content: bytes, seconds: float | None) -> None:
        """Hand over bytes, and wait until they are written, but no longer than this.

        Once that time has passed in vain, nothing is waited for until the reader has caught up, and of
        what it would have to catch up with only so much is kept. None: for as long as it takes.
        """
        if self._pid != os.getpid():  # a thread does not survive a fork
            self._begin()
        with self._changed:
            if seconds is not None and len(self._pending) + len(content) > _MOST_PENDING:
                return
            self._pending += content
            if self._started():
                self._changed.notify_all()
        if self._alone:
            self._write_pending()
        elif not (self._stuck and seconds is not None):
            self._stuck = not self.drain(seconds)

    def drain(self, seconds: float | None) -> bool:
        """Wait until all is written; False: it was not within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._pending, seconds)

    def finish(self, seconds: float) -> None:
        """Wait until all is written or the reader has taken nothing for so long."""
        while not self.drain(0):
            before = len(self._pending)
            if not self.drain(seconds) and len(self._pending) == before:
                return

    def _started(self) -> bool:
        if self._thread.ident is None:
            try:
                self._thread.start()
            except RuntimeError:  # as many threads as this user may have
                self._alone = True
        return not self._alone

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending)
            self._write_chunk()

    def _write_pending(self) -> None:
        while self._pending:
            self._write_chunk()

    def _write_chunk(self) -> None:
        chunk = bytes(self._pending[:_CHUNK])
        try:
            taken = os.write(self._descriptor, chunk)
        except BlockingIOError:  # another process of this terminal made it so
            select.select([], [self._descriptor], [], 1.0)
            return
        except OSError as error:
            self.error = error
            taken = len(self._pending)
        with self._changed:
            del self._pending[:taken]
            self._stuck = self._stuck and bool(self._pending)
            self._changed.notify_all()
