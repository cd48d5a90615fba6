"""What a task is: sequences as a pure function of position, and how they are laid out for a network."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from irnn.config import Task as TaskSettings

Drawn = tuple[Tensor, ...]
"""Sequences in a task's compact form: tensors whose first axis is the sequence, (N, ...)."""


class Task(ABC):
    """A long-dependency task, as training and prediction know it.

    A subclass says what its sequences are. Fixed and fresh sets, shuffling, held-out sets and their
    memory are the same for every task and belong to `irnn.tasks.data`.

    Args:
        settings: the section `task` of a run's configuration.
    """

    input_size: ClassVar[int]
    """F, the input features of one step."""

    def __init__(self, settings: TaskSettings) -> None:
        self.settings = settings

    @abstractmethod
    def draw(self, key: int, positions: Tensor) -> Drawn:
        """Make the sequences at `positions` (N,) of the random stream `key`, on the device of `positions`.

        The sequence at a position is a function of (settings, key, position) and of nothing else: not of
        the other positions, their order or their number.

        Args:
            key: from `irnn.seeding.stream_key`.
            positions: (N,) int64, at least 0.
        """

    @abstractmethod
    def encode(self, drawn: Drawn, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Lay sequences out for a network, time-major: inputs (T, N, F) and targets (N, ...)."""

    def batches(
        self, drawn: Drawn, count: int, dtype: torch.dtype, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cut sequences, or the chosen rows, into K batches: inputs (K, T, B, F), targets (K, B, ...)."""
        if rows is not None:
            drawn = select(drawn, rows)
        inputs, targets = self.encode(drawn, dtype)
        steps, sequences, features = inputs.shape
        size = sequences // count
        cut = inputs.view(steps, count, size, features).transpose(0, 1).contiguous()
        return cut, targets.view(count, size, *targets.shape[1:])

    def draws_in_place(self, positions: Tensor) -> bool:
        """Say whether `draw` needs no more memory than what it gives, so that a set is made in one go."""
        return False


def select(drawn: Drawn, rows: Tensor | slice) -> Drawn:
    """Take some of the sequences."""
    return tuple(tensor[rows] for tensor in drawn)
