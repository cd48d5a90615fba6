"""Recurrent networks on long-dependency tasks, started at the identity.

`irnn.train(["seq_len=150"])` trains a network and `irnn.IRNN` is its layer; `docs/python.md` has all of it.
`python -m irnn.train` is the command.
"""

import os
import sys


def _leave_out_working_folder() -> None:
    """As `python -m irnn.train`, import nothing of the working folder, which `-m` puts first on the path.

    Unless this package is from there. Python's own way, `-P`, is not in 3.10, and is rarely typed.
    """
    if sys.argv[:1] != ["-m"]:  # which stands there while Python looks for the module
        return
    last = sys.orig_argv[-len(sys.argv)]  # of Python's own words: MODULE, or -mMODULE, or -umMODULE
    module = last.partition("m")[2] if last.startswith("-") else last
    if not module.startswith(f"{__name__}."):
        return
    here = os.path.dirname(os.path.dirname(__file__))  # noqa: PTH120 - pathlib is not imported yet
    try:
        front = os.getcwd()  # noqa: PTH109
    except OSError:  # it was removed, and Python put nothing there
        return
    if sys.path[:1] == [front] != [here]:
        del sys.path[0]


_leave_out_working_folder()

from importlib import import_module  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from irnn.api import (
        BusyError,
        Config,
        ConfigError,
        InputError,
        Run,
        Runs,
        StorageError,
        compose,
        learning_curve,
        load_run,
        load_runs,
        sequences,
        train,
    )
    from irnn.models.recurrent import GRU, IRNN, LSTM, RNN

    __version__: str

__all__ = [
    "GRU",
    "IRNN",
    "LSTM",
    "RNN",
    "BusyError",
    "Config",
    "ConfigError",
    "InputError",
    "Run",
    "Runs",
    "StorageError",
    "__version__",
    "compose",
    "learning_curve",
    "load_run",
    "load_runs",
    "sequences",
    "train",
]

_LAYERS = ("GRU", "IRNN", "LSTM", "RNN")


def __getattr__(name: str) -> Any:
    """Import a name when it is asked for: the layers need torch, and `--help` does not."""
    if name == "__version__":
        from importlib.metadata import version

        return version("irnn")
    if name == "train":  # the command's module, which can be called: see decision 24
        return import_module("irnn.train")
    if name in __all__:
        return getattr(
            import_module("irnn.models.recurrent" if name in _LAYERS else "irnn.api"), name
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
