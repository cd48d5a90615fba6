"""Tell a run that exploded from one that is only noisy.

The rule: a run diverges when a loss or gradient stops being finite (without clipping: a gradient's norm);
when, at an evaluation, a weight or a number that the optimizer keeps is not finite (`Updater.overflow`); or
when, at an evaluation, its typical training MSE exceeds `divergence.factor` times the larger of 1/6 and
its own reference, which is the held-out MSE of its start during the first `divergence.grace` updates and
the best held-out MSE since that start afterwards. A held-out MSE above that limit is no divergence yet: it is
one moment's reading, and networks pass through losses of 1e5 that are gone a few updates later. Such weights
are not kept as good ones.

Explosions seldom end in NaN: a ReLU network's loss sits at 1e19, which a NaN check never sees. A start may
have a loss in the hundreds, so a fixed limit would not do either. The typical training MSE is the geometric
mean over the batches since the last evaluation: a single batch at 1e10 from which a run recovers is noise.
"""

import math
import sys
from dataclasses import asdict, dataclass

from irnn.config import Divergence
from irnn.tasks.adding import BASELINE_MSE
from irnn.training.step import Update


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
    first_mse: float = math.inf
    best_mse: float = math.inf

    def is_empty(self) -> bool:
        """Say whether this start has not been evaluated yet."""
        return math.isinf(self.first_mse)


def judge_update(update: Update) -> str | None:
    """Say why an update shows divergence, or None."""
    if not math.isfinite(update.loss):
        return f"training loss of one batch is {update.loss}"
    if not math.isfinite(update.grad_norm):
        return f"gradient norm is {update.grad_norm} at a batch loss of {update.loss:.3g}"
    return None


def judge_evaluation(
    settings: Divergence,
    reference: Reference,
    step: int,
    typical_mse: float | None,
    test_mse: float,
) -> str | None:
    """Say why an evaluation shows divergence, or None; it then becomes part of the reference."""
    if not math.isfinite(test_mse):
        return f"held-out MSE is {test_mse}"
    limit = divergence_limit(settings, reference, step)
    if typical_mse is not None and not typical_mse <= limit:
        return f"typical training MSE is {typical_mse:.3g}, over the limit of {limit:.3g}"
    if reference.is_empty():
        reference.first_mse = test_mse
    reference.best_mse = min(reference.best_mse, test_mse)
    return None


def divergence_limit(settings: Divergence, reference: Reference, step: int) -> float:
    """Give the MSE above which a run has diverged at this update; the largest float at its very start."""
    in_grace = step - reference.started_at <= settings.grace
    own = reference.first_mse if in_grace else reference.best_mse
    if math.isinf(own):
        return sys.float_info.max
    return settings.factor * max(BASELINE_MSE, own)
