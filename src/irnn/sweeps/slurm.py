"""Send the jobs of a sweep to a Slurm cluster through submitit, and follow them until they have ended."""

import contextlib
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from irnn.kernels import slow
from irnn.runs import ownership
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.choices import Device
from irnn.spec.config import ConfigError, total_updates
from irnn.sweeps import packs
from irnn.sweeps.grid import without_bookkeeping
from irnn.sweeps.job import ELSEWHERE, FAILED, LEFT, RUNNING, STOPPED, Job
from irnn.sweeps.pool import Watcher
from irnn.sweeps.signals import received_signals
from irnn.sweeps.slurm_job import SlurmJob
from irnn.sweeps.view import View
from irnn.tasks.metric import losses

_LOOK_SECONDS = 1.0  # between looks at folders
_ASK_SECONDS = 5.0  # between questions to Slurm
_LAG_SECONDS = 15.0  # until a file written elsewhere must be seen here
_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}
_GOING = {"RUNNING", "COMPLETING", "SUSPENDED", "SIGNALING", "STAGE_OUT", "STOPPED", "RESIZING"}
_OWN = {"submitit_folder", "max_num_timeout"}  # not sbatch's
_GENERIC = {
    *("timeout_min", "cpus_per_task", "gpus_per_node", "tasks_per_node", "mem_gb", "nodes"),
    *("name", "stderr_to_stdout"),
}  # what submitit names alike on every kind of cluster


@dataclass
class _Sent:
    """A job in Slurm's hands."""

    job: Job
    submitted: Any
    state: str = "PENDING"
    ended: float | None = None


class Slurm:
    """Trains jobs on a cluster.

    Args:
        params: the settings of `hydra/launcher=slurm`, which are those of Hydra's submitit launcher.
        command: the words of this command, for the runs' provenance.
    """

    def __init__(self, params: Mapping[str, Any], command: Sequence[str]) -> None:
        self._params, self._command = dict(params), list(command)
        self._sent: list[_Sent] = []
        self._signs: dict[str, tuple[Any, float]] = {}
        self._next_question = 0.0
        self._stopping = False

    def prepare(self, to_do: Sequence[Job], view: View) -> str:
        """Give each job its threads and submit all; say where they went.

        Raises:
            ConfigError: There is no Slurm here, or it does not take them.
        """
        packs.refuse_number(to_do[0].config)
        cpus = self._params.get("cpus_per_task") or 1
        for job in to_do:
            threads = job.config.runtime.threads or cpus
            if threads > cpus:
                raise ConfigError(
                    f"runtime.threads={threads}: a job has {cpus} cores: "
                    f"add hydra.launcher.cpus_per_task={threads}"
                )
            runtime = replace(job.config.runtime, threads=threads)
            job.config = replace(job.config, runtime=runtime)
        if shutil.which("srun") is None:
            raise ConfigError(
                "hydra/launcher=slurm: no Slurm here, for there is no srun; run this where sbatch works"
            )
        for job in to_do:
            if job.config.runtime.device in (Device.auto, Device.cpu):
                view.slow([f"without a GPU {reason}" for reason in slow.reasons(job.config, "cpu")])
        submitted = self._submit(to_do)
        threads = f"{cpus} thread{'s' if cpus > 1 else ''} each"
        logs = submitted.paths.folder
        return f"Slurm job {submitted.job_id.partition('_')[0]}, {threads}; logs in {logs}"

    def run(self, jobs: Sequence[Job], watcher: Watcher) -> int | None:
        """Follow the jobs to their ends; give the signal that ended it, if one did."""
        with received_signals() as signals:
            while self._is_open(jobs):
                time.sleep(_LOOK_SECONDS)
                self._ask()
                for sent in list(self._sent):
                    self._look(sent, watcher)
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
        return bool(self._sent) or (
            not self._stopping and any(job.state == ELSEWHERE for job in jobs)
        )

    def _submit(self, jobs: Sequence[Job]) -> Any:
        """Submit jobs as one array, and give what submitit knows of the first."""
        import submitit

        moment = datetime.now().strftime("%Y-%m-%d_%H-%M-%S-%f")
        folder = Path(self._params["submitit_folder"]) / moment
        timeouts = self._params["max_num_timeout"]
        settings = {key: value for key, value in self._params.items() if key not in _OWN}
        named = {k if k in _GENERIC else f"slurm_{k}": value for k, value in settings.items()}
        made = folder.parent.exists()
        try:
            executor = submitit.AutoExecutor(folder, "slurm", slurm_max_num_timeout=timeouts)
            executor.update_parameters(**named)
            callables = [
                SlurmJob(job.config, without_bookkeeping(job.overrides), self._command)
                for job in jobs
            ]
            submitted = executor.submit_array(callables)
        except (RuntimeError, ValueError, TypeError) as error:
            shutil.rmtree(folder if made else folder.parent, ignore_errors=True)
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            said = [line for line in lines if line.startswith("sbatch:")] or lines[:2]
            raise ConfigError(f"hydra/launcher=slurm: {' '.join(said)}") from error
        self._sent += [_Sent(job, each) for job, each in zip(jobs, submitted, strict=True)]
        return submitted[0]

    def _ask(self) -> None:
        """Ask Slurm for the state of all jobs; keep the last answer when it gives none."""
        if not self._sent or time.monotonic() < self._next_question:
            return
        self._next_question = time.monotonic() + _ASK_SECONDS
        states = queue_states([sent.submitted.job_id for sent in self._sent])
        if states is not None:
            for sent in self._sent:
                sent.state = states.get(sent.submitted.job_id, "gone from the queue")

    def _look(self, sent: _Sent, watcher: Watcher) -> None:
        """Take in what a job left, or where it stands."""
        job, paths = sent.job, sent.submitted.paths
        _refresh(paths.folder)
        outcome = _outcome(sent.submitted) if paths.result_pickle.exists() else None
        if outcome is not None and (outcome[0] != "raised" or sent.state not in _WAITING | _GOING):
            self._end(sent, *outcome, watcher)  # what raised while it was requeued is no end
        elif sent.state in _WAITING:
            if job.state == RUNNING:
                job.end(LEFT)
                watcher.requeued(job)
            sent.ended = None
        elif sent.state in _GOING:
            if job.state != RUNNING:
                job.begin()
                job.state = RUNNING
            job.progress = _progress(job)
            sent.ended = None
        elif self._stopping:
            self._end(sent, "stopped", None, watcher)
        elif sent.ended is None:
            sent.ended = time.monotonic()
        elif time.monotonic() > sent.ended + _LAG_SECONDS:
            said = f"Slurm ended job {sent.submitted.job_id}: {sent.state}; see {paths.stderr}"
            self._end(sent, "failed", said, watcher)

    def _end(self, sent: _Sent, kind: str, content: Any, watcher: Watcher) -> None:
        self._sent.remove(sent)
        job = sent.job
        if kind == "result":
            job.finish(content)
        elif kind == "stopped":
            job.end(STOPPED)
            return
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
                self._submit(again)
        except ConfigError as error:
            for job in again:
                job.end(FAILED, error=str(error))
                watcher.ended(job)

    def _is_left(self, job: Job) -> bool:
        now, sign = time.monotonic(), ownership.sign_of_life(job.folder)
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
        ids = [sent.submitted.job_id for sent in self._sent]
        if ids:
            subprocess.run(["scancel", *ids], check=False, capture_output=True)
        self._next_question = 0.0


def queue_states(ids: Sequence[str]) -> dict[str, str] | None:
    """Ask Slurm for the states of jobs, also of those that ended lately; None: it did not answer."""
    arrays = ",".join(sorted({each.partition("_")[0] for each in ids}))
    command = ["squeue", "--noheader", "--array", "--states=all", "--format=%i %T", "--jobs"]
    try:
        asked = subprocess.run([*command, arrays], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    if asked.returncode != 0 and "Invalid job id" not in asked.stderr:
        return None
    return dict(line.split(maxsplit=1) for line in asked.stdout.splitlines())


def _outcome(submitted: Any) -> tuple[str, Any]:
    """Give what a job's process returned, or the last line of what it raised."""
    error = submitted.exception()
    if error is None:
        kind, content = submitted.result()
        return kind, content
    trace = re.split(r"\n-{10,}\n", str(error))
    last = (trace[1] if len(trace) > 1 else trace[0]).strip().splitlines()[-1]
    return "raised", f"{last}; see {submitted.paths.stderr}"


def _progress(job: Job) -> dict[str, Any]:
    """Read how far a run is from its last record."""
    try:
        records = read_records(RunDirectory(job.folder).metrics)
    except ConfigError:
        return job.progress
    if not records:
        return {}
    train, test = losses(records[-1])
    told = {"step": records[-1].get("step"), "train_loss": train, "test_loss": test}
    rate = records[-1].get("steps_per_second")
    return {**told, "rate": rate, "total": total_updates(job.config)}


def _refresh(folder: Path) -> None:
    """Make a network file system look again at what a folder holds."""
    with contextlib.suppress(OSError):
        folder.chmod(folder.stat().st_mode)
