"""How every figure of a report is laid out: its axes, its title, its legend."""

import io
import math
import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from irnn.system.curves import COLOURS, DASHES

MOST_SERIES = len(COLOURS) * len(DASHES)

_DPI = 160
_LEGEND_WIDTH = 100  # characters of its font that the figure is wide
_LEGEND_INCHES, _LETTER, _HANDLE = 6.2, 0.0525, 0.45
_TITLE_LETTERS = 15  # to an inch
# Margins in inches around the axes: laying out by measuring every text takes a third of the time.
_LEFT, _RIGHT, _BOTTOM, _TOP, _LINE = 0.78, 0.12, 0.5, 0.1, 0.165


class Picture(Figure):
    """A figure that a notebook shows, with any backend of matplotlib."""

    def _repr_png_(self) -> bytes:
        content = io.BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()


def new_axes(
    width: float = 6.4, height: float = 3.8, names: Sequence[str] = (), title: str = ""
) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, with room below for a legend of `names`."""
    titles = [
        line
        for part in title.splitlines()
        for line in textwrap.wrap(part, int(_TITLE_LETTERS * width))
    ]
    lines = sum(len(_folded(name).splitlines()) for name in names) / _legend_columns(names)
    below = _BOTTOM + _LINE * math.ceil(lines)
    above = _TOP + _LINE * len(titles)
    total = height + below - _BOTTOM + above - _TOP
    figure = Picture(figsize=(width, total), dpi=_DPI)
    axes = figure.add_axes(
        (
            _LEFT / width,
            below / total,
            1 - (_LEFT + _RIGHT) / width,
            1 - (below + above) / total,
        )
    )
    axes.set_title("\n".join(titles), fontsize=8)
    return figure, axes


def left_out(series: int) -> str:
    """Say as a title that more series than colours and dashes can tell apart are not drawn."""
    return f"the first {MOST_SERIES} of {series}; choose with --where" * (series > MOST_SERIES)


def _legend_columns(names: Sequence[str]) -> int:
    longest = max(map(len, names), default=0)
    return max(1, min(3, int(_LEGEND_INCHES / (_LETTER * longest + _HANDLE))))


def _folded(name: str) -> str:
    return textwrap.fill(name, _LEGEND_WIDTH)


def add_legend(figure: Figure, names: Sequence[str]) -> None:
    """Put the legend below the axes; the lines have the names as their labels."""
    legend = figure.legend(loc="lower center", ncols=_legend_columns(names), fontsize=7)
    for text in legend.get_texts():
        text.set_text(_folded(text.get_text()))
