"""Everything about a run in progress that is not a tensor; saved with every checkpoint."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import msgspec

from irnn.kernels.update import Update
from irnn.runs.schemas import Count, Seconds, held_to, prepared
from irnn.tasks.metric import Metric
from irnn.training.divergence import Reference

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

    def add(self, made: Sequence[Update], seconds: float) -> None:
        """Count updates, which took so long together."""
        self.updates += len(made)
        # One by one: no sum depends on how many come at once.
        for loss, grad_norm, clipped, applied in made:
            self.loss += loss
            self.log_loss += math.log(max(loss, _LEAST)) if applied else math.inf
            self.grad_norm += grad_norm
            self.largest_grad_norm = max(self.largest_grad_norm, grad_norm)
            self.clipped += clipped
        self.seconds += seconds

    def typical_loss(self) -> float | None:
        """Geometric mean of the losses, which no single batch can dominate; None before the first."""
        if not self.updates:
            return None
        return math.exp(min(self.log_loss / self.updates, _LARGEST_EXPONENT))

    def mean(self, total: float) -> float | None:
        """Divide a sum by the number of updates; None before the first."""
        return total / self.updates if self.updates else None


@prepared
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
    test_loss: float = math.inf
    value: float = math.nan
    best_value: float = math.nan
    metrics_bytes: Count = 0
    metrics_digest: str | None = None
    solved_at: dict[str, Count | None] = field(default_factory=dict)
    divergences: list[dict[str, int | str]] = field(default_factory=list)
    reference: Reference = field(default_factory=Reference)
    interval: Interval = field(default_factory=Interval)

    @classmethod
    def before(cls, metric: Metric) -> "Progress":
        """Begin: nothing is known of the metric, and none of its thresholds is passed."""
        return cls(solved_at=dict.fromkeys(metric.thresholds))

    def note_crossings(self, metric: Metric) -> bool:
        """Take in the healthy network's `value`; say whether it is the best so far."""
        for threshold, passed in self.solved_at.items():
            if passed is None and metric.is_past(self.value, float(threshold)):
                self.solved_at[threshold] = self.step
        best = math.isnan(self.best_value) or metric.is_past(self.value, self.best_value)
        if best:
            self.best_value = self.value
        return best

    def plain(self) -> dict[str, Any]:
        """Turn into dicts, lists and numbers."""
        return asdict(self)

    @classmethod
    def from_plain(cls, saved: Any, metric: Metric) -> "Progress":
        """Undo `plain`.

        Raises:
            ValueError: It is not what `plain` gives for this metric, or of a version that knows more.
        """
        saved = _with_todays_names(saved)
        progress = held_to(saved, cls)
        if list(progress.solved_at) != list(metric.thresholds):
            raise ValueError(f"its thresholds are not {', '.join(metric.thresholds)}")
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


def _with_todays_names(saved: Any) -> Any:
    """Rename what irnn 0.1 called by the one loss that it knew."""
    if not (isinstance(saved, dict) and "test_mse" in saved):
        return saved
    today = {key: value for key, value in saved.items() if key not in ("test_mse", "best_test_mse")}
    mse, best = saved["test_mse"], saved.get("best_test_mse")
    today |= {"test_loss": mse, "value": mse, "best_value": math.nan if best == math.inf else best}
    reference = saved.get("reference")
    if isinstance(reference, dict):
        names = {"first_mse": "first_loss", "best_mse": "best_loss"}
        today["reference"] = {names.get(key, key): value for key, value in reference.items()}
    return today
