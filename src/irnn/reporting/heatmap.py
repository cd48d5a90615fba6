"""Grids of two numeric settings: which pairs make one, and what stands in each cell."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
