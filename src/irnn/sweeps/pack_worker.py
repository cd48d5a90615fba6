"""What runs in the process of a pack: many jobs of one shape, on one GPU. It tells its parent of each.

A job is trained by a thread; whatever becomes of it, the others go on. What ends the process ends those that
are under way, and each continues from its checkpoint.
"""

import contextlib
import faulthandler
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from irnn.runs.mirrors import Mirrors
from irnn.runs.trackers import INTERRUPTED_SECONDS, finish_shared
from irnn.spec.config import Config, ConfigError
from irnn.sweeps.worker import ForwardingDisplay, Message, follow_parent, outcome, redirect
from irnn.system.exhausted import in_words

if TYPE_CHECKING:
    from irnn.training.pack_context import PackContext
    from irnn.training.pack_trainer import PackTrainer

FILES_EACH = 12
"""Descriptors that a run has open at most: its lock, its log, the file that it writes, and pipes to git."""

_SWITCH_SECONDS = 0.0002
"""That a thread keeps Python's one lock while others want it: the GPU idles while its driver waits."""

Open = Callable[[Config, int], "PackTrainer"]
"""Makes a pack for runs like this one, of which there are so many."""


def work(
    connection: "Connection[Any, Any]",
    alive: int,
    jobs: Sequence[tuple[bytes, Sequence[str]]],
    command: Sequence[str],
    gpu: int,
    at_once: int | None,
    log: Path,
) -> None:
    """Train jobs together, given as pickled configurations and overrides; entry point of a process."""
    signals: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: signals.append(number))
    follow_parent(alive)
    sys.argv[:] = ["irnn-train", *command]  # not how this process was really begun
    os.environ["CUDA_VISIBLE_DEVICES"] = _visible(gpu)
    with log.open("a", encoding="utf-8", errors="backslashreplace") as errors:
        redirect(errors.fileno())
        faulthandler.enable(errors)
        serve(connection, jobs, partial(open_here, at_once=at_once), signals)


class Listener(Protocol):
    """Who is told of jobs: the end of a pipe, or a list of some kind."""

    def send(self, told: Any, /) -> None:
        """Take in a message."""


def serve(
    connection: Listener,
    jobs: Sequence[tuple[bytes, Sequence[str]]],
    open_pack: Open,
    signals: list[int],
) -> None:
    """Train jobs in a pack, and tell ("begun", None) and then `worker.Message` of each, with its place."""
    lock = threading.Lock()

    def tell(place: int, message: Message) -> None:
        # An error: the parent is gone, which `follow_parent` sees to.
        with lock, contextlib.suppress(OSError):
            connection.send((*message, place))

    def one(place: int, context: "PackContext") -> None:
        packed, overrides = jobs[place]
        own = partial(tell, place)
        own(("begun", None))
        own(outcome(packed, overrides, partial(ForwardingDisplay, tell=own), context))

    try:
        first = _first(jobs)
        pack = open_pack(first, len(jobs))
    except Exception as error:
        why = f"no pack could be made ({in_words(error)}); sweep.pack=off trains without"
        for place in range(len(jobs)):
            tell(place, ("failed", why))
        return
    with os.fdopen(os.dup(2), "wb") as errors:  # this process's log, where it has one
        mirrors = Mirrors(errors)
        try:
            pack.train(range(len(jobs)), one, signals, mirrors)
        finally:
            timeout = first.tracker.timeout
            patience = min(timeout, INTERRUPTED_SECONDS) if signals else timeout
            finish_shared(mirrors, patience, "the log of its pack")


def open_here(first: Config, jobs: int, at_once: int | None) -> "PackTrainer":
    """Make a pack on the first GPU that this process sees, for `at_once` jobs at a time."""
    import torch

    from irnn.kernels.cuda import gpu
    from irnn.training import hardware
    from irnn.training.pack_trainer import PackTrainer, runs_at_once

    sys.setswitchinterval(_SWITCH_SECONDS)
    device = torch.device("cuda", 0)
    hardware.set_up(first.runtime, device)
    most = min(at_once or runs_at_once(first, device), jobs, _allowed_files() // FILES_EACH)
    return PackTrainer(first, max(1, most), device, partial(gpu.machine, device=device))


def _first(jobs: Sequence[tuple[bytes, Sequence[str]]]) -> Config:
    """Give the configuration of a job: one whose plug-in changed meanwhile is no example."""
    error: ConfigError | None = None
    for packed, _ in jobs:
        try:
            config: Config = pickle.loads(packed)
        except ConfigError as refused:
            error = refused
        else:
            return config
    assert error is not None
    raise error


def _allowed_files() -> int:
    """Allow this process as many open files as it may have, and say how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 1 << 16 if hard == resource.RLIM_INFINITY else hard
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def _visible(gpu: int) -> str:
    """Name a GPU among those that this process may use."""
    given = [word.strip() for word in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    return given[gpu] if any(given) and gpu < len(given) else str(gpu)
