"""Send the jobs of a sweep to a Slurm cluster through submitit, and follow them until they have ended."""

import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from irnn.kernels import slow
from irnn.runs import claims
from irnn.spec.checks import pack_size
from irnn.spec.choices import Device
from irnn.spec.config import ConfigError
from irnn.sweeps import packs
from irnn.sweeps.grid import without_bookkeeping
from irnn.sweeps.job import ELSEWHERE, FAILED, LEFT, RUNNING, STOPPED, Job
from irnn.sweeps.pool import Watcher
from irnn.sweeps.slurm_job import Outcome, SlurmJob, SlurmPack
from irnn.sweeps.slurm_submission import GOING, WAITING, Submission, progress, queue_states
from irnn.sweeps.view import View
from irnn.system.paths import expanded
from irnn.system.signals import collected

_LOOK_SECONDS = 1.0  # between looks at folders
_ASK_SECONDS = 5.0  # between questions to Slurm
_LAG_SECONDS = 15.0  # until a file written elsewhere must be seen here
_OWN = {"submitit_folder", "max_num_timeout"}  # not sbatch's
_GENERIC = {
    *("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes"),
    *("name", "stderr_to_stdout"),
}  # what submitit names alike on every kind of cluster


class Slurm:
    """Trains jobs on a cluster.

    Args:
        params: the settings of `hydra/launcher=slurm`, which are those of Hydra's submitit launcher.
        command: the words of this command, for the runs' provenance.
    """

    def __init__(self, params: Mapping[str, Any], command: Sequence[str]) -> None:
        self._params, self._command = dict(params), list(command)
        self._submissions: list[Submission] = []
        self._signs: dict[str, tuple[Any, float]] = {}
        self._next_question = 0.0
        self._stopping = False

    def prepare(self, to_do: Sequence[Job], view: View) -> str:
        """Give each job its threads and submit all; say where they went.

        Raises:
            ConfigError: There is no Slurm here, or it does not take them.
        """
        groups = packs.deal_to_cluster(to_do, self._params.get("gpus_per_node"))
        packed = {job.run_id for group in groups if len(group) > 1 for job in group}
        cpus = self._params.get("cpus_per_task") or 1
        for job in to_do:
            threads = job.config.runtime.threads or cpus
            if threads > cpus:
                raise ConfigError(
                    f"runtime.threads={threads}: a job has {cpus} cores: "
                    f"add hydra.launcher.cpus_per_task={threads}"
                )
            if job.run_id in packed:  # of which each is a thread, and its work is the GPU's
                threads = job.config.runtime.threads or 1
            runtime = replace(job.config.runtime, threads=threads)
            job.config = replace(job.config, runtime=runtime)
        if shutil.which("srun") is None:
            raise ConfigError(
                "hydra/launcher=slurm: no Slurm here, for there is no srun; run this where sbatch works"
            )
        for job in to_do:
            if job.config.runtime.device in (Device.auto, Device.cpu):
                view.slow([f"without a GPU {reason}" for reason in slow.reasons(job.config, "cpu")])
            elif job.config.runtime.device is Device.cuda:
                view.slow(slow.reasons(job.config, "cuda"))
        submitted = self._submit(groups)
        threads = f"{cpus} thread{'s' if cpus > 1 else ''} each"
        if packed:
            count = sum(len(group) > 1 for group in groups)
            threads = f"{len(packed):,} runs in {count} pack{'s' if count > 1 else ''}"
        logs = submitted.paths.folder
        return f"Slurm job {submitted.job_id.partition('_')[0]}, {threads}; logs in {logs}"

    def run(self, jobs: Sequence[Job], watcher: Watcher) -> int | None:
        """Follow the jobs to their ends; give the signal that ended it, if one did."""
        with collected() as signals:
            while self._is_open(jobs):
                time.sleep(_LOOK_SECONDS)
                self._ask()
                for submission in list(self._submissions):
                    self._look(submission, watcher)
                self._look_elsewhere(jobs, watcher)
                watcher.refresh(jobs, max(1, sum(job.state == RUNNING for job in jobs)))
                if signals and not self._stopping:
                    self._stop(signal.Signals(signals[0]).name, watcher)
                elif len(signals) > 1:
                    break
                fail_fast = jobs[0].config.sweep.fail_fast
                if fail_fast and not self._stopping and any(job.state == FAILED for job in jobs):
                    self._stop("sweep.fail_fast=true", watcher)
            return signals[0] if signals else None

    def _is_open(self, jobs: Sequence[Job]) -> bool:
        return bool(self._submissions) or (
            not self._stopping and any(job.state == ELSEWHERE for job in jobs)
        )

    def _submit(self, groups: Sequence[Sequence[Job]]) -> Any:
        """Submit runs, or packs of them, as one array, and give what submitit knows of the first."""
        import submitit

        moment = datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")
        folder = expanded(self._params["submitit_folder"]) / moment
        timeouts = self._params["max_num_timeout"]
        settings = {key: value for key, value in self._params.items() if key not in _OWN}
        named = {k if k in _GENERIC else f"slurm_{k}": value for k, value in settings.items()}
        made = folder.parent.exists()
        try:
            executor = submitit.AutoExecutor(folder, "slurm", slurm_max_num_timeout=timeouts)
            executor.update_parameters(**named)
            submitted = executor.submit_array([self._task(group) for group in groups])
        except (RuntimeError, ValueError, TypeError) as error:
            shutil.rmtree(folder if made else folder.parent, ignore_errors=True)
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            kept = [line for line in lines if line.startswith("sbatch:")] or lines[:2]
            raise ConfigError(f"hydra/launcher=slurm: {' '.join(kept)}") from error
        self._submissions += [
            Submission(group, each) for group, each in zip(groups, submitted, strict=True)
        ]
        return submitted[0]

    def _task(self, group: Sequence[Job]) -> SlurmJob | SlurmPack:
        members = [(job.config, without_bookkeeping(job.overrides)) for job in group]
        if len(members) == 1:
            return SlurmJob(*members[0], self._command)
        return SlurmPack(members, self._command, pack_size(group[0].config))

    def _ask(self) -> None:
        """Ask Slurm for the state of all jobs; keep the last answer when it gives none."""
        if not self._submissions or time.monotonic() < self._next_question:
            return
        self._next_question = time.monotonic() + _ASK_SECONDS
        states = queue_states([submission.submitted.job_id for submission in self._submissions])
        if states is not None:
            for submission in self._submissions:
                submission.state = states.get(submission.submitted.job_id, "gone from the queue")

    def _look(self, submission: Submission, watcher: Watcher) -> None:
        """Take in what a job left, or where its runs stand."""
        outcomes = submission.outcomes()
        if outcomes is not None and (
            outcomes[0][0] != "raised" or submission.state not in WAITING | GOING
        ):
            self._end(submission, outcomes, watcher)  # what raised while it was requeued is no end
        elif submission.state in WAITING:
            for _, job in submission.unfinished():
                if job.state == RUNNING:
                    job.end(LEFT)
                    watcher.requeued(job)
            submission.ended = None
        elif submission.state in GOING:
            for place, job in submission.due():
                if submission.look_up(place):
                    watcher.ended(job)
                    continue
                if job.state != RUNNING:
                    job.begin()
                    job.state = RUNNING
                job.progress = progress(job)
            submission.ended = None
        elif self._stopping:
            self._end(submission, [("stopped", None)] * len(submission.jobs), watcher)
        elif submission.ended is None:
            submission.ended = time.monotonic()
        elif time.monotonic() > submission.ended + _LAG_SECONDS:
            stderr = submission.submitted.paths.stderr
            message = (
                f"Slurm ended job {submission.submitted.job_id}: {submission.state}; see {stderr}"
            )
            self._end(submission, [("failed", message)] * len(submission.jobs), watcher)

    def _end(self, submission: Submission, outcomes: Sequence[Outcome], watcher: Watcher) -> None:
        self._submissions.remove(submission)
        for place, job in submission.unfinished():
            kind, content = outcomes[place]
            if kind == "result":
                job.finish(content)
            elif submission.look_up(place):
                pass  # it had ended when its job was taken away
            elif kind == "stopped":
                job.end(STOPPED)
                continue
            elif kind == "busy":
                job.end(ELSEWHERE, error=content)
            else:
                job.end(FAILED, error=content)
            watcher.ended(job)

    def _look_elsewhere(self, jobs: Sequence[Job], watcher: Watcher) -> None:
        """Take in results of runs that others train; submit again those that they left."""
        again = []
        for job in [each for each in jobs if each.state == ELSEWHERE and not self._stopping]:
            if job.look_up():
                watcher.ended(job)
            elif self._is_left(job):
                job.end(LEFT)
                again.append(job)
        try:
            if again:
                self._submit([[job] for job in again])
        except ConfigError as error:
            for job in again:
                job.end(FAILED, error=str(error))
                watcher.ended(job)

    def _is_left(self, job: Job) -> bool:
        now, sign = time.monotonic(), claims.sign_of_life(job.folder)
        before = self._signs.setdefault(job.run_id, (sign, now))
        if sign != before[0]:
            self._signs[job.run_id] = sign, now
        patience = job.config.runtime.takeover_seconds
        left = sign is None or (sign == before[0] and now > before[1] + patience)
        if left:
            del self._signs[job.run_id]
        return left

    def _stop(self, why: str, watcher: Watcher) -> None:
        """Cancel what is queued and running: a run writes its checkpoint before it ends."""
        self._stopping = True
        watcher.stopping(why)
        ids = [submission.submitted.job_id for submission in self._submissions]
        if ids:
            subprocess.run(["scancel", *ids], check=False, capture_output=True)
        self._next_question = 0.0
