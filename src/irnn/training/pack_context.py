"""What the runs of a pack share: one process, its signals, and a GPU that is not to wait for files."""

from collections.abc import Callable
from dataclasses import dataclass

from irnn.runs import curve
from irnn.runs.mirrors import Mirrors
from irnn.training import stretch

SAVE_SECONDS = 10.0
"""Between two checkpoints of a run in a pack, at least."""


@dataclass(frozen=True)
class PackContext:
    """What a run in a pack shares with the others.

    Args:
        make_stretch: gives what makes several of the run's updates in one go, together with theirs.
        signals: that came to the process; the first ends every run of it with a checkpoint.
        at_once: runs that are trained at once.
        draw: draws a curve without holding them up.
        mirrors: the process that mirrors all of them to W&B.
        save_seconds: between two checkpoints of the run at least, but where one is needed.
    """

    make_stretch: stretch.Maker
    signals: list[int]
    at_once: int
    draw: Callable[..., None] = curve.draw
    mirrors: Mirrors | None = None
    save_seconds: float = SAVE_SECONDS
