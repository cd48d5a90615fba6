"""The optimizers, on one flat vector of parameters; held to `torch.optim` by tests.

Why not `torch.optim` itself: its first step loads PyTorch's compiler, 1.2 s of every run's start, and its
bookkeeping over lists of parameters takes longer than the arithmetic on 10 000 numbers (see
docs/decisions/0004-flat-optimizers.md). The formulas and the settings' names are PyTorch's.
"""

from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from irnn.choices import OptimName
from irnn.config import Optim

if TYPE_CHECKING:
    from irnn.kernels.descent import Descent
    from irnn.kernels.loading import Step


class Rule(Protocol):
    """One step of an optimizer."""

    def state(self) -> dict[str, Tensor]:
        """Name the running averages, which a checkpoint keeps."""

    def step(self, parameters: Tensor, gradient: Tensor, rate: Tensor, count: int | Tensor) -> None:
        """Change the parameters in place.

        Args:
            parameters: (N,).
            gradient: (N,); may be used as room.
            rate: learning rate of each parameter, (N,).
            count: which step this is, from 1; a tensor () where only the device knows.
        """

    def compiled(self) -> dict[str, Any]:
        """Say the same to `irnn.kernels.descent.Descent`: its `rule`, `state` and numbers."""


class Sgd:
    """Gradient descent, with (Nesterov) momentum and L2 penalty. Sutskever et al. 2013."""

    def __init__(self, optim: Optim, like: Tensor) -> None:
        self.optim, self.momentum = optim, optim.momentum or 0.0
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
            "nesterov": self.optim.nesterov or False,
        }


class Adam:
    """Adam (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019), AMSGrad (Reddi et al. 2018)."""

    def __init__(self, optim: Optim, like: Tensor) -> None:
        assert optim.beta1 is not None
        assert optim.beta2 is not None
        assert optim.eps is not None
        self.optim, self.eps = optim, optim.eps
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
        decay = self.optim.weight_decay
        if decay and self.optim.name is OptimName.adamw:
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
        if isinstance(factor, Tensor):
            direction, factor = direction.mul_(factor), 1.0
        parameters.addcmul_(direction, rate, value=factor)

    def compiled(self) -> dict[str, Any]:
        """See `Rule`."""
        decoupled = self.optim.name is OptimName.adamw
        return {
            "rule": "adam",
            "state": (self.mean, self.square, self.largest),
            "decoupled_decay" if decoupled else "l2_penalty": self.optim.weight_decay,
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.eps,
        }


class RmsProp:
    """RMSprop (Tieleman & Hinton 2012), with momentum, centred as in Graves 2013."""

    def __init__(self, optim: Optim, like: Tensor) -> None:
        assert optim.alpha is not None
        assert optim.eps is not None
        self.optim, self.alpha, self.eps = optim, optim.alpha, optim.eps
        self.momentum = optim.momentum or 0.0
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
            square = torch.addcmul(square, self.mean, self.mean, value=-1)
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
            "centered": self.optim.centered or False,
            "beta2": self.alpha,
            "epsilon": self.eps,
        }


_RULES: dict[OptimName, type[Sgd] | type[Adam] | type[RmsProp]] = {
    OptimName.sgd: Sgd,
    OptimName.adam: Adam,
    OptimName.adamw: Adam,
    OptimName.rmsprop: RmsProp,
}


class Optimizer:
    """Apply a rule to a flat vector of parameters.

    Args:
        optim: the settings.
        parameters: (N,), changed in place.
        scale: factor on the learning rate of each parameter, (N,).
    """

    def __init__(self, optim: Optim, parameters: Tensor, scale: Tensor) -> None:
        self._optim, self._parameters, self.scale = optim, parameters, scale
        self._rule: Rule = _RULES[optim.name](optim, parameters)
        self.count = 0  # steps made
        self.set_lr(1.0)

    def set_lr(self, factor: float) -> None:
        """Set the learning rates to `factor` times what the configuration says."""
        self._lr = self.lr(factor)

    def lr(self, factor: float) -> float:
        """Give `factor` times the learning rate that the configuration says."""
        return self._optim.lr * factor

    def step(self, gradient: Tensor) -> None:
        """Apply a gradient (N,), whose content is lost."""
        self.count += 1
        self._rule.step(self._parameters, gradient, self.scale * self._lr, self.count)

    def step_where(self, going: Tensor, gradient: Tensor, rate: Tensor, count: Tensor) -> None:
        """Do what `step` does if the tensor `going` () is true, without looking; `count` is not kept.

        Args:
            going: whether to change anything.
            gradient: (N,), whose content is lost.
            rate: common learning rate, (1,).
            count: which step this is, ().
        """
        own = [self._parameters, *self._rule.state().values()]
        before = [each.clone() for each in own]
        self._rule.step(self._parameters, gradient, self.scale * rate, count)
        for new, old in zip(own, before, strict=True):
            torch.where(going, new, old, out=new)

    def compiled(self) -> dict[str, Any]:
        """Describe the rule and its state; see `Rule.compiled`."""
        return self._rule.compiled()

    def descent(self, kind: "type[Descent]", gradient: Tensor, max_norm: float) -> "Descent":
        """Make what checks, clips and applies `gradient` in one compiled call; for `step_compiled`."""
        return kind(self._parameters, gradient, max_norm, **self._rule.compiled())

    def step_compiled(self, descent: "Descent", loss: Tensor) -> "Step":
        """Do what `step` does, unless loss or gradient are not finite; say what was done."""
        done = descent(loss, self.scale, self.count + 1, rate_factor=self._lr)
        self.count += done.applied
        return done

    def averages(self) -> dict[str, Tensor]:
        """Name the rule's running averages (N,), as they are."""
        return self._rule.state()

    def state_dict(self) -> dict[str, Tensor | int]:
        """Everything that the next step depends on besides parameters and settings."""
        return {"count": self.count, **self._rule.state()}

    def load_state_dict(self, state: dict[str, Tensor | int]) -> None:
        """Undo `state_dict`; what is given is copied."""
        count = state["count"]
        assert isinstance(count, int)
        self.count = count
        for name, tensor in self._rule.state().items():
            saved = state[name]
            assert isinstance(saved, Tensor)
            tensor.copy_(saved)
