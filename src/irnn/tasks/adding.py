"""The adding problem: two steps of a long sequence are marked; answer the sum of their values.

Hochreiter & Schmidhuber 1997; as set by Le, Jaitly & Hinton 2015 (arXiv 1504.00941), section 4.1. At each
of T steps the input is (value, mask), value ~ U[0, 1), mask 1 at two distinct steps and 0 elsewhere.
"""

import torch
from torch import Tensor

from irnn.choices import Marks
from irnn.seeding import below, random_words, uniforms
from irnn.tasks import compiled
from irnn.tasks.base import Drawn, Task

BASELINE_MSE = 1 / 6
"""What always answering 1 scores: the variance of a sum of two U[0, 1), 2/12."""


class Adding(Task):
    """The adding problem; its compact form is values (N, T) float32 and marks (N, 2) int64."""

    input_size = 2

    def draw(self, key: int, positions: Tensor) -> Drawn:
        """Make the sequences at `positions` (N,): values (N, T) and marks (N, 2)."""
        steps = self.settings.seq_len
        bounds = mark_bounds(self.settings.marks, steps)
        if (library := compiled.library_for(positions)) is not None:
            return compiled.draw(library, key, positions, steps, bounds)
        words_each = (steps + 1) // 2 + 1
        offsets = torch.arange(words_each, device=positions.device)
        words = random_words(key, positions[:, None] * words_each + offsets)
        high, low = uniforms(words[:, :-1])
        values = torch.cat((high, low), dim=1)[:, :steps]
        return values, _marks(bounds, words[:, -1])

    def encode(self, drawn: Drawn, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Lay sequences out: inputs (T, N, 2), and the sums of the two marked values, (N,)."""
        values, marks = drawn
        count, steps = values.shape
        inputs = torch.zeros(steps, count, self.input_size, dtype=dtype, device=values.device)
        inputs[:, :, 0] = values.T
        inputs[:, :, 1].T.scatter_(1, marks, 1.0)
        return inputs, values.gather(1, marks).to(dtype).sum(dim=1)

    def batches(
        self, drawn: Drawn, count: int, dtype: torch.dtype, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cut sequences into K batches (see `Task.batches`), in compiled code where it is there."""
        if (library := compiled.library_for(drawn[0])) is None:
            return super().batches(drawn, count, dtype, rows)
        values, marks = drawn
        return compiled.lay_out(library, values, marks, rows, count, dtype)

    def draws_in_place(self, positions: Tensor) -> bool:
        """Say whether sequences are drawn by compiled code, which writes them where they stay."""
        return compiled.library_for(positions) is not None


def mark_bounds(rule: Marks, steps: int) -> tuple[int, int, int, bool]:
    """Say where marks fall: first in [0, a), second in [b, b + c), and whether it skips the first."""
    half = steps // 2
    return {
        Marks.anywhere: (steps, 0, steps - 1, True),
        Marks.halves: (half, half, steps - half, False),
        Marks.first_ten: (10, 0, half - 1, True),
    }[rule]


def _marks(bounds: tuple[int, int, int, bool], words: Tensor) -> Tensor:
    """Draw two distinct steps for each word: (N, 2)."""
    first_bound, second_start, second_bound, skip = bounds
    first = below(words, first_bound)
    second = second_start + below(words >> 32, second_bound)
    if skip:
        second += second >= first  # distinct, and still uniform over what is left
    return torch.stack((first, second), dim=1)
