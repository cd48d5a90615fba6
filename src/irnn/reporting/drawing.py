"""How every figure of a report looks: its axes, its legend, its colours, its numbers."""

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

# Okabe & Ito's palette without its yellow, which thin lines on white lose.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":")
MARKERS = ("o", "s", "D", "v")
MOST_SERIES = len(COLOURS) * len(DASHES)

_DPI = 160
_LEGEND_WIDTH = 100  # characters of its font that the figure is wide
_LEGEND_LINE = 0.16  # inches
_TITLE_LETTERS = 15  # to an inch


def new_axes(
    width: float = 6.4, height: float = 3.8, names: Sequence[str] = ()
) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, tall enough for a legend of `names` below them."""
    lines = sum(len(_folded(name).splitlines()) for name in names) / _legend_columns(names)
    height += _LEGEND_LINE * math.ceil(lines)
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    return figure, figure.add_subplot()


def _legend_columns(names: Sequence[str]) -> int:
    longest = max(map(len, names), default=0)
    return max(1, min(3, _LEGEND_WIDTH // (min(longest, _LEGEND_WIDTH) + 8)))


def _folded(name: str) -> str:
    return textwrap.fill(name, _LEGEND_WIDTH)


def add_legend(figure: Figure, names: Sequence[str]) -> None:
    """Put the legend below the axes; the lines have the names as their labels."""
    legend = figure.legend(loc="outside lower center", ncols=_legend_columns(names), fontsize=7)
    for text in legend.get_texts():
        text.set_text(_folded(text.get_text()))


def add_title(axes: Axes, title: str) -> None:
    """Put a small title above the axes, folded to the width of the figure."""
    figure = axes.get_figure(root=True)
    width = int(_TITLE_LETTERS * figure.get_figwidth()) if figure else _LEGEND_WIDTH
    lines = [textwrap.fill(line, width) for line in title.splitlines()]
    axes.set_title("\n".join(lines), fontsize=8)


def style(index: int) -> tuple[str, str, str]:
    """Colour, dashes and marker of a series: what one of them repeats, another tells apart."""
    dash = DASHES[index // len(COLOURS) % len(DASHES)]
    return COLOURS[index % len(COLOURS)], dash, MARKERS[index % len(MARKERS)]


def say_left_out(axes: Axes, series: int) -> None:
    """More series than colours and dashes can tell apart are not drawn, and that is said."""
    if series > MOST_SERIES:
        axes.set_title(f"the first {MOST_SERIES} of {series}; choose with --where", fontsize=8)


def whole_numbers(axis: Any) -> None:
    """Write an axis in whole numbers with commas."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def plain_numbers(axis: Any) -> None:
    """Write a logarithmic axis as 0.01, not as a power."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
