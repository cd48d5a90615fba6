"""What every kernel asks of its arguments, and how it says so."""

from collections.abc import Iterable
from typing import Literal

from torch import Tensor

Nonlinearity = Literal["relu", "tanh"]


def check(
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    bias: Tensor | None,
    h0: Tensor | None,
    nonlinearity: str,
) -> None:
    """Refuse arguments that are not one layer's: see `reference.recurrence` for the shapes.

    Raises:
        ValueError: naming the argument, its value, and what would be accepted.
    """
    _refuse_empty(inputs, w_hh)
    _, B, F = inputs.shape
    H = w_hh.shape[0]
    _refuse_misfits(
        inputs,
        (
            ("w_hh", w_hh, (H, H)),
            ("w_ih", w_ih, (H, F)),
            ("bias", bias, (H,)),
            ("h0", h0, (B, H)),
        ),
    )
    if nonlinearity != "relu" and nonlinearity != "tanh":
        raise ValueError(f"nonlinearity is {nonlinearity!r}; expected 'relu' or 'tanh'")


def check_gated(
    gates: int,
    inputs: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    h0: Tensor | None,
    c0: Tensor | None = None,
) -> None:
    """Refuse arguments that are not one gated layer's: see `reference.lstm` and `reference.gru`.

    Raises:
        ValueError: naming the argument, its value, and what would be accepted.
    """
    _refuse_empty(inputs, w_hh)
    _, B, F = inputs.shape
    H = w_hh.shape[-1]
    _refuse_misfits(
        inputs,
        (
            ("w_hh", w_hh, (gates * H, H)),
            ("w_ih", w_ih, (gates * H, F)),
            ("b_ih", b_ih, (gates * H,)),
            ("b_hh", b_hh, (gates * H,)),
            ("h0", h0, (B, H)),
            ("c0", c0, (B, H)),
        ),
    )
    if (b_ih is None) != (b_hh is None):
        raise ValueError("one bias is given; expected both biases of `torch.nn.LSTM`, or neither")


def _refuse_empty(inputs: Tensor, w_hh: Tensor) -> None:
    if inputs.dim() != 3:
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}; expected (T, B, F)")
    T, B, F = inputs.shape
    if not (T and B and F):
        raise ValueError(
            f"inputs has shape (T, B, F) = {T, B, F}; expected at least one of each: "
            "there is no last state of an empty sequence or batch"
        )
    if not w_hh.shape[0]:
        raise ValueError("w_hh has no rows; expected at least one unit")


def _refuse_misfits(
    inputs: Tensor, expected: Iterable[tuple[str, Tensor | None, tuple[int, ...]]]
) -> None:
    for name, tensor, shape in expected:
        if tensor is None:
            continue
        if tensor.shape != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; expected {shape}")
        if tensor.dtype != inputs.dtype:
            raise ValueError(f"{name} has dtype {tensor.dtype}; expected {inputs.dtype}, as inputs")
        if tensor.device != inputs.device:
            raise ValueError(f"{name} is on {tensor.device}; expected {inputs.device}, as inputs")
