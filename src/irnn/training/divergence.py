"""Tell a run that exploded from one that is only noisy.

The rule: a run diverges when a loss or gradient stops being finite (without clipping: a gradient's norm);
when, at an evaluation, a weight or a number that the optimizer keeps is not finite (`Updater.overflow`); or
when, at an evaluation, its typical training loss exceeds `divergence.factor` times the larger of what the
trivial answer loses (1/6 on the adding problem) and its own reference, which is the held-out loss of its
initialization during the first `divergence.grace` updates and the best held-out loss since afterwards. A
held-out loss above that limit is no divergence yet: it is
one moment's reading, and networks pass through losses of 1e5 that are gone a few updates later. Such weights
are not kept as good ones.

Explosions seldom end in NaN: a ReLU network's loss sits at 1e19, which a NaN check never sees. A start may
have a loss in the hundreds, so a fixed limit would not do either. The typical training loss is the geometric
mean over the batches since the last evaluation: a single batch at 1e10 from which a run recovers is noise.
"""

import math
import sys
from dataclasses import asdict, dataclass

from irnn.kernels.update import Update
from irnn.spec.config import Divergence
from irnn.tasks.metric import Metric


@dataclass(frozen=True)
class Event:
    """A divergence: at which update, why, and what was done about it."""

    step: int
    reason: str
    action: str

    def plain(self) -> dict[str, int | str]:
        """Turn into what JSON and checkpoints hold."""
        return asdict(self)


@dataclass
class Reference:
    """The guard's memory: where a start began and the best it reached."""

    started_at: int = 0
    first_loss: float = math.inf
    best_loss: float = math.inf

    def is_empty(self) -> bool:
        """Say whether this start has not been evaluated yet."""
        return math.isinf(self.first_loss)


def judge_update(update: Update) -> str | None:
    """Say why an update shows divergence, or None."""
    if not math.isfinite(update.loss):
        return f"training loss of one batch is {update.loss}"
    if not math.isfinite(update.grad_norm):
        return f"gradient norm is {update.grad_norm} at a batch loss of {update.loss:.3g}"
    return None


def judge_evaluation(
    settings: Divergence,
    metric: Metric,
    reference: Reference,
    step: int,
    typical_loss: float | None,
    test_loss: float,
) -> str | None:
    """Say why an evaluation shows divergence, or None; it then becomes part of the reference."""
    label = metric.loss_label
    if not math.isfinite(test_loss):
        return f"held-out {label} is {test_loss}"
    limit = divergence_limit(settings, metric, reference, step)
    if typical_loss is not None and not typical_loss <= limit:
        return f"typical training {label} is {typical_loss:.3g}, over the limit of {limit:.3g}"
    if reference.is_empty():
        reference.first_loss = test_loss
    reference.best_loss = min(reference.best_loss, test_loss)
    return None


def divergence_limit(
    settings: Divergence, metric: Metric, reference: Reference, step: int
) -> float:
    """Give the loss above which a run has diverged at this update; the largest float at its very start."""
    in_grace = step - reference.started_at <= settings.grace
    own = reference.first_loss if in_grace else reference.best_loss
    if math.isinf(own):
        return sys.float_info.max
    return settings.factor * max(metric.loss_baseline, own)
