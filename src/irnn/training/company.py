"""What the runs of a pack share: one process, its signals, and a GPU that is not to wait for files."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from irnn.runs import checkpoint, curve
from irnn.runs.directory import RunDirectory
from irnn.training import stretch

SAVE_SECONDS = 10.0
"""Between two checkpoints of a run in a pack, at least."""


@dataclass(frozen=True)
class Company:
    """The others that a run is trained with.

    Args:
        in_stretches: makes what makes the run's updates together with theirs.
        signals: that came to the process; the first ends every run of it with a checkpoint.
        seats: runs that are trained at once.
        draw: draws a curve without holding them up.
        save_seconds: between two checkpoints of the run at least, but where one is needed.
    """

    in_stretches: stretch.Maker
    signals: list[int]
    seats: int
    draw: Callable[..., None] = curve.draw
    save_seconds: float = SAVE_SECONDS


class Saver:
    """Write a run's checkpoints: as often as it is asked to, or in a pack, not more often than files allow.

    A run continues from any of its checkpoints to the same numbers, so that no number depends on how many
    there were. `best.pt` waits for the next `last.pt`, which knows of it.

    Args:
        directory: of the run.
        seconds: between two checkpoints that need not be; 0: each is written.
    """

    def __init__(self, directory: RunDirectory, seconds: float) -> None:
        self._directory, self._seconds = directory, seconds
        self._saved = perf_counter()
        self._best: dict[str, Any] | None = None

    def is_time(self) -> bool:
        """Say whether a checkpoint that need not be is written all the same."""
        return perf_counter() - self._saved >= self._seconds

    def save_best(self, content: dict[str, Any]) -> None:
        """Write `best.pt`, at once or with the next `last.pt`."""
        if self._seconds:
            self._best = copy.deepcopy(content)
        else:
            checkpoint.save(self._directory.best, content, self._directory.confirm)

    def save_last(self, content: dict[str, Any]) -> None:
        """Write `last.pt`."""
        if self._best is not None:
            checkpoint.save(self._directory.best, self._best, self._directory.confirm)
            self._best = None
        checkpoint.save(self._directory.last, content, self._directory.confirm)
        self._saved = perf_counter()
