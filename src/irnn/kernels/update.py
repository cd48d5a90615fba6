"""What one update did, by a kernel or by PyTorch."""

from typing import NamedTuple


class Update(NamedTuple):
    """The batch's loss, the gradient's norm before clipping, and what became of it."""

    loss: float
    grad_norm: float
    clipped: bool
    applied: bool
