"""The median over seeds of a group's curves."""

from collections.abc import Sequence

import numpy as np

from irnn.reporting.curve import Array
from irnn.reporting.run import Run

_MEDIAN_POINTS = 300


def median_curve(runs: Sequence[Run]) -> tuple[Array, Array, Array]:
    """Median over seeds at common updates: (steps, held-out score, training loss), each (points,).

    A run that solved keeps its last value from then on, one that diverged counts as worse than
    any; the curve ends where the first run was given up on or has not got to yet, since a median
    over the rest would flatter. NaN where the median run is one that diverged.
    """
    runs = [run for run in runs if run.curve.step.size]
    if not runs:
        return np.empty(0), np.empty(0), np.empty(0)
    ends = [run.curve.step[-1] for run in runs if run.status in ("exhausted", "unfinished")]
    end = min(ends) if ends else max(run.curve.step[-1] for run in runs)
    grid = np.unique(np.concatenate([run.curve.step for run in runs]))
    grid = grid[grid <= end]
    if grid.size > _MEDIAN_POINTS:
        grid = grid[np.linspace(0, grid.size - 1, _MEDIAN_POINTS).astype(int)]
    return grid, median_of(runs, grid, "value"), median_of(runs, grid, "train_loss")


def median_of(runs: Sequence[Run], grid: Array, name: str) -> Array:
    """Median over seeds of one of a curve's columns, at the updates of `median_curve`: (points,)."""
    drawn = [run for run in runs if run.curve.step.size]
    if not drawn:
        return np.empty(0)
    turn = -1.0 if name == "value" and drawn[0].scoring.higher else 1.0
    return turn * _median([_held(run, turn * getattr(run.curve, name), grid) for run in drawn])


def _held(run: Run, values: Array, grid: Array) -> Array:
    """The run's latest value at each update of the grid; inf once it has blown up."""
    index = np.searchsorted(run.curve.step, grid, side="right") - 1
    held: Array = values[np.maximum(index, 0)].copy()
    held[np.isnan(held)] = np.inf
    if run.status == "diverged":
        held[grid > run.curve.step[-1]] = np.inf
    return held


def _median(curves: list[Array]) -> Array:
    ordered = np.sort(np.stack(curves), axis=0)
    low, high = ordered[(len(curves) - 1) // 2], ordered[len(curves) // 2]
    middle: Array = np.where(np.isinf(high), np.nan, (low + np.where(np.isinf(high), 0, high)) / 2)
    return middle
