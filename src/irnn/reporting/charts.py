"""The numbers behind the charts, as plain data for the page's script and for the figures."""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from irnn.reporting import wording
from irnn.reporting.curve import MOST_STEPS, Array
from irnn.reporting.published import LABELS, PublishedRow, published_rows
from irnn.reporting.run import Run
from irnn.reporting.summary import Group, Summary, crossing, time_to

SEQ_LEN = "task.seq_len"
RATE = "rate"
NEAR = 4
DRAWN = 8
"""Groups whose curves the page draws before its reader ticks more."""
_MEDIAN_POINTS = 300


def chart_data(summary: Summary) -> dict[str, Any]:
    """Everything the page draws; None where a number is missing or not finite."""
    return {
        "groups": [_group(summary.name(group), group) for group in summary.groups],
        "lengths": {name: lengths(summary, name) for name in (*summary.thresholds, RATE)},
        "threshold": summary.drawn,
        "success": summary.success,
        "published": published_points(),
        "near": NEAR,
        "drawn": DRAWN,
        "overfit": overfit_points(summary),
    }


def _group(name: str, group: Group) -> dict[str, Any]:
    steps, held_out, training = median_curve(group.runs)
    return {
        "name": name,
        "runs": [_run(run) for run in group.runs],
        "median": {"s": _whole(steps), "h": _rounded(held_out), "t": _rounded(training)},
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.run_id,
        "seed": run.seed,
        "status": run.status,
        "s": _whole(run.curve.step),
        "h": _rounded(run.curve.test_mse),
        "t": _rounded(run.curve.train_mse),
        "e": [[event.step, event.reason] for event in run.divergences],
    }


def median_curve(runs: Sequence[Run]) -> tuple[Array, Array, Array]:
    """Median over seeds at common updates: (steps, held-out, training), each (points,).

    A run that solved keeps its last loss from then on, one that diverged counts as worse than
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
    held_out = _median([_held(run, run.curve.test_mse, grid) for run in runs])
    training = _median([_held(run, run.curve.train_mse, grid) for run in runs])
    return grid, held_out, training


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


def lengths(summary: Summary, threshold: str) -> list[dict[str, Any]]:
    """Updates to `threshold`, or success rates, against T; a series for each other setting."""
    points = []
    for group in summary.groups:
        finished = group.finished
        if not finished or not 0 < finished[0].seq_len <= MOST_STEPS:
            continue
        series = summary.name(group, without=(SEQ_LEN,), nothing="these runs")
        if threshold == RATE:
            of, told = group.tried, _rate(group, summary.asked)
        else:
            of, told = (
                sum(run.sought(threshold) for run in finished),
                _crossing(finished, threshold),
            )
        if of:  # else all ended at their goal: they did not fail to get below it
            points.append({"series": series, "T": int(finished[0].seq_len), "of": of, **told})
    return sorted(points, key=lambda point: (point["series"], point["T"]))


def _rate(group: Group, asked: str | None) -> dict[str, Any]:
    rate = group.rate
    ends = {"median": rate.estimate, "low": rate.low, "high": rate.high}
    words = f"{'solved' if asked is None else f'below {asked}'} {wording.rate(rate)}"
    return {**ends, "words": words, "crossed": group.succeeded, "runs": []}


def _crossing(finished: Sequence[Run], threshold: str) -> dict[str, Any]:
    point = crossing(finished, threshold)
    return {
        "median": _known(point.median.value),
        "low": _known(point.first_quartile.value),
        "high": _known(point.third_quartile.value),
        "words": f"median {wording.quantile(point.median)} ({wording.quartiles(point)})",
        "crossed": point.crossed,
        "runs": [_crossing_of(run, threshold) for run in finished],
    }


def _crossing_of(run: Run, threshold: str) -> dict[str, Any]:
    moment, crossed = time_to(run, threshold)
    gave_up = "diverged" if math.isinf(moment) else f"not within {wording.count(moment)} updates"
    if not run.sought(threshold):
        gave_up = f"ended at its goal after {wording.count(moment)} updates"
    words = f"{wording.count(moment)} updates" if crossed else gave_up
    at = moment if crossed else None
    return {"id": run.run_id, "seed": run.seed, "at": at, "words": words}


def near(
    lengths: Sequence[int], published: Sequence[Mapping[str, Any]], threshold: str
) -> list[Mapping[str, Any]]:
    """Choose the published points of a threshold whose T is within a factor of 4 of `lengths`."""
    low, high = min(lengths, default=0) / NEAR, max(lengths, default=0) * NEAR
    return [row for row in published if row["threshold"] == threshold and low <= row["T"] <= high]


def published_points() -> list[dict[str, Any]]:
    """Published rows to draw: updates to a threshold or that none got there, and success rates."""
    points = []
    for row in published_rows():
        if row.updates is not None or row.never:
            points.append(_published(row, row.threshold, row.updates))
        if row.solved is not None and row.runs is not None:
            points.append(_published(row, RATE, row.solved / row.runs))
    return points


def _published(row: PublishedRow, threshold: str, value: float | None) -> dict[str, Any]:
    return {
        "model": row.model,
        "source": row.source,
        "T": row.seq_len,
        "threshold": threshold,
        "median": value,
        "lines": [
            f"{row.model}, T = {row.seq_len}: {row.outcome or 'not reached'}",
            f"MSE < {row.threshold}, {row.hidden} units, marks {row.marks}, batch {row.batch}",
            f"{row.source} ({LABELS[row.label]})",
        ],
    }


def overfit_points(summary: Summary) -> list[dict[str, Any]]:
    """Final training and held-out loss of every finished run that has both."""
    return [
        {
            "group": index,
            "id": run.run_id,
            "seed": run.seed,
            "train": _significant(run.train_mse),
            "test": _significant(run.test_mse),
        }
        for index, group in enumerate(summary.groups)
        for run in group.finished
        if 0 < run.train_mse < 10 and 0 < run.test_mse < 10
    ]


def relative_link(folder: Path, out: Path) -> str:
    """Where a run folder lies as seen from the page, as a percent-encoded relative URL."""
    return quote(os.fsencode(Path(os.path.relpath(folder, out)).as_posix())) + "/"


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _significant(value: float) -> float:
    return float(f"{value:.3g}")


def _whole(values: Array) -> list[int]:
    whole: list[int] = values.astype(np.int64).tolist()
    return whole


def _rounded(values: Array) -> list[float | None]:
    """Three significant digits are more than a chart shows and keep the page small."""
    return [None if math.isnan(value) else float(f"{value:.3g}") for value in values.tolist()]
