"""What our recurrent layers add to PyTorch's: a choice of initialization and of the kernel."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.utils.rnn import PackedSequence

from irnn import kernels
from irnn.kernels import transforms
from irnn.models.initialization import Shape, Start
from irnn.models.plain import has_hooks

States = tuple[Tensor, ...]
"""The states of a layer: h, and for an LSTM also c."""


class KernelLayer(torch.nn.RNNBase, ABC):
    """Stands before one of `torch.nn.RNN`, `LSTM` and `GRU` in a list of bases, and does what they do.

    Layers, directions, `batch_first`, packed sequences, dropout, dtypes and devices all work, and
    `state_dict` fits both ways.

    Args:
        start: draws one layer, such as `Identity(gain=0.5).weights` of `irnn.models.initializers`; None
            keeps PyTorch's.
        generator: where the start is drawn from; None is PyTorch's global generator.
        kernel: what computes the recurrence: "auto", "native", "torch" or "reference" (see `irnn.kernels`).
            Packed sequences and projections (`proj_size`) always go to PyTorch, with a warning. With
            "auto", so do calls inside `torch.jit.trace` and autocast, and calls inside the transforms of
            `torch.func` and forward-mode differentiation go to the reference: a compiled kernel cannot
            take part there, and "native" refuses. Second derivatives work with all.
        *args: as in PyTorch's layer, like **kwargs.

    Raises:
        ValueError: from `forward`, if a kernel asked for by name is not available, or cannot take part.
    """

    cell: str  # the name of the kernel's function: "recurrence", "lstm" or "gru"
    gates = 1

    def __init__(
        self,
        *args: Any,
        start: Start | None = None,
        generator: Generator | None = None,
        kernel: str = "auto",
        **kwargs: Any,
    ) -> None:
        self._start, self._kernel = start, kernel
        self._generator = generator  # needed by reset_parameters, which the parent calls
        self._said = False
        super().__init__(*args, **kwargs)
        self._generator = None  # a module that is copied or pickled holds no generator

    def reset_parameters(self) -> None:
        """Draw a new start for every layer and direction."""
        if self._start is None:
            super().reset_parameters()
            return
        for layer, suffix in self._cells():
            features = self.input_size if layer == 0 else self.hidden_size * self._directions
            shape = Shape(features, self.hidden_size, self.gates)
            weights = self._start(shape, self._generator)
            drawn = {"weight_ih": weights.w_ih, "weight_hh": weights.w_hh}
            if self.bias:
                drawn |= {"bias_ih": weights.b_ih, "bias_hh": weights.b_hh}
            for name, value in drawn.items():
                with torch.no_grad():
                    getattr(self, f"{name}_{suffix}").copy_(value)

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _cells(self) -> list[tuple[int, str]]:
        """List (layer, parameter suffix) in the order of the rows of h_0 and h_n."""
        endings = ("", "_reverse")[: self._directions]
        return [(layer, f"l{layer}{end}") for layer in range(self.num_layers) for end in endings]

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        """Run over sequences, exactly as PyTorch's layer does.

        Args:
            input: (T, B, F), or (B, T, F) with `batch_first`, or (T, F), or packed.
            hx: initial states (layers x directions, B, H), of an LSTM a pair of them; None is zero.

        Returns:
            The last layer's states (T, B, directions x H), laid out as the input, and the final states
            like `hx`.
        """
        recurrence = self._recurrence(input)
        if recurrence is None:
            return super().forward(input, hx)
        assert isinstance(input, Tensor)
        states: States | None = hx if isinstance(hx, tuple | None) else (hx,)
        self._refuse_bad_shapes(input, states)
        alone = input.dim() == 2
        if alone:
            input = input.unsqueeze(1)
            states = None if states is None else tuple(state.unsqueeze(1) for state in states)
        elif self.batch_first:
            input = input.transpose(0, 1)
        output, final = self._run(recurrence, input, states)
        if alone:
            output, final = output.squeeze(1), tuple(state.squeeze(1) for state in final)
        elif self.batch_first:
            output = output.transpose(0, 1)
        return output, final if len(final) > 1 else final[0]

    def last_state(self, input: Tensor) -> Tensor:
        """Give the last layer's final state alone: (T, B, F) to (B, directions x H).

        Time-major whatever `batch_first` says. Cheaper than `forward`: kernels need not keep or
        differentiate the sequence of states. A layer whose `forward` is another one, or has hooks, is
        called like any module.
        """
        recurrence = self._recurrence(input) if self._forward_is_ours() else None
        if recurrence is None:
            final = self(input.transpose(0, 1) if self.batch_first else input)[1]
            h = final[0] if isinstance(final, tuple) else final
            return torch.cat(tuple(h[-self._directions :]), dim=-1)
        return self._run(recurrence, input, None, last_only=True)[0]

    def keeps_last_only(self, input: Tensor) -> bool:
        """Whether `last_state` holds no sequence of states, given no gradient is asked of it."""
        recurrence = self._recurrence(input) if self._forward_is_ours() else None
        return recurrence is not None and self.num_layers == 1

    def _forward_is_ours(self) -> bool:
        """Whether calling the layer is nothing but `KernelLayer.forward`."""
        own = type(self).forward is KernelLayer.forward and "forward" not in self.__dict__
        return own and not has_hooks(self)

    def _recurrence(self, input: Tensor | PackedSequence) -> Callable[..., Any] | None:
        """Choose the kernel of this call; None is PyTorch."""
        plain = self._only_pytorch(input)
        if plain:
            self._say_once(plain)
            return None
        assert isinstance(input, Tensor)
        kernel = kernels.choose(
            self._kernel, device=input.device, dtype=input.dtype, hidden=self.hidden_size
        )
        if kernel is None:
            return None
        if kernel.refuses and (problem := kernel.refuses()):
            if self._kernel != "auto":
                raise ValueError(problem)
            return transforms.instead(self.cell, input.device.type)
        recurrence: Callable[..., Any] | None = getattr(kernel, self.cell)
        return recurrence

    def _only_pytorch(self, input: Tensor | PackedSequence) -> str:
        """Name what no kernel computes, of this layer or this input; empty where there is nothing."""
        if isinstance(input, PackedSequence):
            return "packed sequences"
        return "projections (proj_size)" if self.proj_size else ""

    def _say_once(self, what: str) -> None:
        if not self._said and self._kernel != "torch":
            self._said = True
            warnings.warn(
                f"{what} are computed by torch.nn.{self.mode.split('_')[0]}, several times slower; "
                "kernel='torch' asks for that without this warning",
                stacklevel=4,
            )

    def _refuse_bad_shapes(self, input: Tensor, states: States | None) -> None:
        if input.dim() not in (2, 3):
            name = self.mode.split("_")[0]
            raise ValueError(f"{name}: expected input to be 2D or 3D, got {input.dim()}D")
        if input.shape[-1] != self.input_size:
            raise ValueError(f"input has {input.shape[-1]} features, input_size={self.input_size}")
        if states is None:
            return
        batch = () if input.dim() == 2 else (input.shape[0 if self.batch_first else 1],)
        expected = (self.num_layers * self._directions, *batch, self.hidden_size)
        for state in states:
            if tuple(state.shape) != expected:
                raise ValueError(f"hx has shape {tuple(state.shape)}, expected {expected}")

    def _run(
        self,
        recurrence: Callable[..., Any],
        inputs: Tensor,
        states: States | None,
        last_only: bool = False,
    ) -> tuple[Tensor, States]:
        """Compose layers and directions from single ones; inputs (T, B, F), states (L D, B, H)."""
        final = []
        cells = self._cells()
        for layer in range(self.num_layers):
            top = last_only and layer == self.num_layers - 1
            outputs = []
            for direction in range(self._directions):
                place = layer * self._directions + direction
                start = None if states is None else tuple(state[place] for state in states)
                at = inputs.flip(0) if direction else inputs
                output, *carried = self._one_direction(recurrence, at, cells[place][1], start, top)
                final.append((output if top else output[-1], *carried))
                outputs.append(output.flip(0) if direction and not top else output)
            inputs = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
            if self.dropout > 0 and layer < self.num_layers - 1:
                inputs = torch.nn.functional.dropout(inputs, self.dropout, self.training)
        return inputs, tuple(torch.stack(each) for each in zip(*final, strict=True))

    @abstractmethod
    def _one_direction(
        self,
        recurrence: Callable[..., Any],
        inputs: Tensor,
        suffix: str,
        start: States | None,
        last_only: bool,
    ) -> States:
        """Walk over time in one layer and direction: its states, and what else is carried at the end."""

    def _weights(self, suffix: str) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        w_ih, w_hh, b_ih, b_hh = (getattr(self, f"{name}_{suffix}", None) for name in names)
        assert w_ih is not None
        assert w_hh is not None
        return w_ih, w_hh, b_ih, b_hh
