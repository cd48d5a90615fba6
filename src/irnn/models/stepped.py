"""A layer made of a cell's one step: a loop over time in plain PyTorch, for cells that have no kernel."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Generator, Tensor

from irnn.models.cell import Cell
from irnn.models.initialization import Shape, Start
from irnn.models.layer import States


class SteppedLayer(torch.nn.Module):
    """As many layers of a cell as it says, time-major and of one direction.

    It is called and answers as `torch.nn.RNN`; of a cell with several states the final ones are a tuple. All
    layers take a step before the next one is taken, so that no more than one step's states need be kept.
    The parameters of layer k are called as `Cell.parameters` says, with `_lk` behind.

    Args:
        cell: says parameters, states and the step.
        input_size: F.
        start: draws one layer's weights, see `irnn.models.initialization`.
        generator: where from; None is PyTorch's global generator.
        kernel: as of `KernelLayer`; here it is for the optimizer's step alone.
        dtype: of the parameters.
    """

    bidirectional = False

    def __init__(
        self,
        cell: Cell,
        input_size: int,
        *,
        start: Start,
        generator: Generator | None = None,
        kernel: str = "auto",
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.cell, self.input_size, self.kernel = cell, input_size, kernel
        self.hidden_size, self.num_layers = cell.hidden_size, cell.num_layers
        self._names: list[str] = []
        for layer in range(self.num_layers):
            shape = Shape(self.hidden_size if layer else input_size, self.hidden_size, cell.gates)
            drawn = cell.parameters(shape, start(shape, generator), generator)
            self._names = list(drawn)
            for name, value in drawn.items():
                own = value.detach().clone().to(dtype or torch.get_default_dtype())
                self.register_parameter(f"{name}_l{layer}", torch.nn.Parameter(own))

    def forward(
        self, input: Tensor, hx: Tensor | States | None = None
    ) -> tuple[Tensor, Tensor | States]:
        """Run over sequences.

        Args:
            input: (T, B, F).
            hx: initial states (layers, B, H), of a cell with several a tuple of them; None is zero.

        Returns:
            The last layer's states (T, B, H), and the final states like `hx`.

        Raises:
            ValueError: A shape does not fit, of the input, of `hx` or of what the cell's step gives.
        """
        outputs: list[Tensor] = []
        final = self._run(input, hx, outputs)
        return torch.stack(outputs), final if len(final) > 1 else final[0]

    def last_state(self, input: Tensor) -> Tensor:
        """Give the last layer's final state alone: (T, B, F) to (B, H)."""
        return self._run(input, None, None)[0][-1]

    def keeps_last_only(self, input: Tensor) -> bool:
        """Whether `last_state` holds no sequence of states, given no gradient is asked of it."""
        return True

    def transition(self) -> Tensor | None:
        """Give the first layer's matrix that maps a small state to the next one; see `Cell.transition`."""
        return self.cell.transition(self.weights(0))

    def weights(self, layer: int) -> SimpleNamespace:
        """Give the parameters of a layer as its cell calls them."""
        return SimpleNamespace(**{n: getattr(self, f"{n}_l{layer}") for n in self._names})

    def extra_repr(self) -> str:
        """Say what the layer is."""
        return (
            f"{self.cell.name}, {self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"
        )

    def _run(
        self, input: Tensor, hx: Tensor | States | None, outputs: list[Tensor] | None
    ) -> States:
        """Take all steps; give the final states (layers, B, H), and in `outputs` the last layer's."""
        if input.dim() != 3 or input.shape[-1] != self.input_size or not len(input):
            raise ValueError(
                f"expected an input (T, B, {self.input_size}), not {tuple(input.shape)}"
            )
        weights = [self.cell.prepare(self.weights(layer)) for layer in range(self.num_layers)]
        states = self._initial(input, hx)
        for number, x in enumerate(input.unbind()):  # (B, F)
            for layer, prepared in enumerate(weights):
                states[layer] = self.cell.step(x, states[layer], prepared)
                if not number:
                    self._check(states[layer], input.shape[1])
                x = states[layer][0]
            if outputs is not None:
                outputs.append(x)
        return tuple(torch.stack(each) for each in zip(*states, strict=True))

    def _initial(self, input: Tensor, hx: Tensor | States | None) -> list[States]:
        if hx is None:
            zero = input.new_zeros(input.shape[1], self.hidden_size)
            return [(zero,) * self.cell.states] * self.num_layers
        given = hx if isinstance(hx, tuple) else (hx,)
        expected = (self.num_layers, input.shape[1], self.hidden_size)
        if len(given) != self.cell.states or any(tuple(each.shape) != expected for each in given):
            shapes = ", ".join(str(tuple(each.shape)) for each in given)
            raise ValueError(f"hx has {shapes}, expected {self.cell.states} of {expected}")
        return [tuple(each[layer] for each in given) for layer in range(self.num_layers)]

    def _check(self, state: Any, batch: int) -> None:
        """Refuse what is no state, before it shows as something else."""
        what, expected = f"{type(self.cell).__name__}.step gave", (batch, self.hidden_size)
        if not isinstance(state, tuple) or len(state) != self.cell.states:
            gave = f"a tuple of {len(state)}" if isinstance(state, tuple) else type(state).__name__
            raise ValueError(f"{what} {gave}, not a tuple of {self.cell.states}")
        for each in state:
            if tuple(each.shape) != expected:
                raise ValueError(f"{what} a state of shape {tuple(each.shape)}, not {expected}")
