"""`torch.nn.RNN`, `LSTM` and `GRU` with a choice of start and of kernel, and the IRNN as one such choice."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from irnn.models.initialization import Start
from irnn.models.initializers import Identity
from irnn.models.layer import KernelLayer, States


class RNN(KernelLayer, torch.nn.RNN):
    """A simple recurrent network, h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), f = tanh or ReLU.

    Elman 1990. Takes and returns what `torch.nn.RNN` does, and its `state_dict`: inputs (T, B, F), or
    (B, T, F) with `batch_first`, to states (T, B, H) and the final one (layers, B, H). What is added is in
    `KernelLayer`.

    Raises:
        ValueError: An unknown kernel or nonlinearity; called, inputs or states of other shapes.
    """

    cell = "recurrence"

    def _one_direction(
        self,
        recurrence: Callable[..., Any],
        inputs: Tensor,
        suffix: str,
        start: States | None,
        last_only: bool,
    ) -> States:
        w_ih, w_hh, b_ih, b_hh = self._weights(suffix)
        bias = None if b_ih is None or b_hh is None else b_ih + b_hh
        h0 = None if start is None else start[0]
        options = {"nonlinearity": self.nonlinearity, "last_only": last_only}
        return (recurrence(inputs, w_ih, w_hh, bias, h0, **options),)


class Gated(KernelLayer):
    """What LSTM and GRU share: their kernels take each bias and each initial state for itself."""

    carried: int  # states from step to step: h, and of an LSTM c

    def _one_direction(
        self,
        recurrence: Callable[..., Any],
        inputs: Tensor,
        suffix: str,
        start: States | None,
        last_only: bool,
    ) -> States:
        start_or_none = (None,) * self.carried if start is None else start
        states = recurrence(inputs, *self._weights(suffix), *start_or_none, last_only=last_only)
        return states if isinstance(states, tuple) else (states,)


class LSTM(Gated, torch.nn.LSTM):
    """`torch.nn.LSTM` (Hochreiter & Schmidhuber 1997; Gers et al. 2000) in compiled code.

    Shapes are as of `torch.nn.LSTM`: inputs (T, B, F) to states (T, B, H) and the final (h, c), each
    (layers, B, H). `state_dict` fits both ways. What is added, and what is refused, is in `KernelLayer`.
    """

    cell, gates, carried = "lstm", 4, 2


class GRU(Gated, torch.nn.GRU):
    """`torch.nn.GRU` (Cho et al. 2014, with a bias inside the reset gate) in compiled code.

    Shapes are as of `torch.nn.GRU`: inputs (T, B, F) to states (T, B, H) and the final one (layers, B, H).
    `state_dict` fits both ways. What is added, and what is refused, is in `KernelLayer`.
    """

    cell, gates, carried = "gru", 3, 1


class IRNN(RNN):
    """A ReLU RNN whose recurrent matrix starts at the identity. Le, Jaitly & Hinton 2015, section 3.

    The same constructor as `torch.nn.RNN`, with `nonlinearity="relu"` unless said otherwise. The start is
    gain x identity for the recurrent matrices, N(0, std) for the input weights and 0 for the biases.

    Args:
        gain: factor on the identity, at least 0.
        std: standard deviation of the input weights.
        start: another start, instead of (gain, std).
        generator: where the start is drawn from; None is PyTorch's global generator.
        kernel: see `KernelLayer`.
        *args: input_size, hidden_size, num_layers, nonlinearity, … as in `torch.nn.RNN`.
    """

    def __init__(
        self,
        *args: Any,
        gain: float = 1.0,
        std: float = 0.001,
        start: Start | None = None,
        **kwargs: Any,
    ) -> None:
        if gain < 0 or std < 0:
            raise ValueError(f"gain={gain}, std={std}: both must be at least 0")
        if len(args) < 4:
            kwargs.setdefault("nonlinearity", "relu")
        start = start or Identity(gain=gain, input_std=std).weights
        super().__init__(*args, start=start, **kwargs)


@torch.no_grad()
def set_forget_bias(lstm: torch.nn.LSTM, value: float) -> None:
    """Make the forget gate's bias `value`; Gers et al. 2000, Jozefowicz et al. 2015.

    PyTorch adds two bias vectors, so one is set to the value and the other to 0: setting both would
    double it. Gates are stacked input, forget, cell, output.
    """
    hidden = lstm.hidden_size
    for _, _, b_ih, b_hh in lstm.all_weights:
        b_ih[hidden : 2 * hidden] = value
        b_hh[hidden : 2 * hidden] = 0.0
