"""Our cells, which build the layers of `irnn.models.recurrent`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from irnn.models.cell import Cell
from irnn.options import HUGE, option
from irnn.registry import cell

if TYPE_CHECKING:
    from irnn.models import recurrent


@cell("irnn")
class Irnn(Cell):
    """ReLU RNN that starts at the identity. Le, Jaitly & Hinton 2015."""

    has_kernel = True

    def layer(self, input_size: int, **how: Any) -> recurrent.IRNN:
        """See `Cell`."""
        from irnn.models.recurrent import IRNN

        return IRNN(input_size, self.hidden_size, self.num_layers, **how)


@cell("rnn_relu")
class RnnRelu(Cell):
    """ReLU RNN."""

    has_kernel = True

    def layer(self, input_size: int, **how: Any) -> recurrent.RNN:
        """See `Cell`."""
        from irnn.models.recurrent import RNN

        return RNN(input_size, self.hidden_size, self.num_layers, nonlinearity="relu", **how)


@cell("rnn_tanh")
class RnnTanh(Cell):
    """RNN with tanh units. Elman 1990."""

    has_kernel = True

    def layer(self, input_size: int, **how: Any) -> recurrent.RNN:
        """See `Cell`."""
        from irnn.models.recurrent import RNN

        return RNN(input_size, self.hidden_size, self.num_layers, nonlinearity="tanh", **how)


@cell("lstm")
class Lstm(Cell):
    """Long short-term memory. Hochreiter & Schmidhuber 1997; Gers et al. 2000 for the forget gate."""

    gates = 4
    has_kernel = True

    forget_bias: float = option(
        1.0, "sum of the forget gate's biases", at_least=-HUGE, at_most=HUGE
    )

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

    def layer(self, input_size: int, **how: Any) -> recurrent.GRU:
        """See `Cell`."""
        from irnn.models.recurrent import GRU

        return GRU(input_size, self.hidden_size, self.num_layers, **how)
