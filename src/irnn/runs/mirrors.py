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

Messages = queue.SimpleQueue[tuple[str, str, Mapping[str, Any] | None] | None]


class Mirrors:
    """Tells such a process of runs that begin and end, from any thread; nothing here waits for W&B.

    It is started when it is needed, and anew where it died.

    Args:
        errors: where the process prints to; it is not closed.
    """

    def __init__(self, errors: IO[bytes]) -> None:
        self._errors = errors
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._alive = False
        self._messages: Messages = queue.SimpleQueue()
        self._outcomes: dict[Path, bool | None] = {}  # whether all went well; None: not done yet

    def begin(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Mirror a run from now on, with these arguments of `wandb.init`.

        Raises:
            OSError, HelperError: The process cannot be started.
        """
        with self._changed:
            if not self._alive:
                self._start()
            self._outcomes[folder] = None
            self._messages.put(("begin", str(folder), settings))

    def end(self, folder: Path) -> None:
        """Say that a run has ended: what is left is passed on, and that was it."""
        self._messages.put(("end", str(folder), None))

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
            return dict(self._outcomes)

    def close(self) -> int | None:
        """End the process, whatever it has not done yet; give its exit status, if there was one."""
        if self._process is None:
            return None
        self._messages.put(None)
        try:
            return self._process.wait(_ENDING_SECONDS if self._left() == 0 else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _left(self) -> int:
        return sum(well is None for well in self._outcomes.values())

    def _start(self) -> None:
        if self._process is not None:  # and has nobody to listen to, or to tell
            self._process.kill()
            self._process.wait()
        requests, to_mirror = multiprocessing.Pipe(duplex=False)
        from_mirror, answers = multiprocessing.Pipe(duplex=False)
        try:
            with requests, answers:
                given = (requests.fileno(), answers.fileno())
                self._process = helpers.start(
                    "irnn.runs.wandb_mirror", [*map(str, given), *command_line()], self._errors,
                    stdin=subprocess.DEVNULL, pass_fds=given,
                    start_new_session=True,  # Ctrl-C is for the trainer
                )  # fmt: skip
        except BaseException:
            to_mirror.close()
            from_mirror.close()
            raise
        self._alive, self._messages = True, queue.SimpleQueue()
        for work in ((_pass_on, self._messages, to_mirror), (self._listen, from_mirror)):
            threading.Thread(target=work[0], args=work[1:], daemon=True).start()

    def _listen(self, from_mirror: "Connection[Any, Any]") -> None:
        with from_mirror, suppress(EOFError, OSError):
            while True:
                folder, well = from_mirror.recv()
                with self._changed:
                    self._outcomes[Path(folder)] = well
                    self._changed.notify_all()
        with self._changed:  # the process is no more
            self._alive = False
            for folder, well in self._outcomes.items():
                self._outcomes[folder] = bool(well)
            self._changed.notify_all()


def _pass_on(messages: Messages, to_mirror: "Connection[Any, Any]") -> None:
    """Send messages, which waits where W&B does, until there are no more; then let the process know."""
    with to_mirror, suppress(OSError):
        while (message := messages.get()) is not None:
            to_mirror.send(message)
