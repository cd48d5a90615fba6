"""A recurrent layer and a linear read-out of its hidden states: sequences in, answers out."""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from irnn.models.heads import Head, Regression
from irnn.models.initialization import LayerInitialization
from irnn.models.layer import KernelLayer
from irnn.models.recurrent import RNN
from irnn.models.stepped import SteppedLayer
from irnn.spec.choices import Dtype
from irnn.spec.config import Config
from irnn.system.shared import whole_process

DTYPES = {Dtype.float32: torch.float32, Dtype.float64: torch.float64}


class Network(torch.nn.Module):
    """Read a sequence, then answer.

    Args:
        recurrent: a layer such as RNN, LSTM or GRU, time-major, of one direction.
        readout: Linear(H, outputs of the head).
        head: which steps are answered, and how; one number after the last step unless said otherwise.
    """

    def __init__(
        self,
        recurrent: Any,
        readout: torch.nn.Linear,
        head: Head | None = None,
    ) -> None:
        super().__init__()
        self.recurrent, self.readout = recurrent, readout
        self.head = Regression() if head is None else head

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs (T, B, F) to answers, (B,) or what `head` says."""
        if self.head.last != 1:
            states, _ = self.recurrent(inputs)
            return self.head.shape(self.readout(states[-self.head.last :]))
        if isinstance(self.recurrent, (KernelLayer, SteppedLayer)):
            last = self.recurrent.last_state(inputs)
        else:
            _, state = self.recurrent(inputs)
            last = (state[0] if isinstance(state, tuple) else state)[-1]
        return self.head.shape(self.readout(last))

    def in_pieces(self, inputs: Tensor, steps: int) -> Tensor:
        """Do what `forward` does without holding more than `steps` steps of states at once.

        For layers of one direction. What backward would need is kept all the same.
        """
        state: Any = None
        answers: list[Tensor] = []
        for piece in torch.split(inputs, steps):
            states, state = self.recurrent(piece, state)
            if self.head.last != 1:
                answers.append(self.readout(states[-self.head.last :]))
        if self.head.last != 1:
            return self.head.shape(torch.cat(answers)[-self.head.last :])
        last = (state[0] if isinstance(state, tuple) else state)[-1]
        return self.head.shape(self.readout(last))

    def recurrent_matrix(self) -> Tensor | None:
        """Give the first layer's matrix (H, H) that maps a small state to the next; None: there is none."""
        if isinstance(self.recurrent, SteppedLayer):
            return self.recurrent.transition()
        matrix: Tensor | None = getattr(self.recurrent, "weight_hh_l0", None)
        return matrix if isinstance(self.recurrent, RNN) else None


def build(
    config: Config, generator: Generator, input_size: int, head: Head | None = None
) -> Network:
    """Build the network of a run on the CPU; weights are a function of (config, generator) alone.

    Args:
        config: the run.
        generator: where weights are drawn from.
        input_size: F.
        head: what is read out, see `Network`.
    """
    head = Regression() if head is None else head
    dtype = DTYPES[config.runtime.dtype]
    # PyTorch's layers draw weights of their own, which are overwritten.
    with whole_process, torch.random.fork_rng(devices=[]):
        recurrent = config.model.layer(
            input_size,
            start=config.init.weights,
            generator=generator,
            kernel=config.runtime.kernel.value,
            dtype=dtype,
        )
        readout = torch.nn.Linear(config.model.hidden_size, head.outputs, dtype=dtype)
    _start_readout(readout, config.init, generator)
    return Network(recurrent, readout, head)


@torch.no_grad()
def _start_readout(
    readout: torch.nn.Linear, init: LayerInitialization, generator: Generator
) -> None:
    """Start the read-out at N(0, readout_std) with bias 0, or as PyTorch starts a Linear.

    A bias that starts at the mean target spares the network its first task, to shift its answer, for
    which it would move all its weights together.
    """
    if init.readout_std is None:
        bound = 1 / math.sqrt(readout.in_features)
        for parameter in (readout.weight, readout.bias):
            drawn = torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_((drawn * 2 - 1) * bound)
    else:
        drawn = torch.randn(readout.weight.shape, generator=generator, dtype=torch.float64)
        readout.weight.copy_(drawn * init.readout_std)
        readout.bias.zero_()
    if init.readout_bias is not None:
        readout.bias.fill_(init.readout_bias)
