"""The recurrence in one call of compiled code, forward and backward through time.

Held to `reference.py` in value and in every gradient; docs/kernel.md explains how it works.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from irnn.kernels import reference, transforms
from irnn.kernels.arguments import Nonlinearity, check
from irnn.kernels.compiled import Compiled, default, history_bytes
from irnn.kernels.loading import Library, load

if TYPE_CHECKING:
    from irnn.kernels.cuda.layer import CudaKernel

DTYPES = (torch.float32, torch.float64)


def is_available() -> bool:
    """Whether the compiled kernel was built and loads."""
    return isinstance(load(), Library)


def why_unavailable() -> str:
    """One line: what is missing and how to get it; empty when nothing is."""
    library = load()
    return library if isinstance(library, str) else ""


def applies(device: torch.device | str, dtype: torch.dtype) -> bool:
    """Whether the kernel computes with tensors of this kind."""
    return torch.device(device).type == "cpu" and dtype in DTYPES


def recurrence(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    bias: Tensor | None,
    h0: Tensor | None,
    *,
    nonlinearity: Nonlinearity,
    last_only: bool,
    kernel: Compiled | None = None,
) -> Tensor:
    """Run one layer over time; the arguments and the result are those of `reference.recurrence`.

    Differentiable in every tensor, and again: second derivatives are those of the reference.
    `kernel` replaces the default variant.

    Raises:
        ValueError: as the reference does; for other devices or dtypes than CPU float32/float64; and
            inside what `transforms.in_the_way` names.
    """
    check(inputs, w_ih, w_hh, bias, h0, nonlinearity)
    refuse_foreign(inputs)
    tensors = (inputs, w_ih, w_hh, bias, h0)
    return walk(tensors, nonlinearity, last_only, lambda: kernel or default())


def walk(
    tensors: tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None],
    nonlinearity: Nonlinearity,
    last_only: bool,
    kernel: Callable[[], "Compiled | CudaKernel"],
) -> Tensor:
    """Run one layer by a compiled kernel, on the CPU or on a GPU, and take part in autograd and compilation.

    Args:
        tensors: inputs, w_ih, w_hh, bias, h0 of `reference.recurrence`, on the kernel's device.
        nonlinearity: as there.
        last_only: as there.
        kernel: gives the kernel; the operator, which compilers look into, has that of the device.
    """
    tanh = nonlinearity == "tanh"
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    if torch.compiler.is_compiling() or transforms.is_seen(*tensors):
        # Seen by the compiler, by fake tensors and by dispatch modes; slower to call by hand.
        output: Tensor = recurrence_operator(*tensors, tanh, last_only, keep)[0]
        return output
    if not keep:
        return kernel().forward(*tensors, tanh, last_only, False)[0]
    output = _Recurrence.apply(*tensors, tanh, last_only, kernel())  # type: ignore[no-untyped-call]
    return output


def refuses(device: str = "cpu") -> str:
    """Say in one line why the kernel on a kind of device cannot be called just now; empty where it can."""
    if torch.compiler.is_compiling():
        return ""  # there it is an operator that the compiler looks into
    reason = transforms.in_the_way(device)
    if not reason:
        return ""
    kernel = "kernel='native'" if device == "cpu" else f"the kernel on {device}"
    return f"{kernel} cannot take part in {reason}; use kernel='auto' or kernel='torch'"


def refuse_foreign(inputs: Tensor) -> None:
    """Refuse what compiled code does not compute with, and calls inside what `refuses` names.

    Raises:
        ValueError: naming dtype and device, which all arguments share, or the transform.
    """
    if not applies(inputs.device, inputs.dtype):
        raise ValueError(
            f"runtime.kernel is 'native' with {inputs.dtype} on {inputs.device}; it computes "
            "float32 and float64 on the CPU: use 'auto' or 'torch'"
        )
    if problem := refuses():
        raise ValueError(problem)


class _Recurrence(torch.autograd.Function):
    """The direct way into the compiled kernel, for eager mode."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        bias: Tensor | None,
        h0: Tensor | None,
        tanh: bool,
        last_only: bool,
        kernel: "Compiled | CudaKernel",
    ) -> Tensor:
        output, history = kernel.forward(inputs, w_ih, w_hh, bias, h0, tanh, last_only, True)
        ctx.save_for_backward(inputs, w_ih, w_hh, bias, h0, history)
        ctx.settings = tanh, last_only, kernel
        return output

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        tanh, last_only, kernel = ctx.settings
        *tensors, history = ctx.saved_tensors
        needs = ctx.needs_input_grad
        in_the_way = transforms.in_the_way(grad_output.device.type)
        if torch.is_grad_enabled() or in_the_way or transforms.is_seen(grad_output):
            # To be differentiated again, or for a whole batch of gradients at once.
            return _by_reference(grad_output, tensors, needs, tanh, last_only)
        inputs, w_ih, w_hh = tensors[:3]
        grads = kernel.backward(
            grad_output,
            history,
            inputs,
            w_ih,
            w_hh,
            tanh,
            last_only,
            (needs[0], needs[3], needs[4]),
        )
        return (*transforms.wanted(grads, needs[:5]), *[None] * 3)


def _by_reference(
    grad_output: Tensor,
    tensors: Sequence[Tensor | None],
    needs: Sequence[bool],
    tanh: bool,
    last_only: bool,
) -> tuple[Tensor | None, ...]:
    """Answer a backward of this module, whose last three arguments are settings."""
    nonlinearity: Nonlinearity = "tanh" if tanh else "relu"

    def run(*places: Any) -> tuple[Tensor]:
        return (reference.recurrence(*places, nonlinearity=nonlinearity, last_only=last_only),)

    grads = transforms.gradients_of(run, (grad_output,), tensors, needs[: len(tensors)])
    return (*grads, *[None] * 3)


@torch.library.custom_op("irnn::recurrence", mutates_args=(), device_types=("cpu", "cuda"))
def recurrence_operator(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    bias: Tensor | None,
    h0: Tensor | None,
    tanh: bool,
    last_only: bool,
    keep: bool,
) -> tuple[Tensor, Tensor]:
    """Return (output, history): the way into the compiled kernel that PyTorch can look into.

    `history` is bytes, so that no gradient is ever asked of it; it is empty unless `keep`, and
    without it there is no gradient.
    """
    kernel = _kernel_on(inputs)
    return kernel.forward(inputs, w_ih, w_hh, bias, h0, tanh, last_only, keep, zeroed=True)


def _history_bytes(inputs: Tensor, H: int) -> int:
    (T, B, F), size = inputs.shape, inputs.element_size()
    if inputs.device.type == "cuda":
        return (T + 1) * B * H * size  # all states, see `CudaKernel`
    return history_bytes("recurrence", T, B, F, H, size)


def _kernel_on(inputs: Tensor) -> "Compiled | CudaKernel":
    if inputs.is_cuda:
        from irnn.kernels.cuda import layer

        return layer.default()
    return default()


@recurrence_operator.register_fake
def _(*arguments: Any) -> tuple[Tensor, Tensor]:
    inputs, w_hh, (_, last_only, keep) = arguments[0], arguments[2], arguments[5:]
    (T, B, _), H = inputs.shape, w_hh.shape[0]
    size = _history_bytes(inputs, H) if keep else 0
    output = inputs.new_empty((B, H) if last_only else (T, B, H))
    return output, inputs.new_empty(size, dtype=torch.uint8)


@torch.library.custom_op("irnn::recurrence_backward", mutates_args=(), device_types=("cpu", "cuda"))
def backward_operator(
    grad_output: Tensor,
    history: Tensor,
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    tanh: bool,
    last_only: bool,
    want_inputs: bool,
    want_bias: bool,
    want_h0: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of inputs, w_ih, w_hh, bias, h0; those not wanted come back empty."""
    wants = want_inputs, want_bias, want_h0
    kernel = _kernel_on(inputs)
    return kernel.backward(grad_output, history, inputs, w_ih, w_hh, tanh, last_only, wants)


@backward_operator.register_fake
def _(*arguments: Any) -> tuple[Tensor, ...]:
    inputs, w_ih, w_hh = arguments[2:5]
    want_inputs, want_bias, want_h0 = arguments[7:]
    H, new = w_hh.shape[0], inputs.new_empty
    return (
        new(inputs.shape if want_inputs else 0),
        new(w_ih.shape),
        new(w_hh.shape),
        new(H if want_bias else 0),
        new((inputs.shape[1], H) if want_h0 else 0),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    tensors, (tanh, last_only, keep) = inputs[:5], inputs[5:]
    ctx.save_for_backward(*tensors, output[1])
    ctx.settings = tanh, last_only, keep


def _backward(ctx: Any, grad_output: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    tanh, last_only, keep = ctx.settings
    if not keep:
        raise RuntimeError("irnn::recurrence was called with keep=False: it kept no history")
    *tensors, history = ctx.saved_tensors
    needs = ctx.needs_input_grad
    if torch.is_grad_enabled():
        return _by_reference(grad_output, tensors, needs, tanh, last_only)
    inputs, w_ih, w_hh = tensors[:3]
    grads = backward_operator(
        grad_output, history, inputs, w_ih, w_hh, tanh, last_only, needs[0], needs[3], needs[4]
    )
    return (*transforms.wanted(grads, needs[:5]), *[None] * 3)


recurrence_operator.register_autograd(_backward, setup_context=_setup_context)
