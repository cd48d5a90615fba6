"""Gradient descent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irnn.optimizers.base import DecayingOptimizer, Rule
from irnn.spec.options import option
from irnn.spec.registry import optimizer

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.spec.config import Config


@optimizer("sgd")
class Sgd(DecayingOptimizer):
    """Gradient descent, with (Nesterov) momentum and L2 penalty. Sutskever et al. 2013."""

    keeps_squares = False
    averages = 1

    momentum: float = option(0.0, "momentum", at_least=0, below=1)
    nesterov: bool = option(False, "Nesterov momentum")

    def refusal(self, config: Config) -> tuple[str, str] | None:
        """Refuse Nesterov's momentum without any."""
        if self.nesterov and not self.momentum:
            return "nesterov", "it needs optim.momentum above 0"
        return None

    def rule(self, like: Tensor) -> SgdRule:
        """See `Optimizer`."""
        return SgdRule(self, like)


class SgdRule(Rule):
    """See `Sgd`."""

    def __init__(self, optim: Sgd, like: Tensor) -> None:
        import torch

        self.optim, self.momentum = optim, optim.momentum
        self.velocity = torch.zeros_like(like)

    def state(self) -> dict[str, Tensor]:
        """See `Rule`."""
        return {"velocity": self.velocity}

    def step(self, parameters: Tensor, gradient: Tensor, rate: Tensor, count: int | Tensor) -> None:
        """See `Rule`."""
        if self.optim.weight_decay:
            gradient.add_(parameters, alpha=self.optim.weight_decay)
        if self.momentum:
            self.velocity.mul_(self.momentum).add_(gradient)
            if self.optim.nesterov:
                gradient.add_(self.velocity, alpha=self.momentum)
            else:
                gradient = self.velocity
        parameters.addcmul_(gradient, rate, value=-1)

    def compiled(self) -> dict[str, Any]:
        """See `Rule`."""
        return {
            "rule": "sgd",
            "state": (self.velocity,),
            "l2_penalty": self.optim.weight_decay,
            "momentum": self.momentum,
            "nesterov": self.optim.nesterov,
        }
