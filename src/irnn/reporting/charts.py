"""The numbers behind the charts, as plain data for the page's script and for the figures."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from irnn.reporting import wording
from irnn.reporting.curve import MOST_STEPS, Array
from irnn.reporting.medians import median_curve, median_of
from irnn.reporting.run import Run
from irnn.reporting.scoring import Scoring
from irnn.reporting.settings import ABSENT, SEQ_LEN, Value, labels
from irnn.reporting.sides import side_by_side
from irnn.reporting.summary import DRAWN, Group, Summary, crossing, time_to
from irnn.tasks.published_rows import SOURCES, PublishedRow, rows_of

RATE = "rate"
NEAR = 4
MOST_BASELINES = 6
"""Lines of trivial answers on a chart."""


def page_data(summaries: Sequence[Summary]) -> dict[str, Any]:
    """Everything the page and the pictures draw: of one task its own data, of several {"tasks": [...]}."""
    return _one_or_several([chart_data(summary) for summary in summaries])


def outline(summaries: Sequence[Summary]) -> dict[str, Any]:
    """What `page_data` gives, of each run only its id and what the others make of it; and no medians."""
    return _one_or_several(
        [{**_around(each), "groups": _groups(each, lambda _: {})} for each in summaries]
    )


def _one_or_several(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return each[0] if len(each) == 1 else {"tasks": each}


def chart_data(summary: Summary) -> dict[str, Any]:
    """Everything the page and the pictures draw of a task; None where a number is missing or not finite."""
    groups = _groups(summary, run_data)
    for group, told in zip(summary.groups, groups, strict=True):
        told["median"] = _median(group, summary.scoring)
    return {**_around(summary), "groups": groups}


def _around(summary: Summary) -> dict[str, Any]:
    """What is drawn of a task beside its curves."""
    return {
        "mark": summary.mark,
        "metric": _metric(summary),
        "keys": varying(summary),
        "lengths": {name: lengths(summary, name) for name in (*summary.thresholds, RATE)},
        "thresholds": list(summary.thresholds),
        "goal": summary.goal,
        "sides": side_by_side(summary),
        "threshold": summary.drawn,
        "success": summary.success,
        "published": published_points(summary.scoring),
        "near": NEAR,
        "drawn": DRAWN,
        "overfit": overfit_points(summary),
    }


def _groups(summary: Summary, tell: Callable[[Run], dict[str, Any]]) -> list[dict[str, Any]]:
    keys = varying(summary)
    return [
        {
            "name": summary.name(group),
            "index": style,
            "runs": [tell(run) | _placed(run, keys, summary.thresholds) for run in group.runs],
        }
        for group, style in zip(summary.groups, summary.styles, strict=True)
    ]


def _placed(
    run: Run, keys: Sequence[Mapping[str, Any]], thresholds: Sequence[str]
) -> dict[str, Any]:
    """What a run is among the others: its values of the settings that differ, its crossings."""
    return {
        "id": run.run_id,
        "v": [_plain(run.settings.get(each["key"], ABSENT)) for each in keys],
        "at": [run.reached(threshold) for threshold in thresholds],
    }


def _metric(summary: Summary) -> dict[str, Any]:
    """What the score is called, and the lines that trivial answers draw: one for each that differs."""
    scoring = summary.scoring
    lines = {
        one.baseline: {
            "at": one.baseline,
            "label": f"{one.trivial()}: always {one.baseline_meaning}",
        }
        for one in summary.scorings
        if math.isfinite(one.baseline)
    }
    return {
        "name": scoring.label,
        "loss": scoring.loss_label,
        "higher": scoring.higher,
        "sign": scoring.sign,
        "baselines": list(lines.values())[:MOST_BASELINES],
    }


def _median(group: Group, scoring: Scoring) -> dict[str, Any]:
    """The group's median, for the pictures; the page makes its own of the groups that its reader chooses."""
    steps, held_out, training = median_curve(group.runs)
    median = {
        "s": _whole(steps),
        "h": _rounded(held_out, 4 if scoring.higher else 3),
        "t": _rounded(training),
    }
    if not scoring.is_loss:
        median["l"] = _rounded(median_of(group.runs, steps, "test_loss"))
    return median


def varying(summary: Summary) -> list[dict[str, Any]]:
    """The settings that differ, by which the page can group: those that name the groups come with `on`."""
    keys = [*summary.keys, *(key for key in summary.varying if key not in summary.keys)]
    names = labels(keys)
    return [
        {"key": key, "label": names[key], "on": key in summary.naming}
        for key in sorted(keys, key=lambda key: key not in summary.naming)
    ]


def run_data(run: Run) -> dict[str, Any]:
    """What the page knows of a run: its curve, by short names that `assets/runs.js` explains."""
    curve, digits = run.curve, 4 if run.scoring.higher else 3
    lost = {} if run.scoring.is_loss else {"l": _rounded(curve.test_loss)}
    return {
        "id": run.run_id,
        "seed": run.seed,
        "status": run.status,
        "b": run.settings.get("batch_size"),
        "p": _share(run.epochs, run.steps),
        "n": run.steps,
        "s": _whole(curve.step),
        "h": _rounded(curve.value, digits),
        "t": _rounded(curve.train_loss),
        **lost,
        "x": _times(run),
        **{name: _rounded(values) for name, values in curve.extras.items() if _is_told(values)},
        "e": [[event.step, event.reason] for event in run.divergences],
    }


def _plain(value: Value) -> Value:
    return value if value is None or isinstance(value, bool | int | str) else float(f"{value:g}")


def _share(part: float, whole: float) -> float | None:
    return float(f"{part / whole:.6g}") if whole > 0 and math.isfinite(part) else None


def _times(run: Run) -> list[float | None]:
    """The seconds at each point; of a record, which has none, in proportion to its updates."""
    known = run.curve.time
    if not np.isfinite(known).any() and run.steps > 0:
        known = run.curve.step * (run.seconds / run.steps)
    return _rounded(known, 5)


def _is_told(values: Array) -> bool:
    return bool(np.isfinite(values).any())


def lengths(summary: Summary, threshold: str) -> list[dict[str, Any]]:
    """Updates to `threshold`, or success rates, against T; a series for each other setting."""
    points = []
    for group in summary.groups:
        finished = group.finished
        if not finished or not 0 < finished[0].seq_len <= MOST_STEPS:
            continue
        series = summary.name(group, without=(SEQ_LEN,), nothing="these runs")
        if threshold == RATE:
            of, told = group.tried, _rate(group, summary)
        else:
            of, told = (
                sum(run.sought(threshold) for run in finished),
                _crossing(finished, threshold),
            )
        if of:  # else all ended at their goal: they did not fail to get below it
            points.append({"series": series, "T": int(finished[0].seq_len), "of": of, **told})
    return sorted(points, key=lambda point: (point["series"], point["T"]))


def _rate(group: Group, summary: Summary) -> dict[str, Any]:
    rate, asked = group.rate, summary.asked
    ends = {"median": rate.estimate, "low": rate.low, "high": rate.high}
    words = f"{'solved' if asked is None else summary.success} {wording.rate(rate)}"
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


def overfit_points(summary: Summary) -> list[dict[str, Any]]:
    """Final training and held-out loss of every finished run that has both."""
    return [
        {
            "group": index,
            "id": run.run_id,
            "seed": run.seed,
            "train": _significant(run.train_loss),
            "test": _significant(run.test_loss),
        }
        for index, group in enumerate(summary.groups)
        for run in group.finished
        if 0 < run.train_loss < 10 and 0 < run.test_loss < 10
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


def _rounded(values: Array, digits: int = 3) -> list[float | None]:
    """Few significant digits are more than a chart shows and keep the page small."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = digits - 1 - np.floor(np.log10(np.abs(values)))
    places = np.clip(np.where(np.isfinite(places), places, 0), -22, 22)  # 10 to these is exact
    up, down = 10.0 ** np.maximum(places, 0), 10.0 ** np.maximum(-places, 0)
    rounded: list[float | None] = (np.round(values * up / down) / up * down).tolist()
    return [None if math.isnan(value) else value for value in rounded]  # type: ignore[arg-type]
