"""Cells as users write them, and what trains one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from irnn.extend import Cell, cell, option
from irnn.runs.directory import RunDirectory
from irnn.spec.config import Config
from irnn.training.trainer import Trainer

if TYPE_CHECKING:
    from torch import Tensor


def elman() -> type[Cell]:
    """Register a tanh network by its step."""

    @cell("elman")
    class Elman(Cell):
        """h' = tanh(W x + U h + b)."""

        def step(self, x: Tensor, state: Any, weights: Any) -> Any:
            return (
                torch.tanh(x @ weights.weight_ih.T + state[0] @ weights.weight_hh.T + weights.bias),
            )

    return Elman


def leaky() -> type[Cell]:
    """Register a cell of two states, with a parameter of its own and a setting."""

    @cell("leaky")
    class Leaky(Cell):
        """h' = u h + (1 - u) v', v' = relu(W x + b): no recurrent matrix, one rate per unit."""

        states = 2
        slowest: float = option(0.9, "largest rate", at_least=0, below=1)

        def parameters(self, shape: Any, weights: Any, generator: Any) -> dict[str, Tensor]:
            rates = torch.rand(shape.hidden, generator=generator, dtype=torch.float64)
            return {"weight_ih": weights.w_ih, "bias": weights.b_ih, "rate": rates * self.slowest}

        def step(self, x: Tensor, state: Any, weights: Any) -> Any:
            v = torch.relu(x @ weights.weight_ih.T + weights.bias)
            return weights.rate * state[0] + (1 - weights.rate) * v, v

    return Leaky


def trainer(config: Config) -> Trainer:
    return Trainer(config, "x", RunDirectory.of(config), torch.device("cpu"))
