"""What a cell is: it builds the recurrent layer of a network, or says what one step of it is.

Torch is imported where that is done.
"""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from irnn.spec.options import Choice, option

if TYPE_CHECKING:
    import torch
    from torch import Generator, Tensor

    from irnn.models.initialization import Shape, Weights
    from irnn.models.layer import States


@dataclass(frozen=True, kw_only=True)
class Cell(Choice, ABC):
    """A recurrent network's cell, as many layers of it as `num_layers` says.

    A cell of one's own is its `step`, in plain PyTorch; `irnn.models.stepped` loops over time. One that has a
    layer of its own, with compiled code for example, builds that in `layer`; its `step` then says what the
    layer has to compute. Shapes: B sequences, T steps, F features (of a higher layer the H below), H units.
    `check_cell` of `irnn.testing` checks what must hold.
    """

    group: ClassVar[str] = "model"
    gates: ClassVar[int] = 1
    """G: how many blocks of H rows the input and recurrent matrices and the biases have."""
    states: ClassVar[int] = 1
    """How many tensors (B, H) a state is; the first is read out."""
    has_kernel: ClassVar[bool] = False
    """Whether compiled code computes it, on the CPU and, where it has one gate, on a GPU."""

    hidden_size: int = option(100, "hidden units", at_least=1, at_most=10**5)
    num_layers: int = option(1, "recurrent layers", at_least=1, at_most=100)

    @classmethod
    def lacking(cls) -> list[str]:
        """A cell has a step, or a layer of its own."""
        own = cls.step is not Cell.step or not cls.is_stepped()
        return super().lacking() if own else ["step"]

    @classmethod
    def is_stepped(cls) -> bool:
        """Whether PyTorch takes its steps one by one, since it has no layer of its own."""
        return cls.layer is Cell.layer

    def step(self, x: Tensor, state: States, weights: SimpleNamespace) -> States:
        """Take one step.

        Args:
            x: (B, F), or of a higher layer the states of the one below it.
            state: as the step before gave it; zeros at first.
            weights: what `prepare` made of the parameters of `parameters`, by their names.

        Returns:
            The next state, a tuple of as many tensors (B, H) as `states` says.
        """
        raise NotImplementedError(f"model={self.name} has neither a step nor a layer of its own")

    def parameters(
        self, shape: Shape, weights: Weights, generator: Generator | None
    ) -> dict[str, Tensor]:
        """Name the parameters of one layer, with the values that they start from.

        Those whose name begins with `weight_hh` are recurrent matrices: `optim.recurrent_lr_scale` is for
        them. All others are drawn in the order in which they stand here.

        Args:
            shape: of the layer.
            weights: what `init=` draws for such a layer: leave out what the cell does not have.
            generator: what else is drawn is drawn from here, in float64.
        """
        bias = weights.b_ih + weights.b_hh
        return {"weight_ih": weights.w_ih, "weight_hh": weights.w_hh, "bias": bias}

    def prepare(self, weights: SimpleNamespace) -> SimpleNamespace:
        """Compute what is the same at every step of a sequence; `step` is given the result."""
        return weights

    def transition(self, weights: SimpleNamespace) -> Tensor | None:
        """Give the matrix (H, H) that maps a small state to the next one, or None.

        Of it `metrics.jsonl` has the spectral radius and the distance from the identity. It is the recurrent
        matrix where there is one, which is right for h' = f(W h + ...) with a slope of 1 at 0.
        """
        matrix: Tensor | None = getattr(weights, "weight_hh", None)
        return matrix if self.gates == 1 and self.states == 1 else None

    def layer(self, input_size: int, **how: Any) -> torch.nn.Module:
        """Build the recurrent layer, time-major, of one direction, as `torch.nn.RNN` is called and answers.

        Args:
            input_size: F.
            **how: for `irnn.models.layer.KernelLayer`: `start` (draws one layer's weights, see
                `irnn.models.initialization`), `generator`, `kernel` and `dtype`.
        """
        from irnn.models.stepped import SteppedLayer

        return SteppedLayer(self, input_size, **how)
