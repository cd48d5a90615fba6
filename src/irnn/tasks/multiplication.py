"""The multiplication problem: as the adding problem, with the product for the sum.

Hochreiter & Schmidhuber 1997, section 5.5 (experiment 5): it keeps a network from solving the task by an
integrator alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from irnn.spec.registry import task
from irnn.tasks.adding import Adding
from irnn.tasks.base import select
from irnn.tasks.metric import Metric, squared_error

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from irnn.tasks.base import Drawn


@task("multiplication")
class Multiplication(Adding):
    """The multiplication problem; its sequences are those of the adding problem."""

    title = "Multiplication problem"
    learned = "the network multiplies"
    answer_name = "product"

    @property
    def metric(self) -> Metric:
        """Score by the MSE: always answering 1/4 scores the variance of a product of two U[0, 1), 7/144."""
        return squared_error(7 / 144, "answering 1/4", ("0.04", "0.01", "0.001"))

    def answers(self, marked: Tensor) -> Tensor:
        """Multiply the two marked values: (N, 2) to (N,)."""
        return marked.prod(dim=1)

    def targets_of(self, inputs: Tensor) -> Tensor:
        """Give the products (N,) of sequences (T, N, 2) with any number of marks."""
        return inputs[..., 0].where(inputs[..., 1] != 0, 1.0).prod(dim=0)

    def batches(
        self, drawn: Drawn, count: int, dtype: torch.dtype, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cut sequences into K batches (see `Task.batches`); compiled code knows sums alone."""
        inputs, _ = super().batches(drawn, count, dtype, rows)
        values, marks = drawn if rows is None else select(drawn, rows)
        return inputs, self.answers(values.gather(1, marks).to(dtype)).view(count, -1)
