"""Everything about a run in progress that is not a tensor; saved with every checkpoint."""

import math
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import msgspec

from irnn.runs.schemas import Count, Seconds
from irnn.training.divergence import Reference
from irnn.training.step import Update

THRESHOLDS = ("0.1", "0.05", "0.01", "0.001")
"""Held-out MSEs whose first crossing is recorded."""

_ADDED = {"metrics_digest"}  # which older checkpoints lack
_LEAST = 1e-30  # stands for a loss of 0, which has no logarithm
_LARGEST_EXPONENT = 700.0  # of e, in a float


@dataclass
class Interval:
    """Sums over the updates since the last evaluation."""

    updates: Count = 0
    loss: float = 0.0
    log_loss: float = 0.0
    grad_norm: float = 0.0
    largest_grad_norm: float = 0.0
    clipped: Count = 0
    seconds: Seconds = 0.0

    def add(self, update: Update, seconds: float) -> None:
        """Count one update."""
        self.updates += 1
        self.loss += update.loss
        self.log_loss += math.log(max(update.loss, _LEAST)) if update.applied else math.inf
        self.grad_norm += update.grad_norm
        self.largest_grad_norm = max(self.largest_grad_norm, update.grad_norm)
        self.clipped += update.clipped
        self.seconds += seconds

    def typical_loss(self) -> float | None:
        """Geometric mean of the losses, which no single batch can dominate; None before the first."""
        if not self.updates:
            return None
        return math.exp(min(self.log_loss / self.updates, _LARGEST_EXPONENT))

    def mean(self, total: float) -> float | None:
        """Divide a sum by the number of updates; None before the first."""
        return total / self.updates if self.updates else None


@dataclass
class Progress:
    """Where a run stands. `step` counts every update ever made, those that were rolled back too."""

    step: Count = 0
    seconds: Seconds = 0.0
    update_seconds: Seconds = 0.0
    lr_factor: Seconds = 1.0
    recoveries: Count = 0
    restarts: Count = 0
    evaluated_at: Annotated[int, msgspec.Meta(ge=-1)] = -1
    solved: bool = False
    gave_up: bool = False
    test_mse: float = math.inf
    best_test_mse: float = math.inf
    metrics_bytes: Count = 0
    metrics_digest: str | None = None
    solved_at: dict[str, Count | None] = field(default_factory=lambda: dict.fromkeys(THRESHOLDS))
    divergences: list[dict[str, int | str]] = field(default_factory=list)
    reference: Reference = field(default_factory=Reference)
    interval: Interval = field(default_factory=Interval)

    def note_crossings(self, test_mse: float) -> bool:
        """Take in a healthy held-out MSE; say whether it is the best so far."""
        for threshold in THRESHOLDS:
            if self.solved_at[threshold] is None and test_mse < float(threshold):
                self.solved_at[threshold] = self.step
        if test_mse >= self.best_test_mse:
            return False
        self.best_test_mse = test_mse
        return True

    def plain(self) -> dict[str, Any]:
        """Turn into dicts, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_plain(cls, saved: Any) -> "Progress":
        """Undo `plain`.

        Raises:
            ValueError: It is not what `plain` gives, or of a version that knows more.
        """
        progress = msgspec.convert(saved, cls)
        if progress.solved_at.keys() != set(THRESHOLDS):
            raise ValueError(f"its thresholds are not {', '.join(THRESHOLDS)}")
        known = progress.plain()
        _check_keys(saved, known)
        for part in ("reference", "interval"):
            _check_keys(saved[part], known[part])
        return progress


def _check_keys(saved: dict[str, Any], known: dict[str, Any]) -> None:
    if more := sorted(saved.keys() - known.keys()):
        raise ValueError(f"{more[0]} is not known here")
    if missing := sorted(known.keys() - saved.keys() - _ADDED):
        raise ValueError(f"{missing[0]} is missing")
