"""The adding problem: two steps of a long sequence are marked; answer the sum of their values.

Hochreiter & Schmidhuber 1997; as set by Le, Jaitly & Hinton 2015 (arXiv 1504.00941), section 4.1. At each
of T steps the input is (value, mask), value ~ U[0, 1), mask 1 at two distinct steps and 0 elsewhere.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from irnn.spec.options import option
from irnn.spec.registry import task
from irnn.tasks.base import Task
from irnn.tasks.input_file import InputFile
from irnn.tasks.metric import Metric, squared_error

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from irnn.models.heads import Head
    from irnn.seeding import StreamKey
    from irnn.spec.config import Config
    from irnn.tasks.base import Drawn


class Marks(Enum):
    """Where the two marked steps of the adding problem may fall."""

    anywhere = "anywhere"
    halves = "halves"
    first_ten = "first_ten"


@task("adding")
class Adding(Task):
    """The adding problem; its compact form is values (N, T) float32 and marks (N, 2) int64."""

    title = "Adding problem"
    learned = "the network adds"
    input_size = 2
    goal = 0.001
    answer_name = "sum"

    marks: Marks = option(Marks.anywhere, "where the two marked steps fall")

    def refusal(self, config: Config) -> tuple[str, str] | None:
        """Refuse marks that do not fit into the sequence."""
        if self.marks is Marks.first_ten and self.seq_len < 20:
            return "marks", "needs task.seq_len of at least 20"
        return None

    @property
    def metric(self) -> Metric:
        """Score by the MSE: always answering 1 scores the variance of a sum of two U[0, 1), 2/12."""
        return squared_error(1 / 6, "answering 1")

    @property
    def head(self) -> Head:
        """Answer once, after the last step."""
        from irnn.models.heads import Regression

        return Regression()

    @property
    def input_file(self) -> InputFile:
        """Name the two numbers of a step: a value of [0, 1), and 1 where it is marked."""
        return InputFile(("value", "mask"), marks="mask", trained=(0, 1))

    def draw(self, key: StreamKey, positions: Tensor) -> Drawn:
        """Make the sequences at `positions` (N,): values (N, T) and marks (N, 2)."""
        import torch

        from irnn.seeding import random_words, uniforms
        from irnn.tasks import compiled

        steps = self.seq_len
        bounds = mark_bounds(self.marks, steps)
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
        import torch

        values, marks = drawn
        count, steps = values.shape
        inputs = torch.zeros(steps, count, self.input_size, dtype=dtype, device=values.device)
        inputs[:, :, 0] = values.T
        inputs[:, :, 1].T.scatter_(1, marks, 1.0)
        return inputs, self.answers(values.gather(1, marks).to(dtype))

    def answers(self, marked: Tensor) -> Tensor:
        """Add the two marked values: (N, 2) to (N,)."""
        return marked.sum(dim=1)

    def targets_of(self, inputs: Tensor) -> Tensor:
        """Give the sums (N,) of sequences (T, N, 2) with any number of marks."""
        return inputs.prod(dim=2).sum(dim=0)

    def batches(
        self, drawn: Drawn, count: int, dtype: torch.dtype, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cut sequences into K batches (see `Task.batches`), in compiled code where it is there."""
        from irnn.tasks import compiled

        if (library := compiled.library_for(drawn[0])) is None:
            return super().batches(drawn, count, dtype, rows)
        values, marks = drawn
        return compiled.lay_out(library, values, marks, rows, count, dtype)

    def draws_in_place(self, positions: Tensor) -> bool:
        """Say whether sequences are drawn by compiled code, which writes them where they stay."""
        from irnn.tasks import compiled

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
    import torch

    from irnn.seeding import below

    first_bound, second_start, second_bound, skip = bounds
    first = below(words, first_bound)
    second = second_start + below(words >> 32, second_bound)
    if skip:
        second += second >= first  # distinct, and still uniform over what is left
    return torch.stack((first, second), dim=1)
