"""Groups side by side: the numbers of each, and how sure the difference of two success rates is."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

from irnn.reporting import wording
from irnn.reporting.compare import Comparison
from irnn.reporting.contenders import contenders
from irnn.reporting.outcomes import final_score
from irnn.reporting.settings import show
from irnn.reporting.statistics import Interval, fisher_exact, newcombe
from irnn.reporting.summary import Group, Summary

_MOST = 60
"""Groups of which every pair is tested; of more the page would carry too many sentences."""


def side_by_side(summary: Summary) -> dict[str, Any]:
    """What the page needs to hold any two groups side by side.

    `rows` names the rows, `groups` has each group's cells in their order: words `w`, where it is one the
    number `n` with the unit `u` of a difference, and `s` for a setting, which is shown where it differs.
    `pairs` has for the numbers of two groups, `"0-3"`, what their success rates tell, the second held against
    the first and the other way round.
    """
    scoring = summary.scoring
    rows = [*summary.labels, "finished runs", summary.success]
    rows += [f"updates to {threshold}, median" for threshold in summary.thresholds]
    rows += [
        f"held-out {scoring.label} at the end, median",
        f"best held-out {scoring.label}, median",
    ]
    rows += ["seconds, median", "updates per second, median"]
    pairs = {}
    if len(summary.groups) <= _MOST:
        for (i, a), (j, b) in itertools.combinations(enumerate(summary.groups), 2):
            pairs[f"{i}-{j}"] = _sentences(a, b)
    return {
        "rows": rows,
        "groups": [_cells(group, summary) for group in summary.groups],
        "pairs": pairs,
    }


def opened(summary: Summary, comparison: Comparison | None) -> tuple[int, int]:
    """Choose the groups that stand side by side at first: of the comparison's sides, or of the best two.

    A side may have several groups, one for each length of the task, say. Its best one is taken, and of the
    other side the one that differs least from it.
    """
    best, other = summary.ranked[:2]
    if comparison is not None:
        two = [comparison.a.runs, comparison.b.runs]
    else:
        two = [each.runs for each in contenders(summary)[:2]]
    ids = [{run.run_id for run in runs} for runs in two]
    sides = [
        [i for i in summary.ranked if any(run.run_id in side for run in summary.groups[i].runs)]
        for side in ids
    ]
    if len(sides) < 2 or not all(sides):
        return best, other
    best = sides[0][0]

    def same(index: int) -> int:
        values = zip(summary.groups[best].values, summary.groups[index].values, strict=True)
        return sum(one == another for one, another in values)

    return best, max((index for index in sides[1] if index != best), key=same, default=other)


def _cells(group: Group, summary: Summary) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = [{"w": show(value), "s": True} for value in group.values]
    cells.append({"w": str(len(group.finished))})
    rate = {"w": f"{group.succeeded} of {group.tried}: {wording.rate(group.rate)}", "u": " points"}
    cells.append({**rate, "n": _known(100 * group.rate.estimate)})
    for threshold in summary.thresholds:
        crossing = group.crossings[threshold]
        cells.append({"w": wording.quantile(crossing.median), "n": _known(crossing.median.value)})
    scores: Sequence[float] = (final_score(group.finished), group.best)
    cells += [{"w": wording.score(each, summary.scoring), "n": _known(each)} for each in scores]
    cells.append({"w": wording.duration(group.seconds), "n": _known(group.seconds)})
    speed = group.steps_per_second
    return [*cells, {"w": wording.speed(speed), "n": _known(speed)}]


def _sentences(a: Group, b: Group) -> list[str]:
    """What the success rates of two groups tell: B minus A, and A minus B."""
    if not a.tried or not b.tried:
        return ["One of them has no finished run."] * 2
    margins = (b.succeeded, b.tried, a.succeeded, a.tried)
    apart, p = newcombe(*margins), wording.p_value(fisher_exact(*margins))
    back = Interval(0.0 - apart.estimate, 0.0 - apart.high, 0.0 - apart.low)
    return [
        f"Success rate, second minus first: {100 * each.estimate:+.0f} points (95 % interval "
        f"{100 * each.low:+.0f} to {100 * each.high:+.0f}; Fisher's exact test: {p})."
        for each in (apart, back)
    ]


def _known(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None
