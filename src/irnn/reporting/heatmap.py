"""Grids of two numeric settings: which pairs make one, and what stands in each cell."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from irnn.reporting import wording
from irnn.reporting.settings import UNCLEAR_ALONE, Value, order
from irnn.reporting.summary import Group, Summary

_MOST = 12
_FILLED = 0.6

# Six colours of the cividis map (Nunez, Anderton & Renslow 2018, PLOS ONE 13:e0199239), which
# reads the same with and without colour vision.
_RAMP = (
    (0, 34, 78),
    (53, 69, 108),
    (102, 105, 112),
    (148, 142, 119),
    (200, 184, 102),
    (254, 232, 56),
)


@dataclass(frozen=True)
class Heatmap:
    """Groups laid out over two settings; `title` names what is fixed, `cells` is sparse."""

    title: str
    row_label: str
    column_label: str
    rows: tuple[Value, ...]
    columns: tuple[Value, ...]
    cells: Mapping[tuple[Value, Value], Group]


@dataclass(frozen=True)
class Shading:
    """What the colour of a grid's cells means, in words, and a share from 0 (dark) to 1 (bright) of a group.

    `words` are what stands in a cell: a line, and one below it.
    """

    meaning: str
    share: Callable[[Group], float]
    words: Callable[[Group], tuple[str, str]]


def shading(summary: Summary) -> Shading:
    """Choose what tells the cells of a task's grids apart.

    Success rates, where they differ; where all are alike and somebody solves, the updates it took; else how
    good the held-out score got. Updates and scores are coloured by their place between the extremes,
    losses and updates on a logarithmic scale.
    """
    tried = [group for group in summary.groups if group.tried]
    rates = {group.rate.estimate for group in tried if group.goal}
    to_goal = f"median updates {summary.to_goal}"
    if len(rates) > 1:
        meaning = f"{summary.success}, dark 0 % to bright 100 %. Below the count: {to_goal}"
        return Shading(meaning, lambda group: group.rate.estimate, _count_and_updates)
    if any(rates):
        share = _between([_updates(group) for group in tried], is_less_better=True, log=True)
        meaning = f"{to_goal}, dark most to bright fewest"
        return Shading(meaning, lambda group: share(_updates(group)), _count_and_updates)
    scoring = summary.scoring
    share = _between([group.best for group in tried], not scoring.higher, log=not scoring.higher)

    def score_and_count(group: Group) -> tuple[str, str]:
        count = f"{group.succeeded} of {group.tried}" if group.goal else ""
        return wording.score(group.best, scoring), count

    counted = " Below it: how many of the runs succeeded" if rates else ""
    meaning = f"median of the best held-out {scoring.label}, dark worst to bright best.{counted}"
    return Shading(meaning.rstrip("."), lambda group: share(group.best), score_and_count)


def _updates(group: Group) -> float:
    return group.crossings[group.goal].median.value if group.goal else math.nan


def _count_and_updates(group: Group) -> tuple[str, str]:
    median = wording.quantile(group.crossings[group.goal].median) if group.goal else ""
    return f"{group.succeeded} of {group.tried}", median


def _between(values: Sequence[float], is_less_better: bool, log: bool) -> Callable[[float], float]:
    """Where a value lies between the extremes of `values`: 0 at the worst, and beyond it, 1 at the best."""

    def scaled(value: float) -> float:
        return math.log(value) if log and value > 0 else -math.inf if log else value

    known = [scaled(value) for value in values if math.isfinite(value)]
    known = [value for value in known if math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)

    def share(value: float) -> float:
        if not math.isfinite(value):
            return 0.0
        place = 0.5 if low == high else min(1.0, max(0.0, (scaled(value) - low) / (high - low)))
        return 1 - place if is_less_better else place

    return share


def heatmaps(summary: Summary) -> tuple[list[Heatmap], int]:
    """Every grid of two numeric settings, and how many more there were than the twelve kept.

    A pair counts as a grid when both settings take two values or more and most cells are filled;
    the other settings that vary give one grid each.
    """
    numeric = [index for index in range(len(summary.keys)) if _is_numeric(summary, index)]
    found = []
    for row, column in itertools.combinations(numeric, 2):
        facets: dict[tuple[Value, ...], list[Group]] = {}
        for group in summary.groups:
            rest = tuple(v for i, v in enumerate(group.values) if i not in (row, column))
            facets.setdefault(rest, []).append(group)
        axes = (summary.keys[row], summary.keys[column])
        for groups in facets.values():
            title = summary.name(groups[0], without=axes, nothing="")
            grid = _grid(title, groups, summary.labels, row, column)
            if grid is not None:
                found.append(grid)
    return found[:_MOST], max(0, len(found) - _MOST)


def _is_numeric(summary: Summary, index: int) -> bool:
    if summary.keys[index].split(".")[0] in UNCLEAR_ALONE:
        return False  # how long and how often to look: no axis of an experiment
    values = {group.values[index] for group in summary.groups}
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    return bool(numbers) and values <= {*numbers, None}


def _grid(
    title: str, groups: Sequence[Group], names: Sequence[str], row: int, column: int
) -> Heatmap | None:
    cells = {(group.values[row], group.values[column]): group for group in groups}
    rows = tuple(sorted({key[0] for key in cells}, key=order))
    columns = tuple(sorted({key[1] for key in cells}, key=order))
    if min(len(rows), len(columns)) < 2 or len(cells) < _FILLED * len(rows) * len(columns):
        return None
    return Heatmap(title, names[row], names[column], rows, columns, cells)


def ramp(share: float) -> tuple[str, str]:
    """Background and legible text colour, as CSS, for a share between 0 and 1."""
    position = min(1.0, max(0.0, share)) * (len(_RAMP) - 1)
    low = min(int(position), len(_RAMP) - 2)
    part = position - low
    mixed = [a + part * (b - a) for a, b in zip(_RAMP[low], _RAMP[low + 1], strict=True)]
    text = "#000000" if share > 0.47 else "#ffffff"
    return f"rgb({', '.join(f'{channel:.0f}' for channel in mixed)})", text
