"""The loss of a whole batch and all its gradients in one compiled call, for a training loop.

What `native.recurrence` (or `gated.lstm`, `gated.gru`), a linear read-out, the mean squared error or the
cross-entropy and `backward()` compute together, without what they spend between the kernels: each block of
rows goes forward and back at once, while its states are in the cache.
"""

import torch
from torch import Tensor

from irnn.kernels import gated_calls
from irnn.kernels.arguments import Nonlinearity, check, check_gated
from irnn.kernels.compiled import Compiled, default, history_bytes
from irnn.kernels.loading import Call
from irnn.kernels.native import applies


class Loss:
    """Mean over rows and answered steps t of what the answer W_out h_t + b_out costs; h starts from zero.

    It costs (answer - y)^2, or with `classes` the cross-entropy of class y as PyTorch has it, where a target
    of -100 counts for nothing. Gradients are summed in the working precision, the loss in float64.

    Shapes: w_ih (H, F), w_hh (H, H), b_ih and b_hh (H,) or None both, w_out (C, H), b_out (C,), C being 1 for
    the squared error; with a gated `cell`, "lstm" or "gru", 4 H or 3 H rows in the first four.
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
        classes: int | None = None,
        last: int = 1,
        kernel: Compiled | None = None,
    ) -> None:
        """Take the parameters, CPU tensors of one dtype.

        Args:
            w_ih: as above, like the next five.
            w_hh: recurrent weights.
            b_ih: input bias.
            b_hh: recurrent bias.
            w_out: weights of the read-out.
            b_out: its bias.
            nonlinearity: of cell "recurrence": "relu" or "tanh".
            cell: "recurrence", "lstm" or "gru".
            classes: C where targets are classes, at least 1; None where they are numbers.
            last: how many of the last steps are answered; 0 for all.
            kernel: replaces the default variant.

        Raises:
            ValueError: they are not all float32 or all float64 on the CPU, or not contiguous; one bias
                is missing, or a shape does not fit.
        """
        self.parameters = [p for p in (w_ih, w_hh, b_ih, b_hh, w_out, b_out) if p is not None]
        self.matrices, self.bias = (w_ih, w_hh), b_ih
        self.nonlinearity: Nonlinearity = nonlinearity
        self.cell = gated_calls.CELLS.get(cell)
        self.classes, self.last = classes, last
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
        outputs = 1 if classes is None else classes
        if w_out.shape != (outputs, H) or b_out.shape != (outputs,):
            raise ValueError(
                f"the read-out has shapes {tuple(w_out.shape)} and {tuple(b_out.shape)}; "
                f"expected {(outputs, H)} and {(outputs,)}"
            )

    def __call__(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss () of inputs (T, B, F); overwrite every parameter's `grad`.

        The tensor that is returned is the same every time, and so is overwritten by the next call.

        Args:
            inputs: (T, B, F).
            targets: (B,), or (B, steps that are answered) where that is not always the last one alone; of the
                inputs' dtype, or int64 (or uint8) where they are classes.

        Raises:
            ValueError: shapes, dtypes or devices do not fit together, there is nothing in the batch, or a
                target is no class.
        """
        if inputs.is_neg() or targets.is_neg():  # a view whose memory holds the other sign
            inputs, targets = inputs.resolve_neg(), targets.resolve_neg()
        if self.classes is not None and targets.dtype is torch.uint8:  # which PyTorch takes, too
            targets = targets.long()
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
        try:
            self.kernel.call("loss", call, inputs.dtype)
        except IndexError:
            assert self.classes is not None
            raise ValueError(
                f"targets has {targets.min().item()} to {targets.max().item()}; "
                f"expected classes from 0 to {self.classes - 1}, or -100 for none"
            ) from None
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
        answered = min(self.last or T, T)
        shape = (B,) if self.last == 1 else (B, answered)
        dtype = inputs.dtype if self.classes is None else torch.int64
        if targets.shape != shape or (targets.dtype, targets.device) != (dtype, inputs.device):
            raise ValueError(
                f"targets is {targets.dtype} of shape {tuple(targets.shape)} on {targets.device}; "
                f"expected {dtype} of shape {shape} on {inputs.device}"
            )
        strides, tanh = inputs.stride(), self.nonlinearity == "tanh"
        call = Call(T, B, F, H, *strides, tanh, True, threads, self.kernel.poison)
        call.classes, call.answered = self.classes or 0, answered
        name = self.cell.name if self.cell else "recurrence"
        call.cell = self.kernel.cell(name)
        rows = self.kernel.loss_rows(call)
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
