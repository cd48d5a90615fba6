"""Curves of the runs of a pack, drawn by other processes: each takes an interpreter a quarter of a second."""

import multiprocessing
import queue
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from irnn.runs import curve
from irnn.runs.files import StorageError
from irnn.system import helpers
from irnn.system.exhausted import in_words
from irnn.system.helpers import HelperError


class _Drawer:
    """A process that draws what it is sent, and ends when this one does."""

    def __init__(self) -> None:
        self.connection: Connection[Any, Any]
        self.connection, theirs = multiprocessing.Pipe()
        with theirs, helpers.errors_file() as errors:
            given = theirs.fileno()
            self.process = helpers.start(
                "irnn.runs.drawers", [str(given)], errors,
                stdin=subprocess.DEVNULL, start_new_session=True, pass_fds=(given,),
            )  # fmt: skip

    def end(self) -> None:
        """Let it end, and wait for that."""
        self.connection.close()
        self.process.wait()


class Drawers:
    """Draws as `curve.draw` does, from any thread, in processes that are started when they are needed.

    Args:
        most: processes.
    """

    def __init__(self, most: int) -> None:
        self._idle: queue.LifoQueue[_Drawer | None] = queue.LifoQueue()
        for _ in range(most):
            self._idle.put(None)  # may be started

    def draw(self, *arguments: Any) -> None:
        """Draw, and wait for it; see `curve.draw`.

        Raises:
            StorageError: The picture cannot be written.
            RuntimeError: It cannot be drawn.
        """
        drawer = self._idle.get()
        try:
            drawer = drawer or _Drawer()
            drawer.connection.send(arguments)
            error = drawer.connection.recv()
        except (HelperError, EOFError, OSError):  # no process, or it was killed
            if drawer is not None:
                drawer.end()
                drawer = None
            curve.draw(*arguments)
            return
        finally:
            self._idle.put(drawer)
        if error is not None:
            raise error

    def close(self) -> None:
        """Let the processes end."""
        with suppress(queue.Empty):
            while True:
                if (drawer := self._idle.get_nowait()) is not None:
                    drawer.end()


def main() -> None:
    """Entry point of such a process: the descriptor of its connection."""
    connection: Connection[Any, Any] = Connection(int(sys.argv[1]))
    with suppress(EOFError, OSError):
        while True:
            connection.send(_drawn(connection.recv()))


def _drawn(arguments: Any) -> Exception | None:
    try:
        curve.draw(*arguments)
    except StorageError as error:
        return StorageError(*error.args)
    except Exception as error:  # which may be of a class that cannot travel
        return RuntimeError(in_words(error))
    return None
