"""Learning curves as every picture draws them: axes, trivial scores, lines, explosions, thresholds.

A run's `curve.png`, a report's figure, `irnn.learning_curve` and the figures of the documentation differ in
what they put side by side, and in nothing else. The page's script draws its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's palette without its yellow, which thin lines on white lose.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":")
MARKERS = ("o", "s", "D", "v")
EXPLOSION = "#D55E00"

_DECADE = 10
_MOST_TICKS, _TICK_STEPS = 8, (1, 2, 2.5, 5, 10)
_COARSE = 4  # of many curves every so manieth point

Points = Sequence[tuple[float, float | None]]
"""(update, score); None is a score that is not finite, and breaks the line."""


@dataclass(frozen=True)
class Score:
    """What stands on the vertical axis.

    Args:
        label: the axis's: "held-out MSE".
        trivial: what answers that ignore the input score, each with its words; "" keeps it out of the legend.
        higher: whether more is better: such a score is a share and has a linear axis.
        log: a logarithmic axis; it is ignored where more is better.
        most: scores above run along the top.
        ends: the axis's, where matplotlib is not to choose them.
    """

    label: str
    trivial: Sequence[tuple[float, str]] = ()
    higher: bool = False
    log: bool = True
    most: float = math.inf
    ends: tuple[float, float] | None = None


def prepare(axes: Axes, score: Score) -> None:
    """Give axes their scales, labels, numbers, and the lines of trivial answers."""
    from matplotlib.ticker import MaxNLocator

    for height, words in score.trivial:
        label = words or "_"
        axes.axhline(height, color="0.35", linestyle=(0, (5, 3)), linewidth=1, label=label)
    if score.log and not score.higher:
        axes.set_yscale("log")
    if score.ends:
        axes.set_ylim(*score.ends)
    axes.set_xlabel("updates")
    axes.set_ylabel(score.label)
    axes.xaxis.set_major_locator(MaxNLocator(_MOST_TICKS, integer=True, steps=_TICK_STEPS))
    axes.grid(visible=True, color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    whole_numbers(axes.xaxis)
    plain_numbers(axes.yaxis)


def line(
    axes: Axes,
    points: Points,
    score: Score,
    *,
    label: str,
    colour: str,
    dashes: Any = "-",
    width: float = 2.0,
) -> None:
    """Draw one curve; a single point, which no line shows, as a dot."""
    from irnn.system.pictures import plain_label

    drawn = _within(points, score)
    is_dot = sum(math.isfinite(y) for _, y in drawn) == 1
    axes.plot(
        [x for x, _ in drawn],
        [y for _, y in drawn],
        color=colour,
        linestyle=dashes,
        linewidth=width,
        marker="o" if is_dot else "",
        markersize=2 * width,
        label=plain_label(label),
    )


def seeds(
    axes: Axes,
    curves: Sequence[Points],
    score: Score,
    colours: Sequence[Any],
    *,
    many: bool = False,
    alpha: float = 0.4,
) -> None:
    """Draw the curves of single runs, thin; `many` of them coarser, for no printer shows them all."""
    from matplotlib.collections import LineCollection

    every = _COARSE if many else 1
    segments = [_within(points[::every], score) for points in curves]
    look: dict[str, Any] = {"linewidths": 0.6, "alpha": alpha, "antialiased": not many}
    thin = LineCollection(segments, colors=colours, **look)
    thin.set_rasterized(many)
    axes.add_collection(thin)
    axes.autoscale_view()


def explosion(axes: Axes, points: Points, at: float, score: Score, *, colour: str) -> None:
    """Cross a curve where its run diverged: at the last score that was finite by then, or at the top."""
    known = [y for x, y in _within(points, score) if x <= at and math.isfinite(y)]
    if not known and not math.isfinite(score.most):
        return
    axes.plot(
        [at], known[-1:] or [score.most], "x", color=colour, markersize=6, markeredgewidth=1.5
    )


def explosions(axes: Axes, steps: Sequence[float]) -> None:
    """Draw a line where the one run of the picture diverged, in the legend once."""
    style: dict[str, Any] = {"color": EXPLOSION, "linestyle": ":", "linewidth": 1.5}
    for number, step in enumerate(steps):
        axes.axvline(step, label=f"diverged ({len(steps)})" if number == 0 else "_", **style)


def thresholds(axes: Axes, crossed: Mapping[str, float | None], score: Score, colour: str) -> None:
    """Say at which update each threshold was passed first, and mark it on the axis at that height."""
    lines = [f"held-out first {'above' if score.higher else 'below'}"]
    for threshold, step in crossed.items():
        lines.append(f"{threshold:>7}  {'never' if step is None else f'at {step:,}'}")
        if step is not None:
            axes.plot(step, float(threshold), "o", color=colour, markersize=6)
    axes.text(
        0.03,
        0.04,
        "\n".join(lines),
        transform=axes.transAxes,
        family="monospace",
        fontsize=9,
        bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": "0.8", "alpha": 0.9},
    )


def style(index: int) -> tuple[str, str, str]:
    """Colour, dashes and marker of a series: what one of them repeats, another tells apart."""
    dash = DASHES[index // len(COLOURS) % len(DASHES)]
    return COLOURS[index % len(COLOURS)], dash, MARKERS[index % len(MARKERS)]


def whole_numbers(axis: Any) -> None:
    """Write an axis in whole numbers with commas."""
    axis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def plain_numbers(axis: Any) -> None:
    """Write a logarithmic axis as 0.01, not as a power, and between decades where it has only one."""

    def minor(value: float, _: object) -> str:
        low, high = sorted(axis.get_view_interval())
        return f"{value:g}" if low > 0 and high / low < _DECADE else ""

    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(minor)


def _within(points: Points, score: Score) -> list[tuple[float, float]]:
    nan = float("nan")
    return [(x, nan if y is None else min(y, score.most)) for x, y in points]
