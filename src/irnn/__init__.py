"""Recurrent networks on long-dependency tasks, started at the identity.

`from irnn import IRNN` gives the recurrent layer; `python -m irnn.train` trains one.
"""

import os
import sys


def _leave_out_working_folder() -> None:
    """As `python -m irnn.train`, import nothing of the working folder, which `-m` puts first on the path.

    Unless this package is from there. Python's own way, `-P`, is not in 3.10, and nobody types it.
    """
    words = sys.orig_argv
    is_ours = sys.argv[:1] == ["-m"] and "-m" in words[:-1]  # while Python looks for the module
    if not (is_ours and words[words.index("-m") + 1].startswith(f"{__name__}.")):
        return
    here = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - pathlib is not imported yet
    try:
        front = os.getcwd()  # noqa: PTH109
    except OSError:  # it was removed, and Python put nothing there
        return
    if sys.path[:1] == [front] != [here]:
        del sys.path[0]


_leave_out_working_folder()

from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from irnn.models.recurrent import GRU, IRNN, LSTM, RNN

__all__ = ["GRU", "IRNN", "LSTM", "RNN"]


def __getattr__(name: str) -> Any:
    """Import the layers when they are asked for: they need torch, and `--help` does not."""
    if name in __all__:
        from irnn.models import recurrent

        return getattr(recurrent, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
