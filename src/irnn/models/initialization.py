"""What an initialization is: the weights of a recurrent layer as a pure function of (shape, generator).

A layer computes h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh); gated layers stack one such block per
gate. Everything is drawn in float64 and rounded once, so float32 and float64 runs start alike.
Torch is imported where weights are drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from irnn.spec.options import HUGE, Choice, option

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class Shape:
    """The sizes of one layer.

    Args:
        inputs: F, its input features.
        hidden: H, its hidden units.
        gates: G: 1 in a simple RNN, 3 in a GRU, 4 in an LSTM.
    """

    inputs: int
    hidden: int
    gates: int = 1


@dataclass(frozen=True)
class Weights:
    """A layer's weights, float64; gates stand one below the other, in PyTorch's order.

    Args:
        w_ih: of the inputs, (G H, F).
        w_hh: the recurrent matrix, (G H, H).
        b_ih: of the inputs, (G H,).
        b_hh: of the recurrent matrix, (G H,).
    """

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor
    b_hh: Tensor


Start = Callable[[Shape, Any], Weights]
"""Draws the weights of one layer from a generator; the method `weights` of an initialization is one."""


@dataclass(frozen=True, kw_only=True)
class LayerInitialization(Choice, ABC):
    """An initialization of all weights of a layer; `Initialization` is for a recurrent matrix alone.

    A subclass gives `weights`, a function of the layer's shape and a generator and of nothing else;
    `check_initialization` of `irnn.testing` checks that. Weights are drawn in float64.
    """

    group: ClassVar[str] = "init"
    needs_square: ClassVar[bool] = False
    """Whether the recurrent matrix must be square: of one gate."""
    matrices_at_once: ClassVar[int] = 3
    """Matrices of the recurrent one's size in float64 that drawing it takes; for the estimate of memory."""

    readout_std: float | None = option(
        None,
        "std of the read-out weights, bias 0; null: PyTorch's start of Linear",
        at_least=0,
        at_most=HUGE,
    )
    readout_bias: float | None = option(
        None,
        "start of the read-out's bias; null: as readout_std says; 1: answer the mean target",
        at_least=-HUGE,
        at_most=HUGE,
    )

    @abstractmethod
    def weights(self, shape: Shape, generator: Generator | None) -> Weights:
        """Draw one layer's weights, all of them from `generator` (None: PyTorch's global one)."""

    def integrators(self, hidden: int) -> int:
        """Count the units that integrate, of `hidden`; they are the first ones of a layer."""
        return 0

    @property
    def calibration_sequences(self) -> int:
        """Say how many sequences without targets `calibrate` looks at; 0: it is not called."""
        return 0

    def calibrate(self, layer: Any, sequences: Tensor) -> None:
        """Change the weights of all layers by what they see, before training.

        Args:
            layer: the recurrent layer with its weights, on the device of the run.
            sequences: inputs (T, `calibration_sequences`, F), from a stream that training never sees.
        """


@dataclass(frozen=True, kw_only=True)
class Initialization(LayerInitialization):
    """An initialization of the recurrent matrix; input weights and biases are drawn from N(0, std).

    A subclass gives `recurrent`: (G H, H) float64, a block of H rows for each of the cell's G gates.
    """

    input_std: float = option(0.001, "std of the input weights", at_least=0, at_most=HUGE)
    bias_std: float = option(0.0, "std of the input bias", at_least=0, at_most=HUGE)

    @abstractmethod
    def recurrent(self, shape: Shape, generator: Generator | None) -> Tensor:
        """Draw the recurrent matrix, (GH, H) float64, from `generator` and nothing else."""

    def weights(self, shape: Shape, generator: Generator | None) -> Weights:
        """Draw the recurrent matrix, then input weights and biases; b_hh is 0."""
        import torch

        if self.needs_square:
            refuse_gates(shape, self.name)
        w_hh = self.recurrent(shape, generator)
        rows = shape.gates * shape.hidden
        w_ih = normal(rows, shape.inputs, self.input_std, generator)
        b_ih = normal(rows, 1, self.bias_std, generator)[:, 0]
        return Weights(w_ih, w_hh, b_ih, torch.zeros_like(b_ih))


def normal(rows: int, columns: int, std: float, generator: Generator | None) -> Tensor:
    """Draw a matrix from N(0, std) in float64."""
    import torch

    return torch.randn(rows, columns, generator=generator, dtype=torch.float64) * std


def refuse_gates(shape: Shape, name: str) -> None:
    """Refuse a layer with gates.

    Raises:
        ValueError: It has.
    """
    if shape.gates != 1:
        raise ValueError(f"{name} starts a layer without gates, not one with {shape.gates}")
