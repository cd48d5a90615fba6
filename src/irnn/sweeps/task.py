"""A sweep as Hydra's plugins see it: the task function, what its jobs became, and the last lines."""

import shlex
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from irnn.runs.directory import RunDirectory
from irnn.runs.files import StorageError
from irnn.runs.finding import runs_root
from irnn.runs.ownership import BusyError
from irnn.spec.composition import Composer, to_config
from irnn.spec.config import ConfigError
from irnn.spec.plugins import load
from irnn.sweeps import packs
from irnn.sweeps.grid import without_bookkeeping
from irnn.sweeps.job import EXPLAINED, FAILED, Job, objective
from irnn.sweeps.launch import (
    Engine,
    Here,
    counted_as_joblib,
    make_jobs,
    note,
    train,
)
from irnn.sweeps.naming import in_sweep
from irnn.sweeps.returns import as_return, error_of
from irnn.sweeps.view import View, tally, where_to_look
from irnn.system import screen
from irnn.system.helpers import HelperError
from irnn.system.paths import as_argument

_MOST_NAMED = 10  # failed jobs in the last lines


class SweepTask:
    """What Hydra is asked to run, and the memory of one sweep.

    Args:
        command: the words of the command.
        composer: composes its jobs.
        shared: overrides that all jobs have, which do not name one.
    """

    def __init__(
        self, command: Sequence[str], composer: Composer, shared: Sequence[str] = ()
    ) -> None:
        self.command = list(command)
        self.composer = composer
        self.shared = frozenset(shared)
        self.jobs: list[Job] = []
        self.expected: int | None = None
        """How many jobs a search will ask for; None: those that are known."""
        self.extra_lines: list[str] = []
        """What a search found."""
        self.refusal: Exception | None = None
        """What the sweep could not begin for: Hydra would print it with a traceback."""
        self._view: View | None = None
        self._began = time.monotonic()
        screen.never_wait()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the memory here when the task travels to another process or machine, but for plug-ins."""
        return {"plugins": self.composer.groups.plugins}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Load plug-ins where the task arrives."""
        for plugin in state["plugins"]:
            load(plugin)

    def __call__(self, composed: DictConfig) -> float:
        """Train one job in this process, for launchers that do not know `run_here`."""
        from irnn.sweeps.worker import log_traceback
        from irnn.training.session import run

        config = in_sweep(to_config(composed))
        overrides = without_bookkeeping(HydraConfig.get().overrides.task)
        try:
            return objective(run(config, overrides))
        except Exception as error:
            screen.complain(f"FAILED {' '.join(overrides)}: {error}")
            if not isinstance(error, (*EXPLAINED, BusyError)):
                screen.complain(traceback.format_exc())
                log_traceback(RunDirectory.of(config))
            raise

    def run_here(self, batch: Sequence[Sequence[str]], n_jobs: int) -> list[JobReturn]:
        """Train jobs in processes of this machine, for the launcher of this project.

        `n_jobs` is how many at once, as joblib counts; `sweep.jobs` comes first.
        """

        def here(first: Job) -> Here:
            return Here(first.config.sweep.jobs or counted_as_joblib(n_jobs), self.command)

        return self.run_on(batch, here)

    def run_on(
        self, batch: Sequence[Sequence[str]], engine: Callable[[Job], Engine]
    ) -> list[JobReturn]:
        """Train jobs with what is made from the first of them.

        Raises:
            SystemExit: One of them cannot work, and `refusal` says why.
            Stopped: A signal came.
        """
        with self.refusing():
            jobs = make_jobs(batch, self.composer, self.shared)
            if self._view is None:
                self._view = View()
            self._view.earlier, self._view.expected = list(self.jobs), self.expected
            self.jobs += jobs
            train(jobs, engine(jobs[0]), self.command, self._view)
        return [as_return(job) for job in jobs]

    def run_with(self, launcher: Launcher, batch: Sequence[Sequence[str]]) -> Sequence[JobReturn]:
        """Hand jobs to any launcher, for the sweepers of this project.

        Raises:
            SystemExit: One of them cannot work, and `refusal` says why; nothing was made.
        """
        first = len(self.jobs)
        jobs: list[Job] = []
        if not getattr(launcher, "keeps_record", False):  # one that comes back to `run_on`
            with self.refusing():
                jobs = make_jobs(batch, self.composer, self.shared)
                packs.refuse_number(jobs[0].config)
                note(jobs, self.command)
        returns = launcher.launch(batch, initial_job_idx=first)
        if len(self.jobs) == first:
            self.jobs += jobs
            for job, returned in zip(jobs, returns, strict=True):
                if returned.status is not JobStatus.COMPLETED:
                    job.end(FAILED, error=str(error_of(returned) or "ended without a result"))
                    continue
                job.look_up()
        return returns

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """End the sweep, with `refusal` saying why, instead of with Hydra's traceback."""
        try:
            yield
        except (ConfigError, BusyError, StorageError, HelperError) as error:
            self.refusal = error
            raise SystemExit(1) from error

    def conclude(self) -> bool:
        """Say how the sweep ended; give whether every job has a result."""
        jobs = list({job.run_id: job for job in self.jobs}.values())
        if not jobs:
            screen.say("\n".join(self.extra_lines))
            return True
        failed = [job for job in jobs if job.state == FAILED]
        before = sum(job.before for job in jobs)
        took = timedelta(seconds=round(time.monotonic() - self._began))
        earlier = f", {before} of them finished before" if before else ""
        screen.say("\n".join([f"{tally(jobs)}{earlier}; {took}", *self.extra_lines]))
        config = jobs[0].config
        where = [] if config.runs_dir == runs_root() else [as_argument(config.runs_dir)]
        words = ("irnn-report", *where, "--sweep", config.sweep.name or "", "--out", "report")
        screen.say(f"next: {shlex.join(words)}")
        for job in failed[:_MOST_NAMED]:
            screen.complain(f"FAILED {job.label}: {job.error}\n  {where_to_look(job)}")
        if len(failed) > _MOST_NAMED:
            screen.complain(f"FAILED {len(failed) - _MOST_NAMED} more")
        if failed:
            screen.complain(f"irnn-train: {len(failed)} of {len(jobs)} jobs failed")
        return all(job.done for job in jobs)
