"""Jobs in processes of their own, forked by a server (`irnn.sweeps.server`) that has imported torch."""

import atexit
import multiprocessing
import os
import pickle
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path
from typing import Any

from irnn.system import helpers
from irnn.system.helpers import HelperError

_START_SECONDS = 300.0  # for a server to import torch, from a cold network disk


class Child:
    """A process that does one job.

    Args:
        server: that it was forked by.
        pid: its process id.

    `connection` is what it tells through; it ends when the process ends.
    """

    def __init__(self, server: "_Server", pid: int, connection: "Connection[Any, Any]") -> None:
        self._server, self.pid, self.connection = server, pid, connection

    def join(self, seconds: float) -> bool:
        """Wait until it has ended, but no longer than this; say whether it has."""
        return self._server.wait_for(self.pid, seconds)

    def terminate(self) -> None:
        """Send SIGTERM, unless it has ended."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL, unless it has ended."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if not self.join(0):
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def how_it_ended(self) -> str:
        """Say how it ended, where it told nothing."""
        status = self._server.statuses.get(self.pid)
        if status is None:
            return f"ended without a result; {self._server.how_it_ended()}"
        return how_it_ended(status)


class _Server:
    """The server's process, as its parent sees it."""

    def __init__(self) -> None:
        ours, theirs = multiprocessing.Pipe()
        alive, self._keep_alive = os.pipe()
        self._errors = helpers.errors_file()
        try:
            with _signals_blocked():
                self._process = helpers.start(
                    "irnn.sweeps.server",
                    [str(theirs.fileno()), str(alive)],
                    self._errors,
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(), alive),
                )
        except HelperError:
            self._errors.close()
            os.close(self._keep_alive)
            raise
        finally:
            theirs.close()
            os.close(alive)
        self._connection: Connection[Any, Any] = ours
        self.statuses: dict[int, int] = {}
        """How those that ended did: exit status, or minus the signal."""

    def is_running(self) -> bool:
        """Whether it can fork."""
        return self._process.poll() is None

    def fork(self, function: Callable[..., None], *arguments: Any) -> Child:
        """Call `function(connection, alive, *arguments)` in a process of its own.

        Raises:
            HelperError: It cannot be had.
        """
        ours, theirs = multiprocessing.Pipe(duplex=False)
        request = (_working_folder(), helpers.environment(), function, arguments)
        with theirs:
            try:
                self._connection.send_bytes(pickle.dumps(request))
                send_handle(self._connection, theirs.fileno(), self._process.pid)
                while True:
                    if not self._connection.poll(_START_SECONDS):
                        self._process.kill()
                        raise HelperError(f"no process could be had in {_START_SECONDS:g} s")
                    kind, pid, content = self._connection.recv()
                    if kind == "forked":
                        return Child(self, pid, ours)
                    if kind == "refused":
                        raise HelperError(
                            f"cannot start a process ({content}); see `ulimit -u` and the free memory"
                        )
                    self.statuses[pid] = content
            except (EOFError, OSError) as error:
                raise HelperError(self.how_it_ended()) from error

    def wait_for(self, pid: int, seconds: float) -> bool:
        """Wait until a process has ended, but no longer than this; say whether it has."""
        end = time.monotonic() + seconds
        while pid not in self.statuses:
            left = max(0.0, end - time.monotonic())
            try:
                if not self._connection.poll(left):
                    return False
                _, ended, status = self._connection.recv()
                self.statuses[ended] = status
            except (EOFError, OSError):  # the other end is gone
                return not _exists(pid, left)
        return True

    def how_it_ended(self) -> str:
        """Say how it ended, in the words of a refusal."""
        with suppress(Exception):
            self._process.wait(5)
        status = self._process.returncode
        line = helpers.last_line(self._errors)
        died = "does not answer" if status is None else how_it_ended(status)
        return f"the process that jobs are forked from {died}{f': {line}' if line else ''}"

    def close(self) -> None:
        """End it; its jobs end with a checkpoint."""
        self._connection.close()
        os.close(self._keep_alive)
        try:
            self._process.wait(5)
        except Exception:
            self._process.kill()
            self._process.wait()
        self._errors.close()


class _Servers:
    """The server of this process, started when it is first needed and again when it has died."""

    def __init__(self) -> None:
        self._latest: _Server | None = None

    def running(self) -> _Server:
        """Give one that runs."""
        if self._latest is None or not self._latest.is_running():
            self._latest = _Server()
            atexit.register(self._latest.close)
        return self._latest


_servers = cache(_Servers)


def fork(function: Callable[..., None], *arguments: Any) -> Child:
    """Call `function(connection, alive, *arguments)` in a process of its own, in this one's working folder.

    Args:
        function: known by its module and name. It is given the connection to tell through, and the
            descriptor of a pipe that ends when this process ends.
        arguments: what it is given besides.

    Raises:
        HelperError: No process can be had.
    """
    try:
        return _servers().running().fork(function, *arguments)
    except HelperError:
        server = _servers().running()  # killed meanwhile, a server is no reason to lose a job
        return server.fork(function, *arguments)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Let a process that starts meanwhile see no signal of a terminal or group before it can ignore it."""
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    )
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _working_folder() -> str | None:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return None


def _exists(pid: int, seconds: float) -> bool:
    """Whether a process still exists after so long."""
    end = time.monotonic() + seconds
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # somebody else's by now
            return False
        if time.monotonic() >= end:
            return True
        time.sleep(0.02)


def how_it_ended(status: int) -> str:
    """Say how a process ended: exit status, or minus the signal."""
    if status < 0:
        with suppress(ValueError):
            name = signal.Signals(-status).name
            memory = ", as a machine out of memory does" if name == "SIGKILL" else ""
            return f"was killed by {name}{memory}"
    return f"ended without a result (exit status {status})"
