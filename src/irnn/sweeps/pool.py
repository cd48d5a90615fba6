"""Train jobs side by side, each in a process of its own, until none is left or a signal comes."""

import pickle
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from types import FrameType
from typing import Any, Protocol

from irnn.spec.config import Config, ConfigError
from irnn.sweeps import forking, worker
from irnn.sweeps.grid import without_bookkeeping
from irnn.sweeps.job import ELSEWHERE, FAILED, LEFT, RUNNING, STOPPED, Job
from irnn.system.helpers import HelperError

_LOOK_SECONDS = 0.25
_END_SECONDS = 5.0  # for a process to end that has told how its job ended, or was killed
_ELSEWHERE_SECONDS = 2.0  # between looks at a run that another process trains


class Watcher(Protocol):
    """An observer of a sweep."""

    def ended(self, job: Job) -> None:
        """A job was finished, failed, or turned out to be trained elsewhere."""

    def requeued(self, job: Job) -> None:
        """A cluster took a job's place away; it is in the queue again."""

    def stopping(self, why: str) -> None:
        """All running jobs were told to write a checkpoint and end."""

    def refresh(self, jobs: Sequence[Job], at_once: int) -> None:
        """Time has passed."""


@dataclass
class _Running:
    job: Job
    child: forking.Child


class Pool:
    """Train jobs, `at_once` of them at a time.

    Args:
        jobs: what to train; their states are kept up to date.
        at_once: jobs at a time.
        command: the words of this command, for the runs' provenance.
        fail_fast: end all jobs when one fails.
        watcher: told what happens.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        at_once: int,
        command: Sequence[str],
        fail_fast: bool,
        watcher: Watcher,
    ) -> None:
        self._jobs = jobs
        self._to_start = iter(jobs)
        self._at_once = at_once
        self._command = list(command)
        self._fail_fast = fail_fast
        self._watcher = watcher
        self._running: list[_Running] = []
        self._stopping = False
        self._signals: list[int] = []
        self._heeded = 0
        self._next_signal = 0.0
        self._next_look: dict[str, float] = {}

    def run(self) -> int | None:
        """Train until nothing is left to do; give the signal that ended it, if one did."""
        with received_signals() as self._signals:
            try:
                while True:
                    self._fill_places()
                    if not self._running and not self._is_waiting():
                        break
                    self._listen()
                    self._look_elsewhere()
                    self._heed_signals()
                    self._watcher.refresh(self._jobs, self._at_once)
            finally:
                self._kill()
            return self._signals[0] if self._signals else None

    def _is_waiting(self) -> bool:
        return not self._stopping and any(job.state == ELSEWHERE for job in self._jobs)

    def _fill_places(self) -> None:
        """Start jobs; last those that another process had."""
        while not self._stopping and len(self._running) < self._at_once:
            job = next((job for job in self._to_start if job.state == LEFT), None)
            if job is not None:
                job.state = RUNNING
            elif (job := self._retry()) is None:
                break
            job.begin()
            self._launch(job)

    def _retry(self) -> Job | None:
        """A job that another process trained when last asked, and may have left since."""
        busy = {running.job.run_id for running in self._running}
        now = time.monotonic()
        for job in self._jobs:
            if job.state != ELSEWHERE or job.run_id in busy or now < self._next_look[job.run_id]:
                continue
            self._next_look[job.run_id] = now + _ELSEWHERE_SECONDS
            return job
        return None

    def _launch(self, job: Job) -> None:
        overrides = without_bookkeeping(job.overrides)
        try:
            packed = pickle.dumps(job.config)
            child = forking.fork(worker.work, packed, overrides, self._command)
        except HelperError as error:
            job.end(FAILED, error=str(error))
            self._ended(job)
        else:
            self._running.append(_Running(job, child))

    def _listen(self) -> None:
        """Take in what the jobs tell, or wait a moment."""
        if not self._running:
            time.sleep(_LOOK_SECONDS)
        ready = wait([running.child.connection for running in self._running], timeout=_LOOK_SECONDS)
        for running in [each for each in self._running if each.child.connection in ready]:
            self._hear(running)

    def _hear(self, running: _Running) -> None:
        try:
            while running.child.connection.poll():
                kind, content = running.child.connection.recv()
                if kind != "progress":
                    return self._end(running, kind, content)
                running.job.state = RUNNING
                running.job.progress.update(content)
        except (EOFError, OSError):
            self._end(running, "died", None)

    def _end(self, running: _Running, kind: str, content: Any) -> None:
        self._running.remove(running)
        running.child.connection.close()
        if not running.child.join(_END_SECONDS):
            running.child.kill()
            running.child.join(_END_SECONDS)
        job = running.job
        if kind == "result":
            job.finish(content)
        elif kind == "busy":
            self._next_look[job.run_id] = time.monotonic() + _ELSEWHERE_SECONDS
            known = job.state == ELSEWHERE
            job.end(ELSEWHERE, error=content)
            if known:
                return
        elif kind == "stopped" or (kind == "died" and self._stopping):
            job.end(STOPPED)
            return
        else:
            job.end(FAILED, error=content or running.child.how_it_died())
        self._ended(job)

    def _ended(self, job: Job) -> None:
        self._watcher.ended(job)
        if job.state == FAILED and self._fail_fast and not self._stopping:
            self._stop("sweep.fail_fast=true")

    def _look_elsewhere(self) -> None:
        """Take in results of other processes."""
        for job in self._jobs:
            if job.state != ELSEWHERE or any(job is running.job for running in self._running):
                continue
            if job.look_up():
                self._ended(job)

    def _heed_signals(self) -> None:
        if len(self._signals) > self._heeded:
            self._heeded = len(self._signals)
            if self._heeded > 1:
                self._kill()
            elif not self._stopping:
                self._stop(signal.Signals(self._signals[0]).name)
        if self._stopping and time.monotonic() >= self._next_signal:
            self._next_signal = time.monotonic() + worker.RESEND_SECONDS
            for running in self._running:
                running.child.terminate()

    def _stop(self, why: str) -> None:
        self._stopping = True
        self._watcher.stopping(why)

    def _kill(self) -> None:
        for running in self._running:
            running.child.kill()


def devices(configs: Sequence[Config]) -> list[str]:
    """Give the kinds of device, cpu, cuda or mps, that these runs would train on here.

    Asks a process of its own, so that this one need not import torch.

    Raises:
        ConfigError: One of them cannot train on this machine.
        HelperError: There is no such process.
    """
    child = forking.fork(worker.probe, list(configs))
    with child.connection as connection:
        try:
            answer = connection.recv()
        except EOFError:
            child.join(_END_SECONDS)
            raise HelperError(f"the process that looks for devices {child.how_it_died()}") from None
    if isinstance(answer, ConfigError):
        raise answer
    return list(answer)


@contextmanager
def received_signals() -> Iterator[list[int]]:
    """Collect SIGINT, SIGTERM and SIGHUP while the context lasts.

    Of SIGHUP only what comes first counts: of a terminal that goes, the kernel and the shell both tell.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def remember(number: int, _: FrameType | None) -> None:
        if number != signal.SIGHUP or not received:
            received.append(number)

    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        handler = signal.getsignal(number)
        if handler not in (signal.SIG_IGN, None):
            before[number] = handler
    try:
        for number in before:
            signal.signal(number, remember)
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
