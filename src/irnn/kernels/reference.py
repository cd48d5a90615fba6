"""The definition of correct: one layer over time as a plain loop, of simple units, of an LSTM or of a GRU."""

import torch
from torch import Tensor
from torch.nn.functional import linear

from irnn.kernels.arguments import Nonlinearity, check, check_gated


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
    h = inputs.new_zeros(inputs.shape[1], w_hh.shape[0]) if h0 is None else h0  # (B, H)
    states = []
    for x in inputs:  # (B, F)
        h = recurrence_step(x, h, w_ih, w_hh, bias, nonlinearity)
        if not last_only:
            states.append(h)
    return h if last_only else torch.stack(states)


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
) -> tuple[Tensor, Tensor]:
    """Run `torch.nn.LSTM`'s cell over time (Hochreiter & Schmidhuber 1997, Gers et al. 2000).

        i, f, g, o = s(.), s(.), tanh(.), s(.) of W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
        c_t = f c_{t-1} + i g,   h_t = o tanh(c_t)

    Args:
        inputs: (T, B, F), time first, any strides.
        w_ih: (4 H, F), the gates one after the other, like the next three.
        w_hh: (4 H, H).
        b_ih: (4 H,); None for none, and then `b_hh` too.
        b_hh: (4 H,).
        h0: (B, H), the state before the first step; None for zeros.
        c0: (B, H), the cell before the first step; None for zeros.
        last_only: return only the state after the last step.

    Returns:
        The states, (B, H) when `last_only`, else (T, B, H); and the cell after the last step, (B, H).

    Raises:
        ValueError: for shapes or dtypes that do not fit together, or an empty batch or sequence.
    """
    check_gated(4, inputs, w_ih, w_hh, b_ih, b_hh, h0, c0)
    zeros = inputs.new_zeros(inputs.shape[1], w_hh.shape[1])
    h, c = zeros if h0 is None else h0, zeros if c0 is None else c0  # (B, H)
    states = []
    for x in inputs:  # (B, F)
        h, c = lstm_step(x, h, c, w_ih, w_hh, b_ih, b_hh)
        if not last_only:
            states.append(h)
    return h if last_only else torch.stack(states), c


def gru(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    h0: Tensor | None,
    *,
    last_only: bool,
) -> Tensor:
    """Run `torch.nn.GRU`'s cell over time (Cho et al. 2014, the reset gate after the product).

        r, z = s(.), s(.) of W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
        n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn)),   h_t = (1 - z) n + z h_{t-1}

    Args, result and errors are those of `lstm` with 3 H rows in the place of 4 H, and without a cell.
    """
    check_gated(3, inputs, w_ih, w_hh, b_ih, b_hh, h0)
    h = inputs.new_zeros(inputs.shape[1], w_hh.shape[1]) if h0 is None else h0  # (B, H)
    states = []
    for x in inputs:  # (B, F)
        h = gru_step(x, h, w_ih, w_hh, b_ih, b_hh)
        if not last_only:
            states.append(h)
    return h if last_only else torch.stack(states)


def recurrence_step(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, bias: Tensor | None, kind: Nonlinearity
) -> Tensor:
    """Take one step of `recurrence`: x (B, F) and the state (B, H) to the next state."""
    activation = torch.relu if kind == "relu" else torch.tanh
    drive = x @ w_ih.T + h @ w_hh.T
    return activation(drive if bias is None else drive + bias)


def lstm_step(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Take one step of `lstm`: x (B, F), the state and the cell (B, H) to the next two."""
    drive = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
    i, f, g, o = drive.chunk(4, dim=1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def gru_step(
    x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> Tensor:
    """Take one step of `gru`: x (B, F) and the state (B, H) to the next state."""
    from_x = linear(x, w_ih, b_ih).chunk(3, dim=1)
    from_h = linear(h, w_hh, b_hh).chunk(3, dim=1)
    r, z = (torch.sigmoid(a + b) for a, b in zip(from_x[:2], from_h[:2], strict=True))
    n = torch.tanh(from_x[2] + r * from_h[2])
    return (1 - z) * n + z * h
