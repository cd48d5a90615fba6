"""What an optimizer is: its settings, and the rule that it makes. Torch is imported where rules step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from irnn.spec.choices import Schedule
from irnn.spec.options import HUGE, Choice, option

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Rule(ABC):
    """An optimizer's step on all parameters as one vector (N,), and the averages that it keeps.

    For an optimizer with compiled code; one of a user's own is of `torch.optim`, see `Optimizer.make`.
    """

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
    """An optimizer; gradient clipping, schedules and the learning rates of groups are the same for all.

    A subclass gives `make`, any `torch.optim.Optimizer`; `check_optimizer` of `irnn.testing` checks it.
    """

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

    @classmethod
    def lacking(cls) -> list[str]:
        """An optimizer makes one of PyTorch's, or a rule."""
        own = cls.make is not Optimizer.make or cls.rule is not Optimizer.rule
        return super().lacking() if own else ["make"]

    def make(self, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """Make an optimizer of PyTorch's, with the learning rate `lr`: all that one of one's own needs.

        Clipping, schedules, `recurrent_lr_scale`, checks for infinite numbers, checkpoints and bitwise
        resuming are done around it; its `step` has to work without a closure.

        Args:
            parameters: in the shapes that they have in the network.
        """
        raise NotImplementedError(f"optim={self.name} makes no optimizer of PyTorch's")

    def rule(self, like: Tensor) -> Rule:
        """Make what steps a vector of parameters such as `like` (N,), instead of `make`.

        For what has a twin in compiled code, which does the same without PyTorch's bookkeeping.
        """
        raise NotImplementedError(f"optim={self.name} has no rule")

    @classmethod
    def is_of_torch(cls) -> bool:
        """Whether it is an optimizer of PyTorch's, by `make`."""
        return cls.make is not Optimizer.make


@dataclass(frozen=True, kw_only=True)
class DecayingOptimizer(Optimizer):
    """An `Optimizer` with the setting `weight_decay`."""

    weight_decay: float = option(0.0, "L2 penalty (decoupled in adamw)", at_least=0, at_most=HUGE)
