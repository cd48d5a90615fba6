"""The compiled kernel on tensors: one call forward, one call backward through time."""

import ctypes
from functools import cache
from typing import Any

import torch
from torch import Tensor

from irnn.kernels.loading import Call, load

_NO_CLASS = 2  # as in `run` of cpp/module.cpp


def history_bytes(cell: str, T: int, B: int, F: int, H: int, element_size: int) -> int:
    """Size of what forward keeps for backward, T + 1 times B rows of states and more."""
    return (T + 1) * B * _history_row(cell, int(F), int(H), element_size)


@cache
def _history_row(cell: str, F: int, H: int, element_size: int) -> int:
    library = load()
    assert not isinstance(library, str)
    call = Call(features=F, hidden=H, cell=library.cells[cell])
    row: int = library.history_row(call, element_size == 8)
    return row


class Compiled:
    """The compiled kernel for one instruction set."""

    def __init__(self, variant: str | None = None, *, poison: bool = False) -> None:
        """Choose the code to run.

        Args:
            variant: "avx512", "avx2" or "baseline"; None for what `Library.variant` gives.
            poison: fill working memory with NaN first, so that a test sees it being read.

        Raises:
            ValueError: there is no compiled kernel, or not this variant on this processor.
        """
        library = load()
        if isinstance(library, str):
            raise ValueError(f"runtime.kernel is 'native', but {library}, or use 'auto'")
        self.variant = library.variant(variant)
        self._index = library.variants[self.variant]
        self._library = library
        self.poison = poison

    def forward(
        self,
        inputs: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        bias: Tensor | None,
        h0: Tensor | None,
        tanh: bool,
        last_only: bool,
        keep: bool,
        zeroed: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Return (output, history); history is opaque bytes for `backward`, empty unless `keep`.

        `zeroed` makes the padding inside history defined, for those who compare it.
        """
        T, B, F = inputs.shape
        H = w_hh.shape[0]
        inputs, w_ih, w_hh = inputs.resolve_neg(), dense(w_ih), dense(w_hh)
        bias = None if bias is None else dense(bias)
        h0 = None if h0 is None else dense(h0)
        output = inputs.new_empty((B, H) if last_only else (T, B, H))
        new = inputs.new_zeros if zeroed else inputs.new_empty  # torch.empty has a default device
        size = history_bytes("recurrence", T, B, F, H, inputs.element_size()) if keep else 0
        history = new(size, dtype=torch.uint8)
        if self.poison and not zeroed:
            history.fill_(0xFF)  # NaN, read as float32 or as float64
        call = Call(
            T, B, F, H, *inputs.stride(), tanh, last_only, torch.get_num_threads(), self.poison,
            inputs.data_ptr(), w_ih.data_ptr(), w_hh.data_ptr(), _pointer(bias), _pointer(h0),
            output.data_ptr(), history.data_ptr() if keep else None,
        )  # fmt: skip
        self._run(self._library.forward, call, inputs.dtype)
        return output, history

    def backward(
        self,
        grad_output: Tensor,
        history: Tensor,
        inputs: Tensor,
        w_ih: Tensor,
        w_hh: Tensor,
        tanh: bool,
        last_only: bool,
        wants: tuple[bool, bool, bool],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the gradients of inputs, w_ih, w_hh, bias, h0.

        `wants` says whether those of inputs, bias and h0 are needed; the others come back empty.
        """
        T, B, F = inputs.shape
        H = w_hh.shape[0]
        w_ih, w_hh, grad_output = dense(w_ih), dense(w_hh), dense(grad_output)
        new = inputs.new_empty
        grads = (
            new((T, B, F) if wants[0] else 0),
            new((H, F)),
            new((H, H)),
            new(H if wants[1] else 0),
            new((B, H) if wants[2] else 0),
        )
        pointers = [grad.data_ptr() or None for grad in grads]
        call = Call(
            T, B, F, H, *inputs.stride(), tanh, last_only, torch.get_num_threads(), self.poison,
            None, w_ih.data_ptr(), w_hh.data_ptr(), None, None,
            None, history.data_ptr(), grad_output.data_ptr(), *pointers,
        )  # fmt: skip
        self._run(self._library.backward, call, inputs.dtype)
        return grads

    def call(self, name: str, call: Call, dtype: torch.dtype) -> None:
        """Run "forward", "backward" or "loss" on what `call` describes.

        Raises:
            IndexError: a target of a loss is no class.
        """
        call.poison = self.poison
        self._run(getattr(self._library, name), call, dtype)

    def step(self, step: Any, dtype: torch.dtype) -> None:
        """Make the optimizer's step that `irnn.kernels.descent` describes in `step`, by reference."""
        self._library.step(step, self._index, dtype is torch.float64)

    def rule(self, name: str) -> int:
        """Give the number of an optimizer's rule.

        Raises:
            KeyError: there is no such rule.
        """
        return self._library.rules[name]

    def cell(self, name: str) -> int:
        """Give the number of a cell: "recurrence", "lstm" or "gru"."""
        return self._library.cells[name]

    def loss_rows(self, call: Call) -> int:
        """Say for how many rows of a batch a loss's history needs room."""
        rows: int = self._library.loss_rows(ctypes.byref(call))
        return rows

    def _run(self, function: Any, call: Call, dtype: torch.dtype) -> None:
        status = function(ctypes.byref(call), self._index, dtype is torch.float64)
        if status == _NO_CLASS:
            raise IndexError("a target is no class")
        if status:
            raise MemoryError("the native kernel could not allocate its working memory")


def dense(tensor: Tensor) -> Tensor:
    """Give the numbers as they lie in memory: in order, and negated where a view only says so."""
    return tensor.contiguous().resolve_neg()


def _pointer(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


@cache
def default() -> Compiled:
    """Return the best variant for this processor, or the one that IRNN_NATIVE_ISA names."""
    return Compiled()
