"""Pictures are drawn under our own settings, whatever the surroundings would have matplotlib do.

`MPLBACKEND`, `MATPLOTLIBRC` and a file `matplotlibrc`, in the working folder or at home, are read when
matplotlib is imported; some of what may stand there ends that import. And text of a user's is text: a `$`
begins no formula.
"""

import os
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from irnn.system.shared import whole_process

_OURS = {"text.parse_math": False, "text.usetex": False}
_NOT_DRAWN_BY = "backend"  # whom we draw with, we say ourselves


def load() -> None:
    """Import matplotlib, if it is not imported yet, so that it reads its own defaults and nothing else."""
    if "matplotlib" in sys.modules:
        return
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    defaults = Path(spec.origin).parent / "mpl-data" / "matplotlibrc"
    exists = os.path.exists

    def but_not_here(path: Any) -> bool:
        return path != "matplotlibrc" and exists(path)  # as it looks into the working folder

    surroundings = {"MPLBACKEND": "agg", "MATPLOTLIBRC": str(defaults)}
    from unittest.mock import patch  # takes longer to import than a table to print

    with patch.dict(os.environ, surroundings), patch("os.path.exists", but_not_here):
        import matplotlib.figure
        import matplotlib.font_manager  # noqa: F401


@contextmanager
def own_settings(style: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Draw under matplotlib's defaults and `style` while the context lasts, and take text as text."""
    load()
    from matplotlib import rc_context, rcParamsDefault

    with whole_process, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters that the font lacks: a box stands for them
        settings: Any = dict(rcParamsDefault)
        del settings[_NOT_DRAWN_BY]
        settings.update(_OURS, **(style or {}))
        with rc_context(settings):
            yield


def plain_label(name: str) -> str:
    """A label for a legend, which leaves out those that begin with an underscore."""
    return f" {name}" if name.startswith("_") else name
