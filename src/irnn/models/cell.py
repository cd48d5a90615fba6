"""What a cell is: it builds the recurrent layer of a network. Torch is imported where that is done."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from irnn.options import Choice, option

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Cell(Choice, ABC):
    """A recurrent network's cell, as many layers of it as `num_layers` says."""

    group: ClassVar[str] = "model"
    gates: ClassVar[int] = 1
    """G: how many blocks of H rows the recurrent matrix has."""
    has_kernel: ClassVar[bool] = False
    """Whether compiled code computes it, on the CPU and, where it has one gate, on a GPU."""

    hidden_size: int = option(100, "hidden units", at_least=1, at_most=10**5)
    num_layers: int = option(1, "recurrent layers", at_least=1, at_most=100)

    @abstractmethod
    def layer(self, input_size: int, **how: Any) -> torch.nn.Module:
        """Build the recurrent layer, time-major, of one direction, as `torch.nn.RNN` is called and answers.

        Args:
            input_size: F.
            **how: for `irnn.models.layer.KernelLayer`: `start` (draws one layer's weights, see
                `irnn.models.initialization`), `generator`, `kernel` and `dtype`.
        """
