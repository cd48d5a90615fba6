"""One update: forward, backward, measure the gradient, clip it, check it, apply it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from irnn import kernels
from irnn.config import Clip, Optim, OptimName
from irnn.kernels.threads import one_thread
from irnn.models.recurrent import RNN
from irnn.models.regressor import Regressor

if TYPE_CHECKING:
    from irnn.kernels.regression import Regression


@dataclass(frozen=True)
class Update:
    """What one update did: the batch's MSE, the gradient's norm before clipping, and what became of it."""

    loss: float
    grad_norm: float
    clipped: bool
    applied: bool


class FlatParameters:
    """Several parameters laid out in one vector, so that an update touches one tensor instead of many.

    Each parameter and its gradient become views into `vector` and `vector.grad`; optimizers that work
    element by element (all that are offered here) give bitwise the same result either way.
    """

    def __init__(self, parameters: Iterable[torch.nn.Parameter], gradient: Tensor) -> None:
        owned = list(parameters)
        joined = torch.cat([parameter.detach().reshape(-1) for parameter in owned])
        self.vector = torch.nn.Parameter(joined)
        self.vector.grad = gradient
        start = 0
        for parameter in owned:
            piece = slice(start, start + parameter.numel())
            parameter.data = self.vector.detach()[piece].view_as(parameter)
            parameter.grad = gradient[piece].view_as(parameter)
            start = piece.stop


class Updater:
    """Apply updates to a network: the optimizer, gradient clipping and the check for finiteness.

    Clipping is by the norm of the whole gradient (Pascanu, Mikolov & Bengio 2013): a gradient longer than
    `clip.max_norm` is scaled down to that length. A loss or gradient that is not finite is never applied.
    """

    def __init__(self, model: Regressor, optim: Optim, clip: Clip) -> None:
        self.model, self.optim = model, optim
        self.max_norm = math.inf if clip.max_norm is None else clip.max_norm
        recurrent = model.recurrent_parameters()
        chosen = {id(parameter) for parameter in recurrent}
        others = [parameter for parameter in model.parameters() if id(parameter) not in chosen]
        split = sum(parameter.numel() for parameter in recurrent)
        size = split + sum(parameter.numel() for parameter in others)
        self.gradient = torch.zeros(size, dtype=others[0].dtype, device=others[0].device)
        groups = (
            (FlatParameters(recurrent, self.gradient[:split]), optim.recurrent_lr_scale),
            (FlatParameters(others, self.gradient[split:]), 1.0),
        )
        self.optimizer = make_optimizer(
            optim, [{"params": [flat.vector], "lr_scale": scale} for flat, scale in groups]
        )
        self.set_lr(1.0)
        self._in_one_call = regression_of(model)

    def set_lr(self, factor: float) -> None:
        """Set the learning rates to `factor` times what the configuration says."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.optim.lr * factor * group["lr_scale"]

    def __call__(self, inputs: Tensor, targets: Tensor) -> Update:
        """Learn from one batch: inputs (T, B, F), targets (B,)."""
        if self._in_one_call is not None:
            loss = self._in_one_call(inputs, targets)  # writes self.gradient
        else:
            self.gradient.zero_()
            loss = torch.nn.functional.mse_loss(self.model(inputs), targets)
            loss.backward()  # type: ignore[no-untyped-call]
        mse, grad_norm = torch.stack((loss.detach(), self.gradient.norm())).tolist()
        if not (math.isfinite(mse) and math.isfinite(grad_norm)):
            return Update(mse, grad_norm, clipped=False, applied=False)
        clipped = grad_norm > self.max_norm
        if clipped:
            self.gradient.mul_(self.max_norm / grad_norm)
        with one_thread():
            self.optimizer.step()
        return Update(mse, grad_norm, clipped, applied=True)


def regression_of(model: Regressor) -> Regression | None:
    """Return what computes the whole loss and gradient in one call, where the kernel offers that."""
    if not isinstance(model.recurrent, RNN):
        return None
    layer: Any = model.recurrent
    if layer.num_layers > 1 or layer.bidirectional:
        return None
    weight = layer.weight_hh_l0
    kernel = kernels.choose(layer._kernel, device=weight.device, dtype=weight.dtype)
    if kernel is None or kernel.regression is None:
        return None
    b_ih, b_hh = (layer.bias_ih_l0, layer.bias_hh_l0) if layer.bias else (None, None)
    return kernel.regression(
        layer.weight_ih_l0,
        weight,
        b_ih,
        b_hh,
        model.readout.weight,
        model.readout.bias,
        nonlinearity=layer.nonlinearity,
    )


def make_optimizer(optim: Optim, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """Make the optimizer that a configuration asks for, over parameter groups of one device."""
    kinds: dict[OptimName, tuple[Callable[..., torch.optim.Optimizer], tuple[str, ...]]] = {
        OptimName.sgd: (torch.optim.SGD, ("momentum", "nesterov")),
        OptimName.adam: (torch.optim.Adam, ("eps", "amsgrad")),
        OptimName.adamw: (torch.optim.AdamW, ("eps", "amsgrad")),
        OptimName.rmsprop: (torch.optim.RMSprop, ("momentum", "alpha", "centered", "eps")),
    }
    kind, options = kinds[optim.name]
    chosen: dict[str, Any] = {name: getattr(optim, name) for name in options}
    if optim.name in (OptimName.adam, OptimName.adamw):
        chosen["betas"] = (optim.beta1, optim.beta2)
    if optim.name is not OptimName.rmsprop:  # which PyTorch offers no fused form of
        chosen["fused"] = groups[0]["params"][0].device.type in ("cpu", "cuda")
    return kind(groups, lr=optim.lr, weight_decay=optim.weight_decay, **chosen)
