"""Our cells: their steps, and the layers of `irnn.models.recurrent` that compute them in compiled code."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from irnn.models.cell import Cell
from irnn.spec.options import HUGE, option
from irnn.spec.registry import cell

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.kernels.arguments import Nonlinearity
    from irnn.models import recurrent
    from irnn.models.layer import States


@cell("irnn")
class Irnn(Cell):
    """ReLU RNN that starts at the identity. Le, Jaitly & Hinton 2015."""

    has_kernel = True

    def step(self, x: Tensor, state: States, weights: SimpleNamespace) -> States:
        """See `Cell`."""
        return (_simple(x, state[0], weights, "relu"),)

    def layer(self, input_size: int, **how: Any) -> recurrent.IRNN:
        """See `Cell`."""
        from irnn.models.recurrent import IRNN

        return IRNN(input_size, self.hidden_size, self.num_layers, **how)


@cell("rnn_relu")
class RnnRelu(Cell):
    """ReLU RNN."""

    has_kernel = True

    def step(self, x: Tensor, state: States, weights: SimpleNamespace) -> States:
        """See `Cell`."""
        return (_simple(x, state[0], weights, "relu"),)

    def layer(self, input_size: int, **how: Any) -> recurrent.RNN:
        """See `Cell`."""
        from irnn.models.recurrent import RNN

        return RNN(input_size, self.hidden_size, self.num_layers, nonlinearity="relu", **how)


@cell("rnn_tanh")
class RnnTanh(Cell):
    """RNN with tanh units. Elman 1990."""

    has_kernel = True

    def step(self, x: Tensor, state: States, weights: SimpleNamespace) -> States:
        """See `Cell`."""
        return (_simple(x, state[0], weights, "tanh"),)

    def layer(self, input_size: int, **how: Any) -> recurrent.RNN:
        """See `Cell`."""
        from irnn.models.recurrent import RNN

        return RNN(input_size, self.hidden_size, self.num_layers, nonlinearity="tanh", **how)


@cell("lstm")
class Lstm(Cell):
    """Long short-term memory. Hochreiter & Schmidhuber 1997; Gers et al. 2000 for the forget gate."""

    gates = 4
    states = 2
    has_kernel = True

    forget_bias: float = option(
        1.0, "sum of the forget gate's biases", at_least=-HUGE, at_most=HUGE
    )

    def step(self, x: Tensor, state: States, weights: SimpleNamespace) -> States:
        """See `Cell`; the state is h and the cell c."""
        from irnn.kernels.reference import lstm_step

        return lstm_step(x, *state, *_each(weights))

    def layer(self, input_size: int, **how: Any) -> recurrent.LSTM:
        """See `Cell`."""
        from irnn.models.recurrent import LSTM, set_forget_bias

        layer = LSTM(input_size, self.hidden_size, self.num_layers, **how)
        set_forget_bias(layer, self.forget_bias)
        return layer


@cell("gru")
class Gru(Cell):
    """Gated recurrent unit. Cho et al. 2014, as PyTorch has it."""

    gates = 3
    has_kernel = True

    def step(self, x: Tensor, state: States, weights: SimpleNamespace) -> States:
        """See `Cell`."""
        from irnn.kernels.reference import gru_step

        return (gru_step(x, state[0], *_each(weights)),)

    def layer(self, input_size: int, **how: Any) -> recurrent.GRU:
        """See `Cell`."""
        from irnn.models.recurrent import GRU

        return GRU(input_size, self.hidden_size, self.num_layers, **how)


def _each(weights: SimpleNamespace) -> tuple[Tensor, ...]:
    return weights.weight_ih, weights.weight_hh, weights.bias_ih, weights.bias_hh


def _simple(x: Tensor, h: Tensor, weights: SimpleNamespace, kind: Nonlinearity) -> Tensor:
    from irnn.kernels.reference import recurrence_step

    w_ih, w_hh, b_ih, b_hh = _each(weights)
    return recurrence_step(x, h, w_ih, w_hh, b_ih + b_hh, kind)
