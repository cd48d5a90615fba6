"""An optimizer of PyTorch's at work: on the shapes of a network's parameters, with everything around it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from irnn.optimizers.base import Optimizer
from irnn.runs.checkpoint import check_fits
from irnn.training.flat import FlatParameters


class TorchOptimizer:
    """Does what `FlatOptimizer` does with what `Optimizer.make` made.

    It steps parameters that are views of the flat vector. A factor on the learning rate of single numbers,
    which PyTorch does not have, is one on how far a step moves them: the same for whatever multiplies its
    direction by the rate. Its state is all that it keeps for parameters and in its groups.

    Args:
        optim: the settings.
        flat: the network's parameters.
        scale: factor on the learning rate of each parameter, (N,).
    """

    def __init__(self, optim: Optimizer, flat: FlatParameters, scale: Tensor) -> None:
        self._optim, self._vector, self.scale = optim, flat.vector, scale
        self._scaled = bool((scale != 1).any())
        self._parameters = [torch.nn.Parameter(view) for view in flat.pieces(flat.vector)]
        self._gradients = flat.pieces(flat.gradient)
        self._torch: Any = optim.make(self._parameters)
        self._rates = [group["lr"] for group in self._torch.param_groups]
        self.count = 0  # steps made
        self.set_lr(1.0)

    def set_lr(self, factor: float) -> None:
        """Set the learning rates to `factor` times what they were made with."""
        for group, rate in zip(self._torch.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor

    def lr(self, factor: float) -> float:
        """Give `factor` times the learning rate that the configuration says."""
        return self._optim.lr * factor

    def step(self, gradient: Tensor) -> None:
        """Apply the gradient (N,) of the network's flat parameters."""
        self.count += 1
        before = self._vector.clone() if self._scaled else None
        for parameter, piece in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = piece
        self._torch.step()
        if before is not None:
            self._vector.copy_(torch.lerp(before, self._vector, self.scale))

    def compiled(self) -> None:
        """No compiled code does this."""

    def descent(self, *_: Any) -> None:
        """No compiled code does this."""

    def averages(self) -> dict[str, Tensor]:
        """Name what is kept for parameters and can overflow, by its name in PyTorch."""
        found: dict[str, list[Tensor]] = {}
        for kept in self._torch.state.values():
            for name, value in kept.items():
                if isinstance(value, Tensor) and value.is_floating_point():
                    found.setdefault(name, []).append(value.reshape(-1))
        return {name: torch.cat(values) for name, values in found.items()}

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on besides parameters and settings."""
        return {
            "count": self.count,
            "state": _kept(self._torch),
            "groups": [_of_group(group) for group in self._torch.param_groups],
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Undo `state_dict`; what is given is copied."""
        self.count = saved["count"]
        like = self._after_a_step()["state"] if saved["state"] else {}
        self._torch.state.clear()
        for number, kept in saved["state"].items():
            self._torch.state[self._parameters[number]] = {
                name: _copied(value, like[number].get(name)) for name, value in kept.items()
            }
        for group, values in zip(self._torch.param_groups, saved["groups"], strict=True):
            group.update(deepcopy(values))

    def check_fits(self, saved: Any, name: str) -> None:
        """Hold a checkpoint to what this optimizer keeps.

        Raises:
            ValueError: It is of another one.
        """
        like = self._after_a_step()
        if isinstance(saved, dict) and isinstance(state := saved.get("state"), dict):
            if not state:  # of before the first step
                like["state"] = {}
            for number, kept in like["state"].items():
                # What is kept from a later step on is not known here.
                own = state.get(number)
                if isinstance(own, dict):
                    kept |= {each: own[each] for each in own.keys() - kept.keys()}
        check_fits(saved, like, name)

    def _after_a_step(self) -> dict[str, Any]:
        """Give the state of such an optimizer after its first step, which is when PyTorch makes it."""
        like = [torch.nn.Parameter(each.detach().clone()) for each in self._parameters]
        for each in like:
            each.grad = torch.zeros_like(each)
        made: Any = self._optim.make(like)
        made.step()
        groups = [_of_group(group) for group in made.param_groups]
        return {"count": 1, "state": _kept(made), "groups": groups}


def _copied(value: Any, like: Any) -> Any:
    """Copy what a checkpoint has to the device where PyTorch keeps such a thing."""
    if not isinstance(value, Tensor):
        return deepcopy(value)
    return value.to(like.device if isinstance(like, Tensor) else value.device, copy=True)


def _kept(optimizer: Any) -> dict[int, dict[str, Any]]:
    """Give what is kept for each parameter, by its number."""
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    return {
        number: dict(optimizer.state[each])
        for number, each in enumerate(parameters)
        if each in optimizer.state
    }


def _of_group(group: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name not in ("params", "lr")}
