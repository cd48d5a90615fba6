"""An optimizer at work: its rule, applied to the flat vector of a network's parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from irnn.optimizers.base import Optimizer
from irnn.runs.checkpoint import check_fits

if TYPE_CHECKING:
    from irnn.kernels.descent import Descent
    from irnn.kernels.loading import Step


class FlatOptimizer:
    """Apply a rule to a flat vector of parameters.

    Args:
        optim: the settings.
        parameters: (N,), changed in place.
        scale: factor on the learning rate of each parameter, (N,).
    """

    def __init__(self, optim: Optimizer, parameters: Tensor, scale: Tensor) -> None:
        self._optim, self._parameters, self.scale = optim, parameters, scale
        self._rule = optim.rule(parameters)
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

    def compiled(self) -> dict[str, Any] | None:
        """Describe the rule and its state to compiled code; see `Rule.compiled`."""
        return self._rule.compiled()

    def descent(self, kind: type[Descent], gradient: Tensor, max_norm: float) -> Descent | None:
        """Make what checks, clips and applies `gradient` in one compiled call; for `step_compiled`.

        None where no compiled code knows the rule.
        """
        known = self._rule.compiled()
        return None if known is None else kind(self._parameters, gradient, max_norm, **known)

    def step_compiled(self, descent: Descent, loss: Tensor) -> Step:
        """Do what `step` does, unless loss or gradient are not finite; say what was done."""
        done = descent(loss, self.scale, self.count + 1, rate_factor=self._lr)
        self.count += done.applied
        return done

    def check_fits(self, saved: Any, name: str) -> None:
        """Hold a checkpoint to what this optimizer keeps.

        Raises:
            ValueError: It is of another one.
        """
        check_fits(saved, self.state_dict(), name)

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
