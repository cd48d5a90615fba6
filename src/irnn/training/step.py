"""One update: forward, backward, measure the gradient, clip it, check it, apply it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from irnn import kernels
from irnn.kernels.threads import one_thread
from irnn.kernels.update import Update
from irnn.models import heads
from irnn.models.layer import KernelLayer
from irnn.models.network import Network
from irnn.models.plain import has_hooks, is_plain
from irnn.models.recurrent import GRU, IRNN, LSTM, RNN
from irnn.models.stepped import SteppedLayer
from irnn.optimizers.base import Optimizer
from irnn.spec.config import Clip
from irnn.training import stretch
from irnn.training.flat import FlatParameters
from irnn.training.optimizer import FlatOptimizer
from irnn.training.rates import parameter_scales, trained
from irnn.training.torch_optimizer import TorchOptimizer

if TYPE_CHECKING:
    from irnn.kernels.cuda.plan import Plan
    from irnn.kernels.descent import Descent
    from irnn.kernels.loss import Loss
    from irnn.tasks.data import Batch


class Updater:
    """Apply updates to a network: the optimizer, gradient clipping and the check for finiteness.

    Clipping is by the norm of the whole gradient (Pascanu, Mikolov & Bengio 2013): a gradient longer than
    `clip.max_norm` is scaled down to that length, also where the sum of its squares overflows (in float32
    from a norm of 1.8e19 on). A gradient is never applied that is not finite, whose loss is not, or whose
    norm is beyond the precision where nothing is clipped; a norm beyond 1.8e308 is not finite anywhere.
    For optimizers that keep squares, a `clip.max_norm` whose square overflows counts as the largest that
    does not (9.2e18 in float32).
    The first `integrators` units of a layer are those that `optim.integrator_lr_scale` is about. What makes
    updates in stretches comes from `make_stretch`; by default, from `stretch.of`.

    Parameters that need no gradient stay as they are. `kernel` names what computes the recurrence.

    Raises:
        ValueError: No parameter needs a gradient, or they differ in dtype or device.
    """

    def __init__(
        self,
        model: Network,
        optim: Optimizer,
        clip: Clip,
        integrators: int = 0,
        make_stretch: stretch.Maker | None = None,
    ) -> None:
        self.model = model
        self.max_norm = math.inf if clip.max_norm is None else clip.max_norm
        self.flat = FlatParameters(trained(model))
        if math.isfinite(self.max_norm) and optim.keeps_squares:
            # Adam and RMSprop keep squares: one that overflows would hold its weight still for ever.
            self.max_norm = min(
                self.max_norm, math.sqrt(torch.finfo(self.flat.vector.dtype).max) / 2
            )
        scales = parameter_scales(model, optim, integrators)
        self.optimizer: FlatOptimizer | TorchOptimizer = (
            TorchOptimizer(optim, self.flat, scales)
            if optim.is_of_torch()
            else FlatOptimizer(optim, self.flat.vector, scales)
        )
        kernel = kernel_of(model)
        self.kernel = name_of_kernel(model)
        self._in_one_call = loss_of(model, kernel)
        self._hooked = (model, model.recurrent, model.readout)
        self._places = [
            (module._parameters, name, parameter)
            for module in model.modules()
            for name, parameter in module._parameters.items()
        ]
        self._stretch = (make_stretch or stretch.of)(self)
        if self._stretch is not None and self._stretch.kernel:
            self.kernel = self._stretch.kernel
        self._descent = None
        if (descent := descent_of(model, kernel)) is not None:
            self._descent = self.optimizer.descent(descent, self.flat.gradient, self.max_norm)

    def __call__(self, inputs: Tensor, targets: Tensor) -> Update:
        """Learn from one batch: inputs (T, B, F), targets (B,) or (B, K).

        Raises:
            ValueError: The network has other parameters than when this was made.
        """
        self._check_places()
        if self._in_one_call is not None and not has_hooks(*self._hooked):
            loss = self._in_one_call(inputs, targets)  # overwrites the gradient
        else:
            loss = self.backward(inputs, targets)
        if self._descent is not None:
            assert isinstance(self.optimizer, FlatOptimizer)
            done = self.optimizer.step_compiled(self._descent, loss)
            self.flat.publish()
            return Update(done.loss_value, done.norm, bool(done.clipped), bool(done.applied))
        with one_thread():
            return self._apply(loss)

    @property
    def in_stretches(self) -> stretch.Stretch | None:
        """What makes updates in stretches, by `several`; None where each is made alone, by `one`."""
        return self._stretch

    def one(self, batch: Batch, factor: float) -> Update:
        """Learn from one batch, at so much of the configured learning rate."""
        self.optimizer.set_lr(factor)
        return self(*batch)

    def several(self, pieces: Sequence[Batch], factors: Sequence[float]) -> list[Update]:
        """Learn from batches in order, until an update is not applied, which is the last that is given.

        Args:
            pieces: batches one after the other, as `TaskData.pieces` gives them; at most `slots_for`.
            factors: on the configured learning rate, one for each batch.
        """
        if self._stretch is not None and not has_hooks(*self._hooked):
            self._check_places()
            return self._stretch(pieces, [self.optimizer.lr(factor) for factor in factors])
        made: list[Update] = []
        batches = (batch for piece in pieces for batch in zip(*piece, strict=True))
        for batch, factor in zip(batches, factors, strict=True):
            made.append(self.one(batch, factor))
            if not made[-1].applied:
                break
        return made

    def squares(self) -> Callable[[Tensor, Tensor], Tensor] | None:
        """Give what sums squared errors faster than the network does (see `Stretch`), or None."""
        if self._stretch is None or has_hooks(*self._hooked):
            return None
        self._check_places()
        return self._stretch.squares

    def _check_places(self) -> None:
        """See to it that the network's parameters are those that this updates."""
        for owner, name, parameter in self._places:
            if owner.get(name) is not parameter:
                raise ValueError(
                    f"the parameter {name} is another one than when this Updater was made (as after "
                    "load_state_dict(assign=True) or a parametrization); make a new Updater"
                )
        self.flat.keep_together()

    def backward(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Make `flat.gradient` that of a batch, by the operations of PyTorch; return its loss ()."""
        self.flat.forget_gradient()
        loss = self.model.head.loss(self.model(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        self.flat.gather_gradient()
        return loss.detach()

    def cuda_plan(self) -> Plan | None:
        """Lay out the CUDA kernels that compute exactly this network; None if there are none."""
        layer: Any = self.model.recurrent
        head = self.model.head
        squared = type(head) is heads.Regression and head.last == 1
        plain = squared and isinstance(layer, RNN) and _is_one_plain_layer(self.model)
        if not plain or len(self._places) != len(self.flat):
            return None  # another cell, or a parameter that is not trained
        if self.flat.vector.dtype != torch.float32 or layer._kernel != "auto":
            return None
        if self.optimizer.compiled() is None:
            return None
        from irnn.kernels.cuda import plan

        H, F, tanh = layer.hidden_size, layer.input_size, layer.nonlinearity == "tanh"
        if not plan.fits(H, F) or plan.why_unavailable():
            return None
        return plan.choose(H, F, tanh=tanh, bias=layer.bias)

    def overflow(self) -> str | None:
        """Say which weights or running averages of the optimizer are not finite, or None.

        Such a number is there for good, and nothing else shows it: the weight either stays where it is
        or makes every answer NaN.
        """
        kept = {"weight": self.flat.vector, **self.optimizer.averages()}
        for name, tensor in kept.items():
            bad = int((~torch.isfinite(tensor)).sum())
            if bad:
                of = name if name == "weight" else f"number of the optimizer's running {name}"
                return f"{bad:,} {of}{'s are' if bad > 1 else ' is'} not finite"
        return None

    def _apply(self, loss: Tensor) -> Update:
        gradient = self.flat.gradient
        batch_loss, grad_norm = torch.stack((loss, gradient.norm())).tolist()
        unit = 1.0
        finite = math.isfinite(batch_loss)
        if finite and not math.isfinite(grad_norm) and math.isfinite(self.max_norm):
            largest = gradient.abs().max()
            if largest.isfinite():  # only the sum of squares overflowed
                # By a tensor: a GPU would multiply by a number's reciprocal, 0.
                gradient.div_(largest)
                unit = largest.item()
                grad_norm = unit * gradient.norm().item()
        if not (finite and math.isfinite(grad_norm)):
            return Update(batch_loss, grad_norm, clipped=False, applied=False)
        clipped = grad_norm > self.max_norm
        scale = self.max_norm / (grad_norm / unit) if clipped else unit
        if scale != 1.0:
            gradient.mul_(scale)
        self.optimizer.step(gradient)
        self.flat.publish()
        return Update(batch_loss, grad_norm, clipped, applied=True)


def kernel_of(model: Network) -> kernels.Kernel | None:
    """Return the kernel that the network's recurrence uses; None is PyTorch."""
    if not isinstance(model.recurrent, KernelLayer):
        return None
    layer: Any = model.recurrent
    weight = layer.weight_hh_l0
    kernel = kernels.choose(
        layer._kernel, device=weight.device, dtype=weight.dtype, hidden=layer.hidden_size
    )
    return kernel if kernel is not None and kernel.computes(layer.gates) else None


def descent_of(model: Network, kernel: kernels.Kernel | None) -> type[Descent] | None:
    """Return what steps in compiled code, which layers without a kernel may have, too."""
    layer = model.recurrent
    if isinstance(layer, SteppedLayer):
        like = model.readout.weight
        kernel = kernels.choose(layer.kernel, device=like.device, dtype=like.dtype)
    return None if kernel is None else kernel.descent


def name_of_kernel(model: Network) -> str:
    """Name what computes the network's recurrence: a kernel, "torch", or a class that has its own way."""
    layer = model.recurrent
    ours = ("forward", "last_state", "_run", "_recurrence")
    if isinstance(layer, KernelLayer):
        if any(getattr(type(layer), name) is not getattr(KernelLayer, name) for name in ours):
            return f"{type(layer).__qualname__}.forward"
        kernel = kernel_of(model)
        return kernel.name if kernel else "torch"
    known = (torch.nn.LSTM.forward, torch.nn.GRU.forward, SteppedLayer.forward)
    plain = type(layer).forward in known
    return "torch" if plain else f"{type(layer).__qualname__}.forward"


def loss_of(model: Network, kernel: kernels.Kernel | None) -> Loss | None:
    """Return what computes the whole loss and gradient in one call, where that is exactly this network's."""
    layer: Any = model.recurrent
    head = model.head
    if kernel is None or kernel.loss is None or not _is_one_plain_layer(model):
        return None
    if type(head) not in (heads.Regression, heads.Classification):
        return None
    b_ih, b_hh = (layer.bias_ih_l0, layer.bias_hh_l0) if layer.bias else (None, None)
    return kernel.loss(
        layer.weight_ih_l0,
        layer.weight_hh_l0,
        b_ih,
        b_hh,
        model.readout.weight,
        model.readout.bias,
        cell=layer.cell,
        classes=head.classes if isinstance(head, heads.Classification) else None,
        last=head.last,
        nonlinearity=getattr(layer, "nonlinearity", "tanh"),
    )


def _is_one_plain_layer(model: Network) -> bool:
    """Whether the network is a read-out of one recurrent layer and nothing else; see `models.plain`."""
    layer, readout = model.recurrent, model.readout
    if type(model) is not Network or {"forward"} & vars(model).keys() or has_hooks(model):
        return False
    if model._parameters or model._buffers or set(model._modules) != {"recurrent", "readout"}:
        return False
    if not (is_plain(layer, RNN, IRNN, LSTM, GRU) and is_plain(readout, torch.nn.Linear)):
        return False
    one = layer.num_layers == 1 and not layer.bidirectional and not layer.proj_size
    # Fewer parameters than names: one tensor is used twice, and has two gradients.
    named = [*layer._parameters.values(), *readout._parameters.values()]
    return one and readout.bias is not None and len({*map(id, named)}) == len(named)
