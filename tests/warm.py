"""Commands in processes of their own that need not import PyTorch: forked by one that has.

A start of `python -m irnn.train` takes 2 s of a core, most of it for imports. Each process here is as fresh
as one that Python starts, but for what is imported: own arguments, folder, environment, streams and signals.
What looks at imports, or at what a library reads while it is imported, needs a process from scratch.
"""

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, NoReturn

_FREE = (
    "IRNN_RUNS",
    "COLUMNS",
    "TERM",
    "PYTEST_",
    "WANDB_",
    "HOME",
    "IRNN_NATIVE_ISA",
    "TORCHINDUCTOR_",
)
"""Variables that nothing reads before a command begins."""


_BEFORE = dict(os.environ)
"""The environment before any test changed it: what is forked from must not be one test's."""


class Started:
    """A command that was started: what tests need of `subprocess.Popen`."""

    def __init__(self, stdout: "IO[str] | None", status: int) -> None:
        self.stdout = stdout
        self._status = os.fdopen(status)
        self.pid = int(self._status.readline())
        self.returncode: int | None = None

    def __enter__(self) -> "Started":
        return self

    def __exit__(self, kind: "type[BaseException] | None", *_: object) -> None:
        if kind is not None:
            self.kill()
        self.wait()
        if self.stdout is not None:
            self.stdout.close()

    def wait(self) -> int:
        """Wait until it has ended; minus the signal where one ended it."""
        if self.returncode is None:
            self.returncode = int(self._status.readline())
            self._status.close()
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, None]:
        """Read until its output ends, and wait."""
        late = threading.Timer(timeout, self.kill)
        late.start()
        try:
            output = self.stdout.read() if self.stdout is not None else ""
            self.wait()
        finally:
            late.cancel()
        return output, None

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it is known to have ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class _Parent:
    """The process that forks."""

    def __init__(self) -> None:
        self.environment = _BEFORE
        self.socket, theirs = socket.socketpair()
        script = f"from tests.warm import serve; serve({theirs.fileno()})"
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parent.parent,
            env=_BEFORE,
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        atexit.register(self.end)

    def end(self) -> None:
        """End it."""
        self.socket.close()
        self.process.wait()


@cache
def _parent() -> _Parent:
    return _Parent()


def suits(env: dict[str, str]) -> bool:
    """Whether an environment is that of the process that forks, but for what a command itself reads."""
    here = _parent().environment
    changed = {key for key in {*env, *here} if env.get(key) != here.get(key)}
    return all(key.startswith(_FREE) for key in changed)


def launch(
    module: str,
    words: list[str],
    folder: Path,
    env: dict[str, str],
    stdout: int,
    stderr: int,
    shown: "IO[str] | None" = None,
) -> Started:
    """Run `python -m MODULE WORDS`; `shown` is the other end of a pipe to `stdout`."""
    reader, writer = os.pipe()
    request = json.dumps([module, words, str(folder), env]).encode()
    parent = _parent().socket
    try:
        socket.send_fds(parent, [len(request).to_bytes(4, "big")], [stdout, stderr, writer])
        parent.sendall(request)
    finally:
        os.close(writer)
    return Started(shown, reader)


def serve(number: int) -> None:
    """Fork for whoever asks, until nobody can any more."""
    import irnn.predict
    import irnn.report
    import irnn.reporting.command
    import irnn.sweeps.preload
    import irnn.sweeps.task
    import irnn.train
    from irnn.spec.composition import compose_config

    assert irnn.report
    for words in ([], ["tracker=none", "seed=1", "runs_dir='x'"]):
        compose_config(words)
    gc.freeze()  # a collection in a child would copy all pages
    asked = socket.socket(fileno=number)
    while True:
        head, descriptors, _, _ = socket.recv_fds(asked, 4, 3)
        if not head:
            return
        content = b""
        while len(content) < int.from_bytes(head, "big"):
            content += asked.recv(1 << 16)
        if os.fork() == 0:
            asked.close()
            _watch(json.loads(content), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _watch(request: "list[object]", stdout: int, stderr: int, status: int) -> None:
    """Fork once more, and tell how that ended; the process that forks has no time to wait."""
    pid = os.fork()
    if pid == 0:
        os.close(status)
        _become(*request, stdout, stderr)  # type: ignore[call-arg]
        return None
    for descriptor in (stdout, stderr):
        os.close(descriptor)
    os.write(status, b"%d\n" % pid)
    _, ended = os.waitpid(pid, 0)
    os.write(status, b"%d\n" % os.waitstatus_to_exitcode(ended))
    os._exit(0)


def _become(
    module: str, words: list[str], folder: str, env: dict[str, str], stdout: int, stderr: int
) -> NoReturn:
    """Be `python -m MODULE WORDS`."""
    for number, descriptor in ((1, stdout), (2, stderr)):
        os.dup2(descriptor, number)
    for descriptor in (stdout, stderr):
        os.close(descriptor)
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0] = folder
    sys.argv = [module, *words]
    del sys.modules[module]  # runpy warns of what is imported
    status: object = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        status = ended.code
    except BaseException:
        traceback.print_exc()
        status = 1
    # As Python ends, but without taking all modules apart, which takes a second.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status if isinstance(status, int) else status is not None)
