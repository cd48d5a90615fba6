"""A Slurm job that was submitted: what its runs left, and where they stand."""

import contextlib
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.config import ConfigError, total_updates
from irnn.sweeps.job import LEFT, RUNNING, Job
from irnn.sweeps.slurm_job import Outcome, begun_file
from irnn.tasks.metric import losses

WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT"}
GOING = {"RUNNING", "COMPLETING", "SUSPENDED", "SIGNALING", "STAGE_OUT", "STOPPED", "RESIZING"}
_LOOKS = 32  # at folders of a pack's runs


@dataclass
class Submission:
    """A job submitted to Slurm: a run, or a pack of them. `next` is the place of the run to look at next."""

    jobs: Sequence[Job]
    submitted: Any
    state: str = "PENDING"
    ended: float | None = None
    next: int = 0

    @property
    def is_pack(self) -> bool:
        """Whether runs may end before it does."""
        return len(self.jobs) > 1

    def unfinished(self) -> list[tuple[int, Job]]:
        """List the jobs whose end is not known, with their places."""
        return [(place, job) for place, job in enumerate(self.jobs) if job.state in (LEFT, RUNNING)]

    def due(self) -> list[tuple[int, Job]]:
        """List those to be looked at now: hundreds of folders keep a network file system busy."""
        count = len(self.jobs)
        now = {(self.next + i) % count for i in range(min(_LOOKS, count))}
        self.next = (self.next + _LOOKS) % count
        return [(place, job) for place, job in self.unfinished() if place in now]

    def look_up(self, place: int) -> bool:
        """Take in the result of a pack's run, and say if it ended; what `force=true` will clear is none."""
        job = self.jobs[place]
        if not self.is_pack:
            return False
        begun = begun_file(self.submitted.paths, f"_{place}")
        return (not job.config.force or begun.exists()) and job.look_up()

    def outcomes(self) -> Sequence[Outcome] | None:
        """Give what the process returned of each run, or what it raised; None before that."""
        submitted = self.submitted
        refresh(submitted.paths.folder)
        if not submitted.paths.result_pickle.exists():
            return None
        error = submitted.exception()
        if error is None:
            returned = submitted.result()
            return returned if isinstance(returned, list) else [returned]
        trace = re.split(r"\n-{10,}\n", str(error))
        last = (trace[1] if len(trace) > 1 else trace[0]).strip().splitlines()[-1]
        return [("raised", f"{last}; see {submitted.paths.stderr}")] * len(self.jobs)


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


def progress(job: Job) -> dict[str, Any]:
    """Read how far a run is from its last record."""
    try:
        records = read_records(RunDirectory(job.folder).metrics)
    except ConfigError:
        return job.progress
    if not records:
        return {}
    train, test = losses(records[-1])
    fields = {"step": records[-1].get("step"), "train_loss": train, "test_loss": test}
    rate = records[-1].get("steps_per_second")
    return {**fields, "rate": rate, "total": total_updates(job.config)}


def refresh(folder: Path) -> None:
    """Make a network file system look again at what a folder holds."""
    with contextlib.suppress(OSError):
        folder.chmod(folder.stat().st_mode)
