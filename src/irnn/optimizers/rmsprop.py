"""RMSprop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irnn.optimizers.base import DecayingOptimizer, Rule
from irnn.spec.options import HUGE, option
from irnn.spec.registry import optimizer

if TYPE_CHECKING:
    from torch import Tensor


@optimizer("rmsprop")
class RmsProp(DecayingOptimizer):
    """RMSprop (Tieleman & Hinton 2012), with momentum, centred as in Graves 2013."""

    momentum: float = option(0.0, "momentum", at_least=0, below=1)
    alpha: float = option(0.99, "decay of the mean squared gradient", at_least=0, below=1)
    centered: bool = option(False, "divide by the variance")
    eps: float = option(1e-8, "added to the denominator", above=0, at_most=HUGE)

    def rule(self, like: Tensor) -> RmsPropRule:
        """See `Optimizer`."""
        return RmsPropRule(self, like)


class RmsPropRule(Rule):
    """See `RmsProp`."""

    def __init__(self, optim: RmsProp, like: Tensor) -> None:
        import torch

        self.optim, self.alpha, self.eps = optim, optim.alpha, optim.eps
        self.momentum = optim.momentum
        self.square, self.velocity = torch.zeros_like(like), torch.zeros_like(like)
        self.mean = torch.zeros_like(like)

    def state(self) -> dict[str, Tensor]:
        """See `Rule`."""
        return {"square": self.square, "velocity": self.velocity, "mean": self.mean}

    def step(self, parameters: Tensor, gradient: Tensor, rate: Tensor, count: int | Tensor) -> None:
        """See `Rule`."""
        if self.optim.weight_decay:
            gradient.add_(parameters, alpha=self.optim.weight_decay)
        self.square.mul_(self.alpha).addcmul_(gradient, gradient, value=1 - self.alpha)
        square = self.square
        if self.optim.centered:
            self.mean.lerp_(gradient, 1 - self.alpha)
            square = square.addcmul(self.mean, self.mean, value=-1)
        direction = gradient.div_(square.sqrt().add_(self.eps))
        if self.momentum:
            direction = self.velocity.mul_(self.momentum).add_(direction)
        parameters.addcmul_(direction, rate, value=-1)

    def compiled(self) -> dict[str, Any]:
        """See `Rule`."""
        return {
            "rule": "rmsprop",
            "state": (self.square, self.velocity, self.mean),
            "l2_penalty": self.optim.weight_decay,
            "momentum": self.momentum,
            "centered": self.optim.centered,
            "beta2": self.alpha,
            "epsilon": self.eps,
        }
