"""The process that jobs are forked from: it imports torch once, and none of them waits for that.

It is `multiprocessing`'s fork server but for what does not go together with a command line tool; see
docs/decisions/0015. It serves one parent, over a connection, and ends when the parent ends.
"""

import os
import pickle
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle
from typing import Any


def main() -> None:
    """Entry point: the descriptors of the connection to the parent, and of a pipe that ends with it."""
    parent, alive = (int(word) for word in sys.argv[1:])
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they are for the parent, which tells its jobs
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # they were blocked until here
    import irnn.sweeps.preload

    assert irnn.sweeps.preload
    _serve(Connection(parent), alive)
    os._exit(0)  # there is nothing to clear up, which takes a process with torch two seconds


def _serve(parent: "Connection[Any, Any]", alive: int) -> None:
    """Fork a job for every request; tell its process id, and in the end how it ended."""
    ended, wake = os.pipe()
    os.set_blocking(ended, False)
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    while True:
        ready = wait([parent, ended])
        if ended in ready:
            os.read(ended, 4096)
        try:
            _tell_ended(parent)
            if parent in ready:
                _fork(parent, alive, (ended, wake))
        except (EOFError, ConnectionError):
            return


def _tell_ended(parent: "Connection[Any, Any]") -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        parent.send(("ended", pid, os.waitstatus_to_exitcode(status)))


def _fork(parent: "Connection[Any, Any]", alive: int, ours: tuple[int, int]) -> None:
    request = parent.recv_bytes()
    handle = recv_handle(parent)
    try:
        pid = os.fork()
    except OSError as error:
        os.close(handle)
        parent.send(("refused", 0, error.strerror or str(error)))
        return
    if pid == 0:
        _become_job(parent, request, handle, alive, ours)
    os.close(handle)
    parent.send(("forked", pid, None))


def _become_job(
    parent: "Connection[Any, Any]",
    request: bytes,
    handle: int,
    alive: int,
    servers: tuple[int, int],
) -> None:
    """Do what was asked for in this process, and end it."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        parent.close()
        for descriptor in servers:
            os.close(descriptor)
        folder, variables, function, arguments = pickle.loads(request)
        if folder is not None:
            os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        function(Connection(handle, readable=False), alive, *arguments)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
