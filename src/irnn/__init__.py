"""Recurrent networks on long-dependency tasks, started at the identity.

`from irnn import IRNN` gives the recurrent layer; `python -m irnn.train` trains one.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from irnn.models.recurrent import GRU, IRNN, LSTM, RNN

__all__ = ["GRU", "IRNN", "LSTM", "RNN"]


def __getattr__(name: str) -> Any:
    """Import the layers when they are asked for: they need torch, and `--help` does not."""
    if name in __all__:
        from irnn.models import recurrent

        return getattr(recurrent, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
