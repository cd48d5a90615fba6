"""The numbers behind the charts, as plain data for the page's script and for the figures."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from irnn.reporting.curve import Array
from irnn.reporting.length_points import NEAR, RATE, lengths, published_points
from irnn.reporting.medians import median_curve, median_of
from irnn.reporting.run import Run
from irnn.reporting.scoring import Scoring
from irnn.reporting.settings import ABSENT, Value, labels
from irnn.reporting.sides import side_by_side
from irnn.reporting.summary import DRAWN, Group, Summary

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
    for group, made in zip(summary.groups, groups, strict=True):
        made["median"] = _median(group, summary.scoring)
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
        **{name: _rounded(values) for name, values in curve.extras.items() if _is_known(values)},
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


def _is_known(values: Array) -> bool:
    return bool(np.isfinite(values).any())


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
