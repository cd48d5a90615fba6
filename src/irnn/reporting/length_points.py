"""Points of the chart against T: updates to a threshold or success rates, and published rows."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from irnn.reporting import wording
from irnn.reporting.curve import MOST_STEPS
from irnn.reporting.outcomes import crossing, time_to
from irnn.reporting.run import Run
from irnn.reporting.scoring import Scoring
from irnn.reporting.settings import SEQ_LEN
from irnn.reporting.summary import Group, Summary
from irnn.runs.files import json_ready
from irnn.tasks.published_rows import SOURCES, PublishedRow, rows_of

RATE = "rate"
NEAR = 4
"""Published rows within this factor of the lengths at hand are shown at first."""


def lengths(summary: Summary, threshold: str) -> list[dict[str, Any]]:
    """Updates to `threshold`, or success rates, against T; a series for each other setting."""
    points = []
    for group in summary.groups:
        finished = group.finished
        if not finished or not 0 < finished[0].seq_len <= MOST_STEPS:
            continue
        series = summary.name(group, without=(SEQ_LEN,), nothing="these runs")
        if threshold == RATE:
            of, values = group.tried, _rate(group, summary)
        else:
            of, values = (
                sum(run.sought(threshold) for run in finished),
                _crossing(finished, threshold),
            )
        if of:  # else all ended at their goal: they did not fail to get below it
            points.append({"series": series, "T": int(finished[0].seq_len), "of": of, **values})
    return sorted(points, key=lambda point: (point["series"], point["T"]))


def _rate(group: Group, summary: Summary) -> dict[str, Any]:
    rate, asked = group.rate, summary.asked
    ends = {"median": rate.estimate, "low": rate.low, "high": rate.high}
    words = f"{'solved' if asked is None else summary.success} {wording.rate(rate)}"
    return {**ends, "words": words, "crossed": group.succeeded, "runs": []}


def _crossing(finished: Sequence[Run], threshold: str) -> dict[str, Any]:
    point = crossing(finished, threshold)
    return {
        "median": json_ready(point.median.value),
        "low": json_ready(point.first_quartile.value),
        "high": json_ready(point.third_quartile.value),
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


def published_points(scoring: Scoring) -> list[dict[str, Any]]:
    """Published rows of a task to draw: updates to a threshold or that none got there, and success rates.

    Rows of another metric than the runs' are none to draw beside them.
    """
    points = []
    for row in rows_of(scoring.task):
        if row.metric != scoring.name:
            continue
        if row.updates is not None or row.never:
            points.append(_published(row, row.threshold, row.updates))
        if row.solved is not None and row.runs is not None:
            points.append(_published(row, RATE, row.solved / row.runs))
    return points


def _published(row: PublishedRow, threshold: str, value: float | None) -> dict[str, Any]:
    given = {
        "units": row.hidden,
        "batch": row.batch,
        "optimizer": row.optimizer,
    }
    setup = [row.variant, *(f"{name} {each}" for name, each in given.items() if each)]
    return {
        "model": row.model,
        "source": row.source,
        "T": row.seq_len,
        "threshold": threshold,
        "of": row.threshold,
        "median": value,
        "lines": [
            f"{row.model}, T = {row.seq_len}: {row.outcome}",
            ", ".join(filter(None, setup)),
            f"{row.source} ({SOURCES[row.label]})" + f"; {row.note}" * bool(row.note),
        ],
    }
