"""The process that mirrors runs of this one to W&B: one for a run alone, one for all runs of a pack."""

import multiprocessing
import queue
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

from irnn.runs.provenance import command_line
from irnn.system import helpers

_ENDING_SECONDS = 3.0  # that the process has to end, once all is passed on


class Mirrors:
    """Tells such a process of runs that begin and end, from any thread; nothing here waits for W&B.

    Args:
        errors: where the process prints to; it is not closed.
    """

    def __init__(self, errors: IO[bytes]) -> None:
        self._errors = errors
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any]
        self._to_tell: queue.SimpleQueue[tuple[str, str, Mapping[str, Any] | None] | None]
        self._became: dict[Path, bool | None] = {}  # None: not done yet

    def begin(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Mirror a run from now on, with these arguments of `wandb.init`.

        Raises:
            OSError, HelperError: The process cannot be started.
        """
        with self._changed:
            if self._process is None:
                self._start()
            self._became[folder] = None
        self._to_tell.put(("begin", str(folder), settings))

    def end(self, folder: Path) -> None:
        """Say that a run has ended: what is left is passed on, and that was it."""
        self._to_tell.put(("end", str(folder), None))

    def wait(self, seconds: float) -> dict[Path, bool | None]:
        """Wait for runs that have ended, and give for each whether it was mirrored well.

        Args:
            seconds: without any run being done, after which those that are not are given up: None.
        """
        with self._changed:
            left, until = self._left(), time.monotonic() + seconds
            while left and (patience := until - time.monotonic()) > 0:
                self._changed.wait(patience)
                if (now := self._left()) < left:
                    left, until = now, time.monotonic() + seconds
            return dict(self._became)

    def close(self) -> None:
        """End the process, whatever it has not done yet."""
        if self._process is None:
            return
        done = self._left() == 0
        self._to_tell.put(None)
        self._connection.close()
        try:
            self._process.wait(_ENDING_SECONDS if done else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _left(self) -> int:
        return sum(well is None for well in self._became.values())

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        with theirs:
            given = theirs.fileno()
            self._process = helpers.start(
                "irnn.runs.wandb_mirror", [str(given), *command_line()], self._errors,
                stdin=subprocess.DEVNULL, pass_fds=(given,),
                start_new_session=True,  # Ctrl-C is for the trainer
            )  # fmt: skip
        self._to_tell = queue.SimpleQueue()
        for work in (self._tell, self._listen):
            threading.Thread(target=work, daemon=True).start()

    def _tell(self) -> None:
        """Pass messages on, which waits where W&B does."""
        with suppress(OSError, ValueError):  # the process, or the connection, is no more
            while (message := self._to_tell.get()) is not None:
                self._connection.send(message)

    def _listen(self) -> None:
        try:
            while True:
                folder, well = self._connection.recv()
                with self._changed:
                    self._became[Path(folder)] = well
                    self._changed.notify_all()
        except (EOFError, OSError):
            with self._changed:
                for folder, well in self._became.items():
                    self._became[folder] = bool(well)
                self._changed.notify_all()
