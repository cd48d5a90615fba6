"""Train jobs side by side, each in a process of its own, until none is left or a signal comes."""

import pickle
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import Any, Protocol

from irnn.sweeps import forking, pack_worker, packs, worker
from irnn.sweeps.grid import without_bookkeeping
from irnn.sweeps.job import ELSEWHERE, FAILED, LEFT, RUNNING, STOPPED, Job
from irnn.sweeps.packs import Pack
from irnn.system import signals
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
    """A process, the jobs that it was given, and those of them that have not ended."""

    jobs: Sequence[Job]
    child: forking.Child
    pack: Pack | None = None

    def __post_init__(self) -> None:
        self.open = list(self.jobs)


class Pool:
    """Train jobs: first those of packs, each pack in a process; then others, `at_once` of them at a time.

    Args:
        jobs: what to train; their states are kept up to date.
        at_once: jobs at a time that are in no pack.
        command: the words of this command, for the runs' provenance.
        fail_fast: end all jobs when one fails.
        watcher: told what happens.
        packed: some of the jobs.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        at_once: int,
        command: Sequence[str],
        fail_fast: bool,
        watcher: Watcher,
        packed: Sequence[Pack] = (),
    ) -> None:
        self._packs = list(packed)
        self._jobs = jobs
        self._to_start = iter(jobs)
        self._at_once = at_once
        self._command = list(command)
        self._fail_fast = fail_fast
        self._watcher = watcher
        self._running: list[_Running] = []
        self._stopping = False
        self._signals: list[int] = []
        self._handled = 0
        self._next_signal = 0.0
        self._next_look: dict[str, float] = {}

    def run(self) -> int | None:
        """Train until nothing is left to do; give the signal that ended it, if one did."""
        with signals.collected() as self._signals:
            try:
                while True:
                    self._fill_places()
                    if not self._running and not self._is_waiting():
                        break
                    self._listen()
                    self._look_elsewhere()
                    self._handle_signals()
                    self._watcher.refresh(self._jobs, self._now_at_once())
            finally:
                self._kill()
            return self._signals[0] if self._signals else None

    def _is_waiting(self) -> bool:
        return not self._stopping and any(job.state == ELSEWHERE for job in self._jobs)

    def _now_at_once(self) -> int:
        if any(running.pack for running in self._running):
            return max(1, sum(job.state == RUNNING for job in self._jobs))
        return self._at_once

    def _fill_places(self) -> None:
        """Start packs, then jobs; last those that another process had."""
        self._start_packs()
        if self._packs or any(running.pack for running in self._running):
            return  # what is trained beside a pack would slow both
        while not self._stopping and len(self._running) < self._at_once:
            job = next((job for job in self._to_start if job.state == LEFT), None)
            if job is not None:
                job.state = RUNNING
            elif (job := self._retry()) is None:
                break
            job.begin()
            self._launch(job)

    def _start_packs(self) -> None:
        """Start a pack on every GPU that has none."""
        for pack in [] if self._stopping else list(self._packs):
            if pack.gpu in {each.pack.gpu for each in self._running if each.pack}:
                continue
            self._packs.remove(pack)
            given = [
                (pickle.dumps(job.config), without_bookkeeping(job.overrides)) for job in pack.jobs
            ]
            log = packs.log_of(pack)
            try:
                words = (given, self._command, pack.gpu, pack.at_once, log)
                child = forking.fork(pack_worker.work, *words)
            except HelperError as error:
                for job in pack.jobs:
                    job.end(FAILED, error=str(error))
                    self._ended(job)
            else:
                self._running.append(_Running(pack.jobs, child, pack))

    def _retry(self) -> Job | None:
        """A job that another process trained when last asked, and may have left since."""
        busy = {job.run_id for running in self._running for job in running.open}
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
            self._running.append(_Running([job], child))

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
                kind, content, *place = running.child.connection.recv()
                job = running.jobs[place[0] if place else 0]
                if kind == "begun":
                    job.begin()
                if kind not in ("begun", "progress"):
                    self._end(running, job, kind, content)
                    if not running.open:
                        return
                    continue
                job.state = RUNNING
                if content is not None:
                    job.progress.update(content)
        except (EOFError, OSError):
            self._died(running)

    def _died(self, running: _Running) -> None:
        """End the jobs of a process that told no end of theirs; those it had not begun are packed again."""
        begun = [job for job in running.open if job.state != LEFT]
        waiting = [job for job in running.open if job.state == LEFT]
        if running.pack and waiting and (begun or len(waiting) < len(running.jobs)):
            self._packs.append(replace(running.pack, jobs=waiting))
            running.open = begun
        self._finish(running)
        for job in list(running.open):
            self._end(running, job, "died", None)

    def _finish(self, running: _Running) -> None:
        """See a process end that has nothing to do any more."""
        self._running.remove(running)
        running.child.connection.close()
        if not running.child.join(_END_SECONDS):
            running.child.kill()
            running.child.join(_END_SECONDS)

    def _end(self, running: _Running, job: Job, kind: str, content: Any) -> None:
        running.open.remove(job)
        if not running.open and kind != "died":
            self._finish(running)
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
            job.end(FAILED, error=content or running.child.how_it_ended())
        self._ended(job)

    def _ended(self, job: Job) -> None:
        self._watcher.ended(job)
        if job.state == FAILED and self._fail_fast and not self._stopping:
            self._stop("sweep.fail_fast=true")

    def _look_elsewhere(self) -> None:
        """Take in results of other processes."""
        for job in self._jobs:
            if job.state != ELSEWHERE or any(
                job is each for running in self._running for each in running.open
            ):
                continue
            if job.look_up():
                self._ended(job)

    def _handle_signals(self) -> None:
        if len(self._signals) > self._handled:
            self._handled = len(self._signals)
            if self._handled > 1:
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
