"""One job of a sweep: a run that is to be trained, and where it stands."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from irnn.runs.directory import RunDirectory
from irnn.runs.files import StorageError
from irnn.runs.identity import is_once
from irnn.runs.layout import DIVERGED, STATUSES
from irnn.runs.schemas import START_OVER, DamagedError
from irnn.spec.config import Config, ConfigError
from irnn.system.exhausted import ExhaustedError
from irnn.system.helpers import HelperError
from irnn.tasks.metric import outcome_of

LEFT, RUNNING, ELSEWHERE, STOPPED, FAILED = "left", "running", "elsewhere", "stopped", "failed"

EXPLAINED = (ConfigError, StorageError, HelperError, ExhaustedError)
"""What a job may fail with that says in its one line what helps: no traceback is shown or logged."""

DIVERGED_OBJECTIVE = 1e6
"""What a sweeper is told about a diverged run: worse than any that ran, and finite."""


@dataclass
class Job:
    """A run that a sweep asks for.

    `state` is one of left, running, elsewhere (another process trains it), stopped, failed, or the
    status of its result: solved, exhausted, diverged.
    """

    overrides: tuple[str, ...]
    label: str
    config: Config
    run_id: str
    folder: Path
    state: str = LEFT
    result: dict[str, Any] | None = None
    error: str | None = None
    before: bool = False
    """Whether it was finished when the sweep began."""
    progress: dict[str, Any] = field(default_factory=dict)
    began: float | None = None
    seconds: float | None = None

    @property
    def done(self) -> bool:
        """Whether there is a result; a diverged run is one."""
        return self.state in STATUSES

    def begin(self) -> None:
        """Start counting seconds."""
        self.began, self.progress = time.monotonic(), {}

    def end(self, state: str, *, error: str | None = None) -> None:
        """Stop counting."""
        self.state, self.error = state, error
        if self.began is not None:
            self.seconds = time.monotonic() - self.began

    def finish(self, result: dict[str, Any]) -> None:
        """Take in the result."""
        self.result = result
        self.end(result["status"])

    def look_up(self) -> bool:
        """Take in the result that is in the run's folder; a damaged one is a failure. Say if it ended."""
        try:
            result = RunDirectory(self.folder, self.run_id).read_result()
        except ConfigError as error:
            self.end(FAILED, error=why_failed(error, self.overrides))
            return True
        if result is not None:
            self.finish(result)
        return result is not None


def why_failed(error: Exception, overrides: Sequence[str]) -> str:
    """Say why a job failed and what helps it alone: force=true would start the whole sweep over."""
    if not isinstance(error, DamagedError) or error.remedy != START_OVER:
        return str(error)
    from irnn.sweeps.grid import without_bookkeeping

    words = [word for word in without_bookkeeping(overrides) if not is_once(word)]
    alone = shlex.join(["python", "-m", "irnn.train", *words, "force=true"])
    return str(error.with_remedy(f"this starts that run alone over: {alone}"))


def objective(result: dict[str, Any]) -> float:
    """Tell a sweeper how good a run was, lower is better, finite whatever happened.

    That is the best held-out loss, or where accuracy is the metric, the smallest share of wrong answers.
    """
    outcome = outcome_of(result)
    if result["status"] == DIVERGED or outcome.best is None:
        return DIVERGED_OBJECTIVE
    return 1 - outcome.best if outcome.higher else float(outcome.best)
