"""What every kernel asks of its arguments, and how it says so."""

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
    if inputs.dim() != 3:
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}; expected (T, B, F)")
    T, B, F = inputs.shape
    if not (T and B and F):
        raise ValueError(
            f"inputs has shape (T, B, F) = {T, B, F}; expected at least one of each: "
            "there is no last state of an empty sequence or batch"
        )
    H = w_hh.shape[0]
    if not H:
        raise ValueError("w_hh has no rows; expected at least one unit")
    for name, tensor, shape in (
        ("w_hh", w_hh, (H, H)),
        ("w_ih", w_ih, (H, F)),
        ("bias", bias, (H,)),
        ("h0", h0, (B, H)),
    ):
        if tensor is None:
            continue
        if tensor.shape != shape:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}; expected {shape}")
        if tensor.dtype != inputs.dtype:
            raise ValueError(f"{name} has dtype {tensor.dtype}; expected {inputs.dtype}, as inputs")
        if tensor.device != inputs.device:
            raise ValueError(f"{name} is on {tensor.device}; expected {inputs.device}, as inputs")
    if nonlinearity != "relu" and nonlinearity != "tanh":
        raise ValueError(f"nonlinearity is {nonlinearity!r}; expected 'relu' or 'tanh'")
