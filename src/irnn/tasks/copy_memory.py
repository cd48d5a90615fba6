"""Copy memory: remember ten symbols over a long delay, then repeat them in order.

Hochreiter & Schmidhuber 1997; as set by Arjovsky, Shah & Bengio 2016 (arXiv 1511.06464), section 5.1. Ten
symbols of eight, T - 1 blanks, a delimiter, ten blanks: T + 20 steps. The answer is blank for T + 10 steps
and then the ten symbols; the loss is the mean cross-entropy over all steps. `task.seq_len` is T, the delay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from irnn.spec.registry import task
from irnn.tasks.base import Task
from irnn.tasks.input_file import InputFile
from irnn.tasks.metric import Metric, cross_entropy

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from irnn.models.heads import Head
    from irnn.seeding import StreamKey
    from irnn.tasks.base import Drawn

SYMBOLS, LENGTH = 8, 10
"""Symbols to choose from, and how many there are to remember."""
BLANK, DELIMITER = SYMBOLS, SYMBOLS + 1


@task("copy_memory")
class CopyMemory(Task):
    """Copy memory; its compact form is the symbols (N, 10) uint8."""

    title = "Copy memory"
    learned = "the network remembers"
    input_size = SYMBOLS + 2
    goal = 0.001
    spelled = LENGTH

    @property
    def steps(self) -> int:
        """Give T + 20."""
        return self.seq_len + 2 * LENGTH

    @property
    def metric(self) -> Metric:
        """Score by the cross-entropy.

        Answering blank until the delimiter and guessing the ten symbols loses 10 ln 8 / (T + 20).
        """
        trivial = LENGTH * math.log(SYMBOLS) / self.steps
        thresholds = tuple(f"{trivial * share:.4g}" for share in (0.5, 0.1, 0.01))
        return cross_entropy(trivial, "guessing the ten symbols", thresholds)

    @property
    def head(self) -> Head:
        """Answer at every step with a symbol or blank."""
        from irnn.models.heads import EVERY, Classification

        return Classification(EVERY, SYMBOLS + 1)

    def draw(self, key: StreamKey, positions: Tensor) -> Drawn:
        """Make the symbols of the sequences at `positions` (N,): (N, 10)."""
        import torch

        from irnn.tasks.random import integers

        return (integers(key, positions, LENGTH, SYMBOLS).to(torch.uint8),)

    def spell(self, classes: Sequence[int]) -> str:
        """Write symbols as digits, a blank as a point."""
        return "".join("." if each == BLANK else str(each) for each in classes)

    @property
    def input_file(self) -> InputFile:
        """Name the symbols: 0 to 7, `.` for a blank, and the delimiter after which they are repeated."""
        return InputFile((*map(str, range(SYMBOLS)), ".", "delimiter"), one_hot=True)

    def encode(self, drawn: Drawn, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Lay sequences out: inputs (T + 20, N, 10), one of ten at each step; targets (N, T + 20)."""
        import torch

        symbols = drawn[0].long()
        shown = symbols.new_full((len(symbols), self.steps), BLANK)
        shown[:, :LENGTH] = symbols
        shown[:, -LENGTH - 1] = DELIMITER
        wanted = torch.full_like(shown, BLANK)
        wanted[:, -LENGTH:] = symbols
        inputs = torch.zeros(
            self.steps, len(symbols), self.input_size, dtype=dtype, device=symbols.device
        )
        return inputs.scatter_(2, shown.T[..., None], 1.0), wanted
