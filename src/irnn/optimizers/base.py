"""What an optimizer is: its settings, and the rule that it makes. Torch is imported where rules step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from irnn.choices import Schedule
from irnn.options import HUGE, Choice, option

if TYPE_CHECKING:
    from torch import Tensor


class Rule(ABC):
    """One step of an optimizer."""

    def state(self) -> dict[str, Tensor]:
        """Name the running averages (N,), which are changed in place and which a checkpoint keeps."""
        return {}

    @abstractmethod
    def step(self, parameters: Tensor, gradient: Tensor, rate: Tensor, count: int | Tensor) -> None:
        """Change the parameters in place.

        Args:
            parameters: (N,).
            gradient: (N,); may be used as room.
            rate: learning rate of each parameter, (N,).
            count: which step this is, from 1; a tensor () where only the device knows.
        """

    def compiled(self) -> dict[str, Any] | None:
        """Say the same to `irnn.kernels.descent.Descent`: its `rule`, `state` and numbers; None: no."""
        return None


@dataclass(frozen=True, kw_only=True)
class Optimizer(Choice, ABC):
    """An optimizer; gradient clipping, schedules and the learning rates of groups are the same for all."""

    group: ClassVar[str] = "optim"
    keeps_squares: ClassVar[bool] = True
    """Whether it averages squares of gradients, which overflow long before gradients do."""
    averages: ClassVar[int] = 3
    """Vectors of the parameters' size that it keeps; for the estimate of memory."""

    lr: float = option(0.001, "learning rate", above=0, at_most=HUGE)
    recurrent_lr_scale: float = option(
        1.0, "factor on the learning rate of the recurrent matrices", at_least=0, at_most=HUGE
    )
    integrator_lr_scale: float | None = option(
        None,
        "factor on the learning rate of all that acts through integrators at every step; null: 1",
        at_least=0,
        at_most=HUGE,
    )
    schedule: Schedule | None = option(
        None, "how the learning rate falls to 0 over the budget; null: it stays"
    )

    @abstractmethod
    def rule(self, like: Tensor) -> Rule:
        """Make what steps a vector of parameters such as `like` (N,)."""


@dataclass(frozen=True, kw_only=True)
class DecayingOptimizer(Optimizer):
    """An optimizer that knows weight decay."""

    weight_decay: float = option(0.0, "L2 penalty (decoupled in adamw)", at_least=0, at_most=HUGE)
