"""The compiled LSTM and GRU on tensors: one call forward, one call backward through time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from irnn.kernels.compiled import Compiled, dense, history_bytes
from irnn.kernels.loading import Call


@dataclass(frozen=True)
class Cell:
    """What is known of a gated cell by the compiled code's name for it."""

    name: str
    gates: int
    carries: bool  # has a second state, c


CELLS = {"lstm": Cell("lstm", 4, True), "gru": Cell("gru", 3, False)}


def forward(
    kernel: Compiled,
    tensors: Sequence[Tensor | None],
    name: str,
    last_only: bool,
    keep: bool,
    zeroed: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return (output, last c, history), the last two empty where there is none; see `Compiled.forward`."""
    cell = CELLS[name]
    inputs, w_ih, w_hh, b_ih, b_hh, h0, c0 = _dense(tensors)
    assert inputs is not None
    assert w_hh is not None
    T, B, F = inputs.shape
    H = w_hh.shape[1]
    output = inputs.new_empty((B, H) if last_only else (T, B, H))
    carry = inputs.new_empty((B, H) if cell.carries else 0)
    new = inputs.new_zeros if zeroed else inputs.new_empty
    size = history_bytes(name, T, B, F, H, inputs.element_size()) if keep else 0
    history = new(size, dtype=torch.uint8)
    if kernel.poison and not zeroed:
        history.fill_(0xFF)
    call = _call(kernel, cell, inputs, w_hh, last_only)
    places = {"inputs": inputs, "w_ih": w_ih, "w_hh": w_hh, "bias": b_ih, "second_bias": b_hh}
    places |= {"h0": h0, "c0": c0, "output": output, "last_carry": carry, "history": history}
    kernel.call("forward", _point(call, places), inputs.dtype)
    return output, carry, history


def backward(
    kernel: Compiled,
    grads: Sequence[Tensor | None],
    tensors: Sequence[Tensor | None],
    history: Tensor,
    name: str,
    last_only: bool,
    needs: Sequence[bool],
) -> tuple[Tensor, ...]:
    """Return the gradients of all tensors from those of (output, last c); not needed ones may be empty."""
    cell = CELLS[name]
    inputs, w_ih, w_hh = _dense(tensors[:3])
    assert inputs is not None
    assert w_hh is not None
    T, B, _ = inputs.shape
    H = w_hh.shape[1]
    grad_output, grad_carry = _dense(grads)
    if grad_output is None:
        grad_output = inputs.new_zeros((B, H) if last_only else (T, B, H))
    found = tuple(inputs.new_empty(shape) for shape in gradient_shapes(cell, tensors, needs))
    names = ("inputs", "w_ih", "w_hh", "bias", "second_bias", "h0", "c0")
    places: dict[str, Tensor | None] = {
        f"grad_{name}": grad for name, grad in zip(names, found, strict=True)
    }
    if needs[6] and not needs[5]:  # the walk back to c0 goes by way of h0
        places["grad_h0"] = inputs.new_empty((B, H))
    places |= {"w_ih": w_ih, "w_hh": w_hh, "history": history, "grad_output": grad_output}
    if cell.carries and grad_carry is not None:
        places["grad_last_carry"] = grad_carry
    call = _call(kernel, cell, inputs, w_hh, last_only)
    kernel.call("backward", _point(call, places), inputs.dtype)
    return found


def gradient_shapes(
    cell: Cell, tensors: Sequence[Tensor | None], needs: Sequence[bool]
) -> Iterator[Any]:
    """Give the shapes of the gradients of all tensors; weights always have one."""
    inputs, w_ih, w_hh = tensors[:3]
    assert inputs is not None
    assert w_ih is not None
    assert w_hh is not None
    H = w_hh.shape[1]
    yield inputs.shape if needs[0] else 0
    yield w_ih.shape
    yield w_hh.shape
    for place in (3, 4):
        yield cell.gates * H if needs[place] else 0
    for place in (5, 6):
        yield (inputs.shape[1], H) if needs[place] else 0


def _dense(tensors: Sequence[Tensor | None]) -> list[Tensor | None]:
    return [None if tensor is None else dense(tensor) for tensor in tensors]


def _call(kernel: Compiled, cell: Cell, inputs: Tensor, w_hh: Tensor, last_only: bool) -> Call:
    T, B, F = inputs.shape
    threads = torch.get_num_threads()
    call = Call(T, B, F, w_hh.shape[1], *inputs.stride(), False, last_only, threads, kernel.poison)
    call.cell = kernel.cell(cell.name)
    return call


def _point(call: Call, places: Mapping[str, Tensor | None]) -> Call:
    """Enter where tensors are; what is absent or empty stays null."""
    for name, tensor in places.items():
        if tensor is not None and tensor.numel():
            setattr(call, name, tensor.data_ptr())
    return call
