"""The antisymmetric RNN, a relative of the IRNN that needs no kernel: one step in plain PyTorch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from irnn.models.cell import Cell
from irnn.spec.options import HUGE, option
from irnn.spec.registry import cell

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.models.layer import States


@cell("antisymmetric")
class Antisymmetric(Cell):
    """Antisymmetric RNN. Chang, Chen, Haber & Chi 2019 (arXiv 1902.09689), section 3.

        h_t = h_{t-1} + e tanh((W - W^T - g I) h_{t-1} + V x_t + b)

    A step of size e of a differential equation whose eigenvalues are imaginary but for -g, so that states
    neither grow nor fade: as in the IRNN a state stays where it is until something changes it.
    """

    step_size: float = option(0.1, "e, size of a step of the equation", above=0, at_most=HUGE)
    diffusion: float = option(0.01, "g, how fast states fade", at_least=0, at_most=HUGE)

    def prepare(self, weights: SimpleNamespace) -> SimpleNamespace:
        """Make the antisymmetric matrix once for all steps."""
        return SimpleNamespace(
            weight_ih=weights.weight_ih, bias=weights.bias, matrix=self._matrix(weights.weight_hh)
        )

    def step(self, x: Tensor, state: States, weights: SimpleNamespace) -> States:
        """See `Cell`."""
        from torch.nn.functional import linear

        (h,) = state
        drive = linear(x, weights.weight_ih, weights.bias) + h @ weights.matrix.T
        return (h + self.step_size * drive.tanh(),)

    def transition(self, weights: SimpleNamespace) -> Tensor:
        """Give I + e (W - W^T - g I), which maps a small state to the next."""
        import torch

        matrix = self._matrix(weights.weight_hh)
        return torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device) + (
            self.step_size * matrix
        )

    def _matrix(self, weight: Tensor) -> Tensor:
        import torch

        identity = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)
        return weight - weight.T - self.diffusion * identity
