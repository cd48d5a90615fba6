"""A network's answers to many sequences, as many at a time as memory has room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.models.network import Network

STATES = 1 << 24
"""Hidden values of one forward pass: bounds the memory of kernels that keep them."""


def rows_at_once(model: Network, steps: int) -> int:
    """Say how many sequences of T steps go through a network together."""
    hidden: int = model.recurrent.hidden_size * model.recurrent.num_layers
    return max(1, min(512, STATES // (steps * hidden)))


def outputs(model: Network, sequences: Tensor) -> Tensor:
    """Answer sequences (T, N, F) as the head does, (N, ...) or (K, N, ...)."""
    import torch

    sequences = sequences.to(model.readout.weight.dtype)
    blocks = torch.split(sequences, rows_at_once(model, len(sequences)), dim=1)
    with torch.no_grad():
        answers = [model(block.contiguous()) for block in blocks]
    return torch.cat(answers, dim=0 if model.head.last == 1 else 1)
