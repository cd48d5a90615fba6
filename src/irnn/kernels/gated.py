"""LSTM and GRU in one call of compiled code, forward and backward through time.

Held to `reference.lstm` and `reference.gru` in value and in every gradient; docs/kernel.md explains how.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from irnn.kernels import reference, transforms
from irnn.kernels.arguments import check_gated
from irnn.kernels.compiled import Compiled, default, history_bytes
from irnn.kernels.gated_calls import CELLS, backward, forward, gradient_shapes
from irnn.kernels.native import refuse_foreign


def lstm(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    h0: Tensor | None,
    c0: Tensor | None,
    *,
    last_only: bool,
    kernel: Compiled | None = None,
) -> tuple[Tensor, Tensor]:
    """Run an LSTM over time; the arguments and the result are those of `reference.lstm`.

    Differentiable in every tensor, and again: second derivatives are those of the reference.
    `kernel` replaces the default variant.

    Raises:
        ValueError: as the reference does; for other devices or dtypes than CPU float32/float64; and
            inside what `transforms.in_the_way` names.
    """
    check_gated(4, inputs, w_ih, w_hh, b_ih, b_hh, h0, c0)
    return _run("lstm", (inputs, w_ih, w_hh, b_ih, b_hh, h0, c0), last_only, kernel)


def gru(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    h0: Tensor | None,
    *,
    last_only: bool,
    kernel: Compiled | None = None,
) -> Tensor:
    """Run a GRU over time; the arguments and the result are those of `reference.gru`. Otherwise as `lstm`."""
    check_gated(3, inputs, w_ih, w_hh, b_ih, b_hh, h0)
    return _run("gru", (inputs, w_ih, w_hh, b_ih, b_hh, h0, None), last_only, kernel)[0]


def _run(
    cell: str, tensors: Sequence[Tensor | None], last_only: bool, kernel: Compiled | None
) -> tuple[Tensor, Tensor]:
    assert tensors[0] is not None
    refuse_foreign(tensors[0])
    keep = torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)
    output: Tensor
    carry: Tensor
    if torch.compiler.is_compiling() or transforms.is_seen(*tensors):
        output, carry, _ = gated_operator(*tensors, cell, last_only, keep)
        return output, carry
    kernel = kernel or default()
    if keep:
        output, carry = _Gated.apply(*tensors, cell, last_only, kernel)  # type: ignore[no-untyped-call]
        return output, carry
    return forward(kernel, tensors, cell, last_only, keep=False)[:2]


class _Gated(torch.autograd.Function):
    """The direct way into the compiled kernel, for eager mode."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, Tensor]:
        tensors, (cell, last_only, kernel) = arguments[:7], arguments[7:]
        output, carry, history = forward(kernel, tensors, cell, last_only, keep=True)
        ctx.save_for_backward(*tensors, history)
        ctx.settings = cell, last_only, kernel
        ctx.set_materialize_grads(False)
        return output, carry

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        cell, last_only, kernel = ctx.settings
        *tensors, history = ctx.saved_tensors
        needs = ctx.needs_input_grad[:7]
        if torch.is_grad_enabled() or transforms.in_the_way() or transforms.is_seen(*grads):
            # To be differentiated again, or for a whole batch of gradients at once.
            return (*_by_reference(grads, tensors, needs, cell, last_only), *[None] * 3)
        found = backward(kernel, grads, tensors, history, cell, last_only, needs)
        return (*transforms.wanted(found, needs), *[None] * 3)


def _by_reference(
    grads: Sequence[Tensor | None],
    tensors: Sequence[Tensor | None],
    needs: Sequence[bool],
    cell: str,
    last_only: bool,
) -> tuple[Tensor | None, ...]:
    def run(*places: Any) -> tuple[Tensor, ...]:
        walk = getattr(reference, cell)
        states = walk(*places[: len(places) if CELLS[cell].carries else -1], last_only=last_only)
        return states if isinstance(states, tuple) else (states,)

    return transforms.gradients_of(run, grads, tensors, needs)


@torch.library.custom_op("irnn::gated", mutates_args=(), device_types="cpu")
def gated_operator(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    h0: Tensor | None,
    c0: Tensor | None,
    cell: str,
    last_only: bool,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (output, last c, history): the way into the compiled kernel that PyTorch can look into."""
    tensors = inputs, w_ih, w_hh, b_ih, b_hh, h0, c0
    return forward(default(), tensors, cell, last_only, keep, zeroed=True)


@gated_operator.register_fake
def _(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    inputs, w_hh, (name, last_only, keep) = arguments[0], arguments[2], arguments[7:]
    (T, B, F), H, new = inputs.shape, w_hh.shape[1], inputs.new_empty
    size = history_bytes(name, T, B, F, H, inputs.element_size()) if keep else 0
    output = new((B, H) if last_only else (T, B, H))
    return output, new((B, H) if CELLS[name].carries else 0), new(size, dtype=torch.uint8)


@torch.library.custom_op("irnn::gated_backward", mutates_args=(), device_types="cpu")
def backward_operator(
    grads: Sequence[Tensor | None],
    tensors: Sequence[Tensor | None],
    history: Tensor,
    cell: str,
    last_only: bool,
    needs: Sequence[bool],
) -> list[Tensor]:
    """Return the gradients of all seven tensors; those not needed may come back empty."""
    return list(backward(default(), grads, tensors, history, cell, last_only, needs))


@backward_operator.register_fake
def _(*arguments: Any) -> list[Tensor]:
    tensors, cell, needs = arguments[1], arguments[3], arguments[5]
    return [tensors[0].new_empty(shape) for shape in gradient_shapes(CELLS[cell], tensors, needs)]


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    tensors, (cell, last_only, keep) = inputs[:7], inputs[7:]
    ctx.save_for_backward(*tensors, output[2])
    ctx.settings = cell, last_only, keep
    ctx.set_materialize_grads(False)


def _operator_backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
    cell, last_only, keep = ctx.settings
    if not keep:
        raise RuntimeError("irnn::gated was called with keep=False: it kept no history")
    *tensors, history = ctx.saved_tensors
    needs = ctx.needs_input_grad[:7]
    if torch.is_grad_enabled():
        return (*_by_reference(grads[:2], tensors, needs, cell, last_only), *[None] * 3)
    found = backward_operator(grads[:2], tensors, history, cell, last_only, list(needs))
    return (*transforms.wanted(found, needs), *[None] * 3)


gated_operator.register_autograd(_operator_backward, setup_context=_setup_context)
