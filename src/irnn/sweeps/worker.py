"""What runs in the process of one job. It tells its parent how far it is, and its log everything.

Each job has a process of its own, forked from a server that has imported torch: a job that is killed or
crashes takes nothing with it, and none waits seconds for imports.
"""

import contextlib
import faulthandler
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from functools import partial
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irnn.runs.directory import RunDirectory
from irnn.runs.ownership import BusyError
from irnn.spec.config import Config, ConfigError
from irnn.sweeps.job import EXPLAINED, why_failed
from irnn.tasks.metric import losses
from irnn.training.display import Display

if TYPE_CHECKING:
    from irnn.tasks.base import Task
    from irnn.training.pack_context import PackContext

RESEND_SECONDS = 5.0
"""Between the signals to a job that is to end: one may fall into the moment before it listens."""

_TICK_SECONDS = 0.5

Message = tuple[str, Any]
"""What a job tells, in a pack with its place there: ("progress", numbers), and last of all
("result", result), ("busy", why), ("failed", why) or ("stopped", None)."""


def work(
    connection: "Connection[Message, Any]",
    alive: int,
    packed: bytes,
    overrides: Sequence[str],
    command: list[str],
) -> None:
    """Train one run, whose configuration is pickled; entry point of a job's process."""
    follow_parent(alive)
    sys.argv[:] = ["irnn-train", *command]  # not how this process was really begun
    with Path(os.devnull).open("w") as nowhere:
        redirect(nowhere.fileno())
    tell = partial(_tell, connection)
    tell(outcome(packed, overrides, partial(JobDisplay, tell=tell)))


def outcome(
    packed: bytes, overrides: Sequence[str], display: Any, pack: "PackContext | None" = None
) -> Message:
    """Train one run, whose configuration is pickled, and give what is told last; nothing is raised."""
    from irnn.training.loop import Interrupted
    from irnn.training.session import run

    try:
        config: Config = pickle.loads(packed)  # which loads the plug-in that it is of
    except ConfigError as error:
        return "failed", str(error)
    try:
        return "result", run(config, overrides, display, pack=pack)
    except BusyError as error:
        return "busy", str(error)
    except Interrupted:
        return "stopped", None
    except EXPLAINED as error:
        return "failed", why_failed(error, overrides)
    except BaseException as error:
        log_traceback(RunDirectory.of(config))
        return "failed", f"{type(error).__name__}: {error}"


class ForwardingDisplay(Display):
    """Show a run in its log only, and tell its numbers."""

    def __init__(self, log: Path, total: int | None, task: "Task", *, tell: Any) -> None:
        super().__init__(log, total, task, live=False)
        self._tell, self._total_updates = tell, total
        self._next_tell = 0.0

    def _show(self, text: str) -> None:
        """Show nothing: the sweep has the screen."""

    def tick(self, step: int, rate: float) -> None:
        """Tell how far the run is."""
        now = time.monotonic()
        if now >= self._next_tell:
            self._next_tell = now + _TICK_SECONDS
            self._tell(("progress", {"step": step, "rate": rate, "total": self._total_updates}))

    def evaluated(self, record: dict[str, Any]) -> None:
        """Log an evaluation and tell its numbers."""
        super().evaluated(record)
        train, test = losses(record)
        fields = {"step": record["step"], "train_loss": train, "test_loss": test}
        self._tell(("progress", {**fields, "total": self._total_updates}))


class JobDisplay(ForwardingDisplay):
    """Log whatever else the process prints, too."""

    def __init__(self, log: Path, total: int | None, task: "Task", *, tell: Any) -> None:
        super().__init__(log, total, task, tell=tell)
        redirect(self._log.fileno())
        faulthandler.enable(self._log)
        # From here on the session takes the first SIGTERM; more of them, from a process group's end and
        # from the parent, must not cut the checkpoint short that it writes.
        signal.signal(signal.SIGTERM, lambda *_: None)


def _tell(connection: "Connection[Message, Any]", message: Message) -> None:
    with contextlib.suppress(OSError):  # the parent is gone, which `follow_parent` sees to
        connection.send(message)


def follow_parent(alive: int) -> None:
    """End, with a checkpoint, when the parent ends, however that ends."""

    def follow() -> None:
        wait([alive])
        while True:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(RESEND_SECONDS)

    threading.Thread(target=follow, daemon=True).start()


def redirect(descriptor: int) -> None:
    """Write to a file what this process prints."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def log_traceback(directory: RunDirectory) -> None:
    """Add the traceback of the exception that is being handled to a run's log, if it has a folder."""
    with (
        contextlib.suppress(OSError),
        directory.log.open("a", encoding="utf-8", errors="backslashreplace") as log,
    ):
        log.write(traceback.format_exc())
