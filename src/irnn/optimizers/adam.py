"""Adam and AdamW."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from irnn.optimizers.base import DecayingOptimizer, Rule
from irnn.spec.options import HUGE, option
from irnn.spec.registry import optimizer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class _Adams(DecayingOptimizer):
    """What Adam and AdamW are set by."""

    beta1: float = option(0.9, "decay of the mean gradient", at_least=0, below=1)
    beta2: float = option(0.999, "decay of the mean squared gradient", at_least=0, below=1)
    amsgrad: bool = option(False, "AMSGrad")
    eps: float = option(1e-8, "added to the denominator", above=0, at_most=HUGE)

    def rule(self, like: Tensor) -> AdamRule:
        """See `Optimizer`."""
        return AdamRule(self, like)


@optimizer("adam")
class Adam(_Adams):
    """Adam. Kingma & Ba 2015; AMSGrad: Reddi et al. 2018."""


@optimizer("adamw")
class AdamW(_Adams):
    """Adam with decoupled weight decay. Loshchilov & Hutter 2019."""


class AdamRule(Rule):
    """See `Adam`; with decoupled weight decay for `AdamW`."""

    def __init__(self, optim: _Adams, like: Tensor) -> None:
        import torch

        self.optim, self.eps = optim, optim.eps
        self.decoupled = isinstance(optim, AdamW)
        self.beta1, self.beta2 = optim.beta1, optim.beta2
        self.mean, self.square = torch.zeros_like(like), torch.zeros_like(like)
        self.largest = torch.zeros_like(like) if optim.amsgrad else None
        self._room = torch.empty_like(like)

    def state(self) -> dict[str, Tensor]:
        """See `Rule`."""
        state = {"mean": self.mean, "square": self.square}
        return state if self.largest is None else {**state, "largest": self.largest}

    def step(self, parameters: Tensor, gradient: Tensor, rate: Tensor, count: int | Tensor) -> None:
        """See `Rule`."""
        import torch

        decay = self.optim.weight_decay
        if decay and self.decoupled:
            parameters.addcmul_(parameters, rate, value=-decay)
        elif decay:
            gradient.add_(parameters, alpha=decay)
        self.mean.lerp_(gradient, 1 - self.beta1)
        self.square.mul_(self.beta2).addcmul_(gradient, gradient, value=1 - self.beta2)
        square = self.square
        if self.largest is not None:
            square = torch.maximum(self.largest, square, out=self.largest)
        spread: float | Tensor = (1 - self.beta2**count) ** 0.5
        denominator = torch.sqrt(square, out=self._room).div_(spread).add_(self.eps)
        direction = torch.div(self.mean, denominator, out=self._room)
        factor = -1 / (1 - self.beta1**count)
        if isinstance(factor, torch.Tensor):
            direction, factor = direction.mul_(factor), 1.0
        parameters.addcmul_(direction, rate, value=factor)

    def compiled(self) -> dict[str, Any]:
        """See `Rule`."""
        return {
            "rule": "adam",
            "state": (self.mean, self.square, self.largest),
            "decoupled_decay" if self.decoupled else "l2_penalty": self.optim.weight_decay,
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.eps,
        }
