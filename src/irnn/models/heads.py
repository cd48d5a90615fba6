"""What is read out of a layer's states, and how answers are scored against targets. Needs no torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EVERY = 0
"""For `last`: answer at every step."""


@dataclass(frozen=True)
class Head(ABC):
    """Which steps are answered, with how many numbers, and what an answer costs.

    Args:
        last: how many of the last steps are answered; `EVERY` is all of them.

    Where one step is answered, answers and targets have no axis of steps: answers (N, ...), targets (N,).
    Otherwise answers are (K, N, ...), time-major as states are, and targets (N, K).
    """

    last: int = 1

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Numbers in an answer: rows of the read-out's matrix."""

    @abstractmethod
    def shape(self, read: Tensor) -> Tensor:
        """Turn what the read-out gives, (N, outputs) or (K, N, outputs), into answers."""

    @abstractmethod
    def loss(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Average the loss over sequences and steps: a scalar, differentiable."""

    @abstractmethod
    def sums(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Add up, in float64 on the CPU: loss, right answers, and how many answers there are: (3,)."""

    def aligned(self, targets: Tensor) -> Tensor:
        """Lay targets out as answers are: (N,), or (K, N)."""
        return targets if targets.dim() == 1 else targets.T


@dataclass(frozen=True)
class Regression(Head):
    """One number, scored by the squared error.

    Answers and targets are (N,); where several steps are answered, answers (K, N) and targets (N, K).

    Args:
        last: K, how many of the last steps are answered; `EVERY` is all of them.
    """

    @property
    def outputs(self) -> int:
        """Give one."""
        return 1

    def shape(self, read: Tensor) -> Tensor:
        """Drop the axis of outputs."""
        return read.squeeze(-1)

    def loss(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Average the squared error."""
        import torch

        return torch.nn.functional.mse_loss(answers, self.aligned(targets))

    def sums(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Add up squared errors; no answer counts as right."""
        import torch

        squared = (answers - self.aligned(targets)).cpu().double().square().sum()
        return torch.stack((squared, squared.new_zeros(()), squared.new_tensor(answers.numel())))


@dataclass(frozen=True)
class Classification(Head):
    """One of several classes, scored by the cross-entropy in nats and the share of right answers.

    Answers are logits (N, C) or (K, N, C); targets int64, (N,) or (N, K).

    Args:
        last: K, how many of the last steps are answered; `EVERY` is all of them.
        classes: C; targets are 0..C-1.
    """

    classes: int = 2

    @property
    def outputs(self) -> int:
        """Give one logit a class."""
        return self.classes

    def shape(self, read: Tensor) -> Tensor:
        """Leave the logits as they are: (N, C) or (K, N, C)."""
        return read

    def loss(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Average the cross-entropy."""
        import torch

        flat = self.aligned(targets).reshape(-1)
        return torch.nn.functional.cross_entropy(answers.reshape(-1, self.classes), flat)

    def sums(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Add up cross-entropies and right answers."""
        import torch

        logits, flat = answers.reshape(-1, self.classes), self.aligned(targets).reshape(-1)
        each = torch.nn.functional.cross_entropy(logits, flat, reduction="none")
        right = (logits.argmax(dim=1) == flat).cpu().double().sum()
        return torch.stack((each.cpu().double().sum(), right, right.new_tensor(len(flat))))
