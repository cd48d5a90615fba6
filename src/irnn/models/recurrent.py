"""`torch.nn.RNN` with a choice of start and of kernel, and the IRNN as one such choice."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.utils.rnn import PackedSequence

from irnn import kernels
from irnn.kernels import transforms
from irnn.models import initializers
from irnn.models.initializers import Shape, Start
from irnn.models.plain import has_hooks


class RNN(torch.nn.RNN):
    """A simple recurrent network, h_t = f(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), f = tanh or ReLU.

    Takes and returns what `torch.nn.RNN` does: layers, directions, `batch_first`, packed sequences,
    dropout, dtypes and devices all work, and `state_dict` fits both ways. Only two things differ.

    Args:
        start: a start of one layer from `irnn.models.initializers`; None keeps PyTorch's.
        generator: where the start is drawn from; None is PyTorch's global generator.
        kernel: who walks over time: "auto", "native", "torch" or "reference" (see `irnn.kernels`).
            Packed sequences always go to PyTorch. With "auto", so do calls inside `torch.jit.trace` and
            autocast, and calls inside the transforms of `torch.func` and forward-mode differentiation go
            to the reference: a compiled kernel cannot take part there, and "native" refuses. Second
            derivatives work with all.
        *args: as in `torch.nn.RNN`, like **kwargs.

    Raises:
        ValueError: from `forward`, if a kernel asked for by name is not available, or cannot take part.
    """

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
        super().__init__(*args, **kwargs)
        self._generator = None  # a module that is copied or pickled holds no generator

    def reset_parameters(self) -> None:
        """Draw a new start for every layer and direction."""
        if self._start is None:
            super().reset_parameters()
            return
        for layer, suffix in self._cells():
            features = self.input_size if layer == 0 else self.hidden_size * self._directions
            weights = self._start(Shape(features, self.hidden_size), self._generator)
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

    def forward(  # type: ignore[override]
        self, input: Tensor | PackedSequence, hx: Tensor | None = None
    ) -> tuple[Tensor | PackedSequence, Tensor]:
        """Run over sequences, exactly as `torch.nn.RNN.forward` does.

        Args:
            input: (T, B, F), or (B, T, F) with `batch_first`, or (T, F), or packed.
            hx: initial states (layers x directions, B, H); None is zero.

        Returns:
            The last layer's states (T, B, directions x H), laid out as the input, and the final states
            (layers x directions, B, H).
        """
        recurrence = None if isinstance(input, PackedSequence) else self._recurrence(input)
        if recurrence is None:
            return super().forward(input, hx)
        assert isinstance(input, Tensor)
        self._refuse_bad_shapes(input, hx)
        if input.dim() == 2:
            batched = None if hx is None else hx.unsqueeze(1)
            output, final = self._run(recurrence, input.unsqueeze(1), batched)
            return output.squeeze(1), final.squeeze(1)
        if self.batch_first:
            output, final = self._run(recurrence, input.transpose(0, 1), hx)
            return output.transpose(0, 1), final
        return self._run(recurrence, input, hx)

    def last_state(self, input: Tensor) -> Tensor:
        """Give the last layer's final state alone: (T, B, F) to (B, directions x H).

        Time-major whatever `batch_first` says. Cheaper than `forward`: kernels need not keep or
        differentiate the sequence of states. A layer whose `forward` is another one, or has hooks, is
        called like any module.
        """
        recurrence = self._recurrence(input) if self._forward_is_ours() else None
        if recurrence is None:
            final = self(input.transpose(0, 1) if self.batch_first else input)[1]
            return torch.cat(tuple(final[-self._directions :]), dim=-1)
        return self._run(recurrence, input, None, last_only=True)[0]

    def keeps_last_only(self, input: Tensor) -> bool:
        """Whether `last_state` holds no sequence of states, given no gradient is asked of it."""
        recurrence = self._recurrence(input) if self._forward_is_ours() else None
        return recurrence is not None and self.num_layers == 1

    def _forward_is_ours(self) -> bool:
        """Whether calling the layer is nothing but `RNN.forward`."""
        own = type(self).forward is RNN.forward and "forward" not in self.__dict__
        return own and not has_hooks(self)

    def _recurrence(self, input: Tensor) -> Callable[..., Tensor] | None:
        """Choose who walks over time in this call; None is PyTorch."""
        kernel = kernels.choose(self._kernel, device=input.device, dtype=input.dtype)
        if kernel is None:
            return None
        if kernel.refuses and (problem := kernel.refuses()):
            if self._kernel != "auto":
                raise ValueError(problem)
            return transforms.instead()
        return kernel.recurrence

    def _refuse_bad_shapes(self, input: Tensor, hx: Tensor | None) -> None:
        if input.dim() not in (2, 3):
            raise ValueError(f"RNN: expected input to be 2D or 3D, got {input.dim()}D")
        if input.shape[-1] != self.input_size:
            raise ValueError(f"input has {input.shape[-1]} features, input_size={self.input_size}")
        if hx is None:
            return
        batch = () if input.dim() == 2 else (input.shape[0 if self.batch_first else 1],)
        expected = (self.num_layers * self._directions, *batch, self.hidden_size)
        if tuple(hx.shape) != expected:
            raise ValueError(f"hx has shape {tuple(hx.shape)}, expected {expected}")

    def _run(
        self,
        recurrence: Callable[..., Tensor],
        inputs: Tensor,
        hx: Tensor | None,
        last_only: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """Compose layers and directions from single recurrences; inputs (T, B, F), hx (L D, B, H)."""
        final = []
        cells = self._cells()
        for layer in range(self.num_layers):
            top = last_only and layer == self.num_layers - 1
            outputs = []
            for direction in range(self._directions):
                place = layer * self._directions + direction
                suffix = cells[place][1]
                bias = None
                if self.bias:
                    bias = getattr(self, f"bias_ih_{suffix}") + getattr(self, f"bias_hh_{suffix}")
                states = recurrence(
                    inputs.flip(0) if direction else inputs,
                    getattr(self, f"weight_ih_{suffix}"),
                    getattr(self, f"weight_hh_{suffix}"),
                    bias,
                    None if hx is None else hx[place],
                    nonlinearity=self.nonlinearity,
                    last_only=top,
                )
                final.append(states if top else states[-1])
                outputs.append(states.flip(0) if direction and not top else states)
            inputs = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
            if self.dropout > 0 and layer < self.num_layers - 1:
                inputs = torch.nn.functional.dropout(inputs, self.dropout, self.training)
        return inputs, torch.stack(final)


class IRNN(RNN):
    """A ReLU RNN whose recurrent matrix starts at the identity. Le, Jaitly & Hinton 2015, section 3.

    The same constructor as `torch.nn.RNN`, with `nonlinearity="relu"` unless said otherwise. The start is
    gain x identity for the recurrent matrices, N(0, std) for the input weights and 0 for the biases.

    Args:
        gain: factor on the identity, at least 0.
        std: standard deviation of the input weights.
        start: another start, instead of (gain, std).
        generator: where the start is drawn from; None is PyTorch's global generator.
        kernel: see `RNN`.
        *args: input_size, hidden_size, num_layers, nonlinearity, … as in `torch.nn.RNN`.
    """

    def __init__(
        self,
        *args: Any,
        gain: float = 1.0,
        std: float = 0.001,
        start: Start | None = None,
        **kwargs: Any,
    ) -> None:
        if gain < 0 or std < 0:
            raise ValueError(f"gain={gain}, std={std}: both must be at least 0")
        if len(args) < 4:
            kwargs.setdefault("nonlinearity", "relu")
        start = start or partial(initializers.identity, gain=gain, input_std=std)
        super().__init__(*args, start=start, **kwargs)
