"""Temporal order: which of two symbols came where, among distractors.

Hochreiter & Schmidhuber 1997, section 5.6 (experiment 6); as set by Pascanu, Mikolov & Bengio 2013
(arXiv 1211.5063), section 4.1. Six symbols: distractors c, d, e, f at every step but two (or three), where
A or B stands. The class is the order of those: AA, AB, BA, BB.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from irnn.spec.options import option
from irnn.spec.registry import task
from irnn.tasks.base import Task
from irnn.tasks.input_file import Cells, InputFile
from irnn.tasks.metric import Metric, accuracy

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from irnn.models.heads import Head
    from irnn.seeding import StreamKey
    from irnn.spec.config import Config
    from irnn.tasks.base import Drawn

PLACES = {2: (1, 5), 3: (1, 3, 6)}
"""Where a symbol may stand: in which tenth of the sequence, counted from 0."""
DISTRACTORS = 4


@task("temporal_order")
class TemporalOrder(Task):
    """Temporal order of two or three symbols; its compact form is all symbols (N, T) uint8, A = 0, B = 1."""

    title = "Temporal order"
    learned = "the network tells the order"
    input_size = 2 + DISTRACTORS
    goal = 0.99
    described = ("symbols",)

    symbols: int = option(2, "symbols whose order is asked for, 2 or 3", at_least=2, at_most=3)

    @property
    def places(self) -> tuple[int, ...]:
        """Give the tenth of the sequence in which each symbol that counts stands."""
        return PLACES[self.symbols]

    def refusal(self, config: Config) -> tuple[str, str] | None:
        """Refuse sequences whose tenths have no step."""
        return ("seq_len", "must be at least 10") if self.seq_len < 10 else None

    @property
    def metric(self) -> Metric:
        """Score by the share of right answers: guessing one of C classes is right in 1/C."""
        classes = 2 ** len(self.places)
        return accuracy(math.log(classes), 1 / classes, "guessing", ("0.5", "0.9", "0.99"))

    @property
    def head(self) -> Head:
        """Answer once, after the last step, with a class."""
        from irnn.models.heads import Classification

        return Classification(1, 2 ** len(self.places))

    def draw(self, key: StreamKey, positions: Tensor) -> Drawn:
        """Make the symbols of the sequences at `positions` (N,): (N, T)."""
        import torch

        from irnn.tasks.random import integers, substream

        steps = self.seq_len
        symbols = 2 + integers(key, positions, steps, DISTRACTORS)
        chosen = integers(substream(key, "symbols"), positions, len(self.places), 2)
        for number, tenth in enumerate(self.places):
            first, end = tenth * steps // 10, (tenth + 1) * steps // 10
            place = first + integers(substream(key, f"place {number}"), positions, 1, end - first)
            symbols.scatter_(1, place, chosen[:, number : number + 1])
        return (symbols.to(torch.uint8),)

    def describe(self, inputs: Tensor, drawn: Drawn | None) -> list[Cells]:
        """Say where A and B stand: "A @ 3, B @ 11"."""
        symbols = inputs.argmax(dim=2).T
        return [
            {
                "symbols": ", ".join(
                    f"{'AB'[int(row[step])]} @ {step}"
                    for step in (row < 2).nonzero().flatten().tolist()
                )
            }
            for row in symbols
        ]

    def spell(self, classes: Sequence[int]) -> str:
        """Write a class as the order that it is: AB."""
        digits = f"0{len(self.places)}b"
        words = " ".join(format(each, digits) for each in classes)
        return words.replace("0", "A").replace("1", "B")

    @property
    def input_file(self) -> InputFile:
        """Name the symbols: A and B, which count, and the distractors."""
        return InputFile(("A", "B", "c", "d", "e", "f"), one_hot=True)

    def encode(self, drawn: Drawn, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Lay sequences out: inputs (T, N, 6), one-hot; targets (N,), the first symbol counting most."""
        import torch

        symbols = drawn[0].long()
        inputs = torch.zeros(
            symbols.shape[1], len(symbols), self.input_size, dtype=dtype, device=symbols.device
        )
        inputs.scatter_(2, symbols.T[..., None], 1.0)
        counted = symbols[symbols < 2].view(len(symbols), len(self.places))
        weights = 2 ** torch.arange(len(self.places) - 1, -1, -1, device=symbols.device)
        return inputs, (counted * weights).sum(dim=1)
