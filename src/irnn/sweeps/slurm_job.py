"""What runs on a cluster's node: a run, or a pack, which stops at an update when its place is taken away."""

import os
import pickle
import signal
import subprocess
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from irnn.runs.directory import RunDirectory
from irnn.runs.ownership import BusyError
from irnn.spec.config import Config
from irnn.sweeps.job import EXPLAINED, why_failed
from irnn.sweeps.worker import log_traceback
from irnn.system import screen

Outcome = tuple[str, Any]
"""("result", result), ("busy", why) or ("failed", why); of a pack also ("stopped", None)."""


class Requeued(ABC):
    """What submitit puts into the queue again when its place on a node is taken away."""

    @abstractmethod
    def __call__(self) -> Any:
        """Train, from wherever the runs stand."""

    def checkpoint(self) -> Any:
        """Give submitit what it puts into the queue again."""
        import submitit

        return submitit.helpers.DelayedSubmission(self)


class SlurmJob(Requeued):
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
            return "result", run(once(self.config), self.overrides)
        except BusyError as error:
            return "busy", str(error)
        except Interrupted as interruption:
            end(interruption.signal_number)
        except EXPLAINED as error:
            return "failed", why_failed(error, self.overrides)
        except Exception as error:
            screen.complain(traceback.format_exc())
            log_traceback(RunDirectory.of(self.config))
            return "failed", f"{type(error).__name__}: {error}"
        raise AssertionError("end() returned")


class SlurmPack(Requeued):
    """Runs of one shape that train together on a job's GPU; requeued like a `SlurmJob`, all of them.

    Args:
        members: each run, and what makes it, for its provenance.
        command: the words of the command that asked for them.
        at_once: how many train at a time; None for as many as are good for the GPU.
    """

    def __init__(
        self,
        members: Sequence[tuple[Config, Sequence[str]]],
        command: Sequence[str],
        at_once: int | None,
    ) -> None:
        self.members = [(config, list(overrides)) for config, overrides in members]
        self.command, self.at_once = list(command), at_once

    def __call__(self) -> list[Outcome]:
        """Train all runs to their ends, from wherever they stand; give what became of each."""
        from irnn.sweeps import pack_worker
        from irnn.training.session import ending_signals

        sys.argv[:] = ["irnn-train", *self.command]
        results = _Results(len(self.members))
        begun = [self._begun(place, results) for place in range(len(self.members))]
        left = [place for place, config in enumerate(begun) if config is not None]
        results.places = left
        jobs = [(pickle.dumps(begun[place]), self.members[place][1]) for place in left]
        opened = partial(pack_worker.open_here, at_once=self.at_once)
        with ending_signals() as signals:
            try:
                pack_worker.serve(results, jobs, opened, signals)
            except EXPLAINED as error:
                results.fail(str(error))
            except Exception as error:
                screen.complain(traceback.format_exc())
                results.fail(f"{type(error).__name__}: {error}")
        if signals and any(kind == "stopped" for kind, _ in results.outcomes):
            end(signals[0])
        return results.outcomes

    def _begun(self, place: int, results: "_Results") -> Config | None:
        """Give a run's configuration without what is done `once`; None where that cannot be done."""
        config, overrides = self.members[place]
        try:
            return once(config, f"_{place}")
        except BusyError as error:
            results.outcomes[place] = "busy", str(error)
        except EXPLAINED as error:
            results.outcomes[place] = "failed", why_failed(error, overrides)
        return None


class _Results:
    """What a pack last sent of each of its runs; `places` are those of its members that it trains."""

    def __init__(self, count: int) -> None:
        self.outcomes: list[Outcome] = [("stopped", None)] * count
        self.places: Sequence[int] = ()

    def fail(self, why: str) -> None:
        """Let all fail that have not ended otherwise."""
        self.outcomes = [
            ("failed", why) if kind == "stopped" else (kind, content)
            for kind, content in self.outcomes
        ]

    def send(self, message: tuple[str, Any, int], /) -> None:
        """See `pack_worker.Listener`."""
        kind, content, place = message
        if kind not in ("begun", "progress"):
            self.outcomes[self.places[place]] = kind, content


def begun_file(paths: Any, which: str = "") -> Path:
    """Name the file that says of a job, or of a run of its pack, that what is done `once` is done."""
    return Path(paths.folder) / f"{paths.job_id}{which}_begun"


def once(config: Config, which: str = "") -> Config:
    """Do what is about one call, not about the run, unless a stay on a node before this one did it.

    Slurm calls a requeued job as it was submitted; what an earlier stay did is remembered in the folder
    of that submission.

    Args:
        config: the run.
        which: tells runs of one job apart.

    Returns:
        The run without it.
    """
    if not (config.force or config.unlock):
        return config
    import submitit

    paths = submitit.JobEnvironment().paths
    begun = begun_file(paths, which)
    if not begun.exists():
        directory, patience = RunDirectory.of(config), config.runtime.takeover_seconds
        with directory.locked(patience=patience, unlock=config.unlock):
            if config.force:
                directory.clear()
        begun.touch()
    return replace(config, force=False, unlock=False)


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
