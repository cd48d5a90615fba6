"""What runs on a cluster's node: one run, which stops at an update when its time or place is taken away."""

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from irnn.runs.directory import RunDirectory
from irnn.runs.files import StorageError
from irnn.runs.ownership import BusyError
from irnn.spec.config import Config, ConfigError
from irnn.sweeps.job import why_failed
from irnn.sweeps.worker import log_traceback
from irnn.system import screen

Outcome = tuple[str, Any]
"""("result", result), ("busy", why) or ("failed", why)."""


class SlurmJob:
    """One run, as submitit carries it to a node: pickled when it is submitted, and again when requeued.

    Slurm announces the end of a job's time with the signal that submitit asks for, SIGUSR2, and
    preemption with SIGTERM. Either way the update is finished and a checkpoint written; then submitit
    puts the job back into the queue, and the run continues where it stood.

    Args:
        config: the run.
        overrides: what makes it, for its provenance.
        command: the words of the command that asked for it.
    """

    def __init__(self, config: Config, overrides: Sequence[str], command: Sequence[str]) -> None:
        self.config, self.overrides, self.command = config, list(overrides), list(command)

    def __call__(self) -> Outcome:
        """Train the run to its end, from wherever it stands."""
        from irnn.training.loop import Interrupted
        from irnn.training.session import run

        sys.argv[:] = ["irnn-train", *self.command]
        try:
            return "result", run(self._once(), self.overrides)
        except BusyError as error:
            return "busy", str(error)
        except Interrupted as interruption:
            end(interruption.signal_number)
        except (ConfigError, StorageError) as error:
            return "failed", why_failed(error, self.overrides)
        except Exception as error:
            screen.complain(traceback.format_exc())
            log_traceback(RunDirectory.of(self.config))
            return "failed", f"{type(error).__name__}: {error}"
        raise AssertionError("end() returned")

    def _once(self) -> Config:
        """Do what is about one call, not about the run, unless a stay on a node before this one did it.

        Slurm calls a requeued job as it was submitted; what an earlier stay did is remembered in the folder
        of that submission.
        """
        if not (self.config.force or self.config.unlock):
            return self.config
        import submitit

        paths = submitit.JobEnvironment().paths
        begun = paths.folder / f"{paths.job_id}_begun"
        if not begun.exists():
            directory, patience = RunDirectory.of(self.config), self.config.runtime.takeover_seconds
            with directory.locked(patience=patience, unlock=self.config.unlock):
                if self.config.force:
                    directory.clear()
            begun.touch()
        return replace(self.config, force=False, unlock=False)

    def checkpoint(self) -> Any:
        """Give submitit what it puts into the queue again."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


def end(number: int) -> None:
    """End an interrupted job for good, or hand it to submitit, which requeues it and exits.

    Raises:
        SystemExit: It ends. submitit raises its own where the job timed out too often.
    """
    if number == signal.SIGTERM and is_preempted():
        number = next((each for each in ASKING if callable(signal.getsignal(each))), number)
    if number in ASKING:
        try:
            signal.raise_signal(number)
        except subprocess.CalledProcessError as error:
            if error.returncode > 0:
                raise
            # Slurm took the request and, with the rest of the job, ended the command that made it.
    raise SystemExit(128 + number)


ASKING = (signal.SIGUSR2, signal.SIGUSR1)
"""The signals of which submitit listens to one: SIGUSR2, unless SUBMITIT_PREEMPT_SIGNAL says otherwise."""


def is_preempted() -> bool:
    """Whether this Slurm job makes room for another one, rather than being cancelled.

    One that ends by itself in the grace time would count as finished. An array's last task has the
    array's own id besides its own, hence the names with both.
    """
    array, task = (os.environ.get(f"SLURM_ARRAY_{name}_ID") for name in ("JOB", "TASK"))
    job = f"{array}_{task}" if array else os.environ.get("SLURM_JOB_ID", "")
    try:
        shown = subprocess.run(
            ["scontrol", "--oneliner", "show", "job", job],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return False
    words = dict(word.split("=", 1) for word in shown.split() if "=" in word)
    return words.get("PreemptTime", "None") != "None" and words.get("JobState") == "RUNNING"
