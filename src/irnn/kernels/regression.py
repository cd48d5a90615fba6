"""The loss of a whole batch and all its gradients in one compiled call, for a training loop.

What `native.recurrence` (or `gated.lstm`, `gated.gru`), a linear read-out, the mean squared error and
`backward()` compute together, without what they spend between the kernels: each block of rows goes
forward and back at once, while its states are in the cache.
"""

import torch
from torch import Tensor

from irnn.kernels import gated_calls
from irnn.kernels.arguments import Nonlinearity, check, check_gated
from irnn.kernels.compiled import Compiled, default, history_bytes
from irnn.kernels.loading import Call
from irnn.kernels.native import applies


class Regression:
    """mean over rows of (w_out . h_T + b_out - y)^2, h_T being one layer's last state from zero.

    Shapes: w_ih (H, F), w_hh (H, H), b_ih and b_hh (H,) or None both, w_out (1, H), b_out (1,); with a gated
    `cell`, "lstm" or "gru", 4 H or 3 H rows in the first four.
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
        nonlinearity: Nonlinearity = "tanh",
        cell: str = "recurrence",
        kernel: Compiled | None = None,
    ) -> None:
        """Take the parameters, CPU tensors of one dtype.

        Raises:
            ValueError: they are not all float32 or all float64 on the CPU, or not contiguous; one bias
                is missing, or a shape does not fit.
        """
        self.parameters = [p for p in (w_ih, w_hh, b_ih, b_hh, w_out, b_out) if p is not None]
        self.matrices, self.bias = (w_ih, w_hh), b_ih
        self.nonlinearity: Nonlinearity = nonlinearity
        self.cell = gated_calls.CELLS.get(cell)
        self.kernel = kernel or default()
        self._room = w_hh.new_empty(0, dtype=torch.uint8)  # torch.empty has a default device
        self._loss = w_hh.new_empty(())
        self._gradients: list[Tensor] = []
        self._call = Call()
        self._prepared_for: tuple[object, ...] = ()
        self._names: tuple[str, ...] = ()
        if (b_ih is None) != (b_hh is None):
            raise ValueError(
                "one bias is given; expected both biases of `torch.nn.RNN`, or neither"
            )
        for parameter in self.parameters:
            if not (applies(parameter.device, parameter.dtype) and parameter.is_contiguous()):
                raise ValueError(
                    f"a parameter is {parameter.dtype} on {parameter.device} with strides "
                    f"{parameter.stride()}; expected contiguous float32 or float64 on the CPU"
                )
            if parameter.dtype != w_hh.dtype:
                raise ValueError(
                    f"a parameter is {parameter.dtype}; expected {w_hh.dtype}, as the others"
                )
        H = w_hh.shape[1]
        if b_hh is not None and b_hh.shape != w_hh.shape[:1]:
            raise ValueError(
                f"b_hh has shape {tuple(b_hh.shape)}; expected {tuple(w_hh.shape[:1])}"
            )
        if w_out.shape != (1, H) or b_out.shape != (1,):
            raise ValueError(
                f"the read-out has shapes {tuple(w_out.shape)} and {tuple(b_out.shape)}; "
                f"expected {(1, H)} and (1,)"
            )

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss () of inputs (T, B, F), targets (B,); overwrite every parameter's `grad`.

        The tensor that is returned is the same every time, and so is overwritten by the next call.

        Raises:
            ValueError: shapes, dtypes or devices do not fit together, or there is nothing in the batch.
        """
        if inputs.is_neg() or targets.is_neg():  # a view whose memory holds the other sign
            inputs, targets = inputs.resolve_neg(), targets.resolve_neg()
        threads = torch.get_num_threads()
        places = [parameter.data_ptr() for parameter in self.parameters]
        batch = (inputs.shape, inputs.stride(), inputs.dtype, inputs.device)
        answers = (targets.shape, targets.dtype, targets.device)
        asked = (*batch, *answers, threads, places)
        if asked != self._prepared_for:
            self._prepare(inputs, targets, threads)
            self._prepared_for = asked
        elif self.kernel.poison:
            self._room.fill_(0xFF)  # NaN, read as float32 or as float64
        if not targets.is_contiguous():
            targets = targets.contiguous()
        call = self._call
        call.inputs, call.targets = inputs.data_ptr(), targets.data_ptr()
        for parameter, gradient in zip(self.parameters, self._gradients, strict=True):
            if parameter.grad is not gradient:
                self._find_gradients()
                break
        self.kernel.call("regression", call, inputs.dtype)
        return self._loss

    def _prepare(self, inputs: Tensor, targets: Tensor, threads: int) -> None:
        """Fill in what stays the same from one batch to the next of its kind."""
        w_ih, w_hh = self.matrices
        if self.cell is None:
            check(inputs, w_ih, w_hh, self.bias, None, self.nonlinearity)
        else:
            check_gated(self.cell.gates, inputs, w_ih, w_hh, self.bias, self.bias, None)
        T, B, F = inputs.shape
        H = w_hh.shape[1]
        kind = targets.dtype, targets.device
        if targets.shape != (B,) or kind != (inputs.dtype, inputs.device):
            raise ValueError(
                f"targets is {targets.dtype} of shape {tuple(targets.shape)} on {targets.device}; "
                f"expected {inputs.dtype} of shape {(B,)} on {inputs.device}"
            )
        strides, tanh = inputs.stride(), self.nonlinearity == "tanh"
        call = Call(T, B, F, H, *strides, tanh, True, threads, self.kernel.poison)
        name = self.cell.name if self.cell else "recurrence"
        call.cell = self.kernel.cell(name)
        rows = self.kernel.regression_rows(call)
        size = history_bytes(name, T, rows, F, H, inputs.element_size())
        if self._room.numel() < size:
            self._room = inputs.new_empty(size, dtype=torch.uint8)
        if self.kernel.poison:
            self._room.fill_(0xFF)
        self._call = call
        self._call.history, self._call.loss = self._room.data_ptr(), self._loss.data_ptr()
        names = (
            ("w_ih", "w_hh", "bias", "second_bias") if self.bias is not None else ("w_ih", "w_hh")
        )
        self._names = (*names, "w_out", "b_out")
        for name, parameter in zip(self._names, self.parameters, strict=True):
            setattr(self._call, name, parameter.data_ptr())
        self._find_gradients()

    def _find_gradients(self) -> None:
        """Take the gradients that there are, and make those that are missing."""
        for parameter in self.parameters:
            if parameter.grad is None or not parameter.grad.is_contiguous():
                parameter.grad = torch.empty_like(parameter)
        self._gradients = [p.grad for p in self.parameters if p.grad is not None]
        for name, gradient in zip(self._names, self._gradients, strict=True):
            setattr(self._call, f"grad_{name}", gradient.data_ptr())
