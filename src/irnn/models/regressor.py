"""A recurrent layer and a linear read-out of its hidden states: sequences in, answers out."""

import math
from typing import Any

import torch
from torch import Generator, Tensor

from irnn.choices import Dtype, ModelName
from irnn.config import Config, Init
from irnn.models import initializers
from irnn.models.heads import Head, Regression
from irnn.models.layer import KernelLayer
from irnn.models.recurrent import GRU, IRNN, LSTM, RNN

DTYPES = {Dtype.float32: torch.float32, Dtype.float64: torch.float64}


class Regressor(torch.nn.Module):
    """Read a sequence, then answer.

    Args:
        recurrent: RNN, LSTM or GRU, time-major, one direction.
        readout: Linear(H, outputs of the head).
        head: which steps are answered, and how; one number after the last step unless said otherwise.
    """

    def __init__(
        self,
        recurrent: RNN | torch.nn.LSTM | torch.nn.GRU,
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
        if isinstance(self.recurrent, KernelLayer):
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

    def recurrent_matrix(self) -> Tensor:
        """Give the first layer's matrix that maps a state to the next one: (H, H), or gates' (G H, H)."""
        return self.recurrent.weight_hh_l0  # type: ignore[return-value]


def build(
    config: Config, generator: Generator, input_size: int, head: Head | None = None
) -> Regressor:
    """Build the network of a run on the CPU; weights are a function of (config, generator) alone.

    Args:
        config: the run.
        generator: where weights are drawn from.
        input_size: F.
        head: what is read out, see `Regressor`.
    """
    head = Regression() if head is None else head
    model, dtype = config.model, DTYPES[config.runtime.dtype]
    sizes = (input_size, model.hidden_size, model.num_layers)
    kernel = config.runtime.kernel.value
    choices: dict[str, Any] = {
        "dtype": dtype,
        "start": initializers.start_from(config.init),
        "generator": generator,
        "kernel": kernel,
    }
    recurrent: RNN | LSTM | GRU
    with torch.random.fork_rng(devices=[]):  # PyTorch's own starts, overwritten below
        match model.name:
            case ModelName.lstm:
                recurrent = LSTM(*sizes, **choices)
            case ModelName.gru:
                recurrent = GRU(*sizes, **choices)
            case ModelName.irnn:
                recurrent = IRNN(*sizes, **choices)
            case ModelName.rnn_relu | ModelName.rnn_tanh:
                recurrent = RNN(
                    *sizes,
                    nonlinearity="relu" if model.name is ModelName.rnn_relu else "tanh",
                    **choices,
                )
        readout = torch.nn.Linear(model.hidden_size, head.outputs, dtype=dtype)
    if isinstance(recurrent, torch.nn.LSTM) and model.forget_bias is not None:
        set_forget_bias(recurrent, model.forget_bias)
    _start_readout(readout, config.init, generator)
    return Regressor(recurrent, readout, head)


@torch.no_grad()
def set_forget_bias(lstm: torch.nn.LSTM, value: float) -> None:
    """Make the forget gate's bias `value`; Gers et al. 2000, Jozefowicz et al. 2015.

    PyTorch adds two bias vectors, so one is set to the value and the other to 0: setting both would
    double it. Gates are stacked input, forget, cell, output.
    """
    hidden = lstm.hidden_size
    for _, _, b_ih, b_hh in lstm.all_weights:
        b_ih[hidden : 2 * hidden] = value
        b_hh[hidden : 2 * hidden] = 0.0


@torch.no_grad()
def _start_readout(readout: torch.nn.Linear, init: Init, generator: Generator) -> None:
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
