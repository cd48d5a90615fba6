"""The loss of a whole batch and all its gradients in one compiled call, for a training loop.

What `native.recurrence`, a linear read-out, the mean squared error and `backward()` compute
together, without what they spend between the kernels: each block of rows goes forward and back at
once, while its states are in the cache.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from irnn.kernels.arguments import Nonlinearity, check
from irnn.kernels.compiled import Compiled, default, history_bytes
from irnn.kernels.loading import Call
from irnn.kernels.native import applies

BLOCK_ROWS = 8  # as block_rows in cpp/call.hpp


class Regression:
    """mean over rows of (w_out . h_T + b_out - y)^2, h_T being one layer's last state from zero.

    Shapes: w_ih (H, F), w_hh (H, H), b_ih and b_hh (H,) or None both, w_out (1, H), b_out (1,).
    """

    def __init__(
        self,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None,
        b_hh: Tensor | None,
        w_out: Tensor,
        b_out: Tensor,
        *,
        nonlinearity: Nonlinearity,
        kernel: Compiled | None = None,
    ) -> None:
        """Take the parameters, CPU tensors of one dtype that stay where they are in memory.

        Raises:
            ValueError: they are not float32 or float64 on the CPU, or not contiguous.
        """
        self.biases: Sequence[Tensor] = [b for b in (b_ih, b_hh) if b is not None]
        self.parameters = [w_ih, w_hh, *self.biases, w_out, b_out]
        self.matrices, self.readout = (w_ih, w_hh), (w_out, b_out)
        self.nonlinearity: Nonlinearity = nonlinearity
        self.kernel = kernel or default()
        self._room = torch.empty(0, dtype=torch.uint8)
        for parameter in self.parameters:
            if not (applies(parameter.device, parameter.dtype) and parameter.is_contiguous()):
                raise ValueError(
                    f"a parameter is {parameter.dtype} on {parameter.device} with strides "
                    f"{parameter.stride()}; expected contiguous float32 or float64 on the CPU"
                )
        if w_out.shape != (1, w_hh.shape[0]) or b_out.shape != (1,):
            raise ValueError(
                f"the read-out has shapes {tuple(w_out.shape)} and {tuple(b_out.shape)}; "
                f"expected {(1, w_hh.shape[0])} and (1,)"
            )

    @torch.no_grad()
    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss () of inputs (T, B, F), targets (B,); overwrite every parameter's `grad`.

        Raises:
            ValueError: shapes or dtypes do not fit together, or there is nothing in the batch.
        """
        w_ih, w_hh = self.matrices
        bias = sum(self.biases[1:], self.biases[0]) if self.biases else None
        check(inputs, w_ih, w_hh, bias, None, self.nonlinearity)
        T, B, F = inputs.shape
        H = w_hh.shape[0]
        if targets.shape != (B,) or targets.dtype != inputs.dtype:
            raise ValueError(
                f"targets is {targets.dtype} of shape {tuple(targets.shape)}; "
                f"expected {inputs.dtype} of shape {(B,)}"
            )
        targets = targets.contiguous()
        loss = inputs.new_empty(())
        grads = [self._gradient(parameter) for parameter in self.parameters]
        pointers = [grad.data_ptr() for grad in grads]
        threads = torch.get_num_threads()
        room = self._history(threads, T, B, F, H, inputs.element_size())
        call = Call(
            T, B, F, H, *inputs.stride(), self.nonlinearity == "tanh", True, threads, False,
            inputs.data_ptr(), w_ih.data_ptr(), w_hh.data_ptr(),
            None if bias is None else bias.data_ptr(), None,
            None, room, None, None, *pointers[:2], pointers[2] if self.biases else None, None,
            targets.data_ptr(), *(part.data_ptr() for part in self.readout),
            loss.data_ptr(), *pointers[-2:],
        )  # fmt: skip
        self.kernel.regression(call, inputs.dtype)
        if len(self.biases) == 2:
            grads[3].copy_(grads[2])
        return loss

    @staticmethod
    def _gradient(parameter: Tensor) -> Tensor:
        gradient = parameter.grad
        if gradient is None or not gradient.is_contiguous():
            gradient = parameter.grad = torch.empty_like(parameter)
        return gradient

    def _history(self, threads: int, T: int, B: int, F: int, H: int, element_size: int) -> int:
        """Return the address of room for the states of one block per thread, kept between calls."""
        blocks = min(threads, -(-B // BLOCK_ROWS))
        size = history_bytes(T, blocks * BLOCK_ROWS, F, H, element_size)
        if self._room.numel() < size:
            self._room = torch.empty(size, dtype=torch.uint8)
        if self.kernel.poison:
            self._room.fill_(0xFF)  # NaN, read as float32 or as float64
        return self._room.data_ptr()
