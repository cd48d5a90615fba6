"""The definition of correct: one layer's recurrence as a plain loop over time."""

import torch
from torch import Tensor

from irnn.kernels.arguments import Nonlinearity, check


def recurrence(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    bias: Tensor | None,
    h0: Tensor | None,
    *,
    nonlinearity: Nonlinearity,
    last_only: bool,
) -> Tensor:
    """Run h_t = f(W_ih x_t + W_hh h_{t-1} + b) over time, differentiable in every tensor.

    Args:
        inputs: (T, B, F), time first, any strides.
        w_ih: (H, F).
        w_hh: (H, H).
        bias: (H,), the sum of both biases of `torch.nn.RNN`; None for none.
        h0: (B, H), the state before the first step; None for zeros.
        nonlinearity: f, "relu" or "tanh".
        last_only: return only the state after the last step.

    Returns:
        (B, H) when `last_only`, else (T, B, H).

    Raises:
        ValueError: for shapes or dtypes that do not fit together, or an empty batch or sequence.
    """
    check(inputs, w_ih, w_hh, bias, h0, nonlinearity)
    activation = torch.relu if nonlinearity == "relu" else torch.tanh
    h = inputs.new_zeros(inputs.shape[1], w_hh.shape[0]) if h0 is None else h0  # (B, H)
    states = []
    for x in inputs:  # (B, F)
        drive = x @ w_ih.T + h @ w_hh.T
        h = activation(drive if bias is None else drive + bias)
        if not last_only:
            states.append(h)
    return h if last_only else torch.stack(states)
