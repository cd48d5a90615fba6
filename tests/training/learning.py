"""Updates on batches of random numbers, for tests of optimizers."""

from __future__ import annotations

import torch

from irnn.models.network import build
from irnn.seeding import generator
from irnn.spec.config import Config
from irnn.training.step import Updater


def updater(config: Config) -> Updater:
    network = build(config, generator(0, "init"), 2)
    return Updater(network, config.optim, config.clip)


def batch(seed: int, dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.rand(12, 8, 2, generator=draw, dtype=torch.float64).to(dtype)
    return inputs, inputs.sum(dim=(0, 2)) / 12


def learn(made: Updater, first: int, count: int) -> None:
    dtype = made.flat.vector.dtype
    for n in range(first, first + count):
        assert made(*batch(n, dtype)).applied
