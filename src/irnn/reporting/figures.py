"""The charts of the page as PNG and SVG for a paper."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter

from irnn.reporting import wording
from irnn.reporting.heatmap import Heatmap, heatmaps, ramp
from irnn.reporting.settings import show
from irnn.reporting.summary import Summary

# Okabe & Ito's palette without its yellow, which thin lines on white lose.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":")
THRESHOLD = "0.05"

_TOP = 10.0
_MANY_RUNS = 60
_MOST_GRIDS = 4
_MOST_SERIES = len(COLOURS) * len(DASHES)
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "svg.hashsalt": "irnn",
    "axes.spines.top": False,
    "axes.grid": True,
}
_STYLE |= {"axes.spines.right": False, "grid.linewidth": 0.4, "legend.frameon": False}


def write_figures(summary: Summary, data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw every figure the runs allow into `folder`, as PNG and SVG; give back their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    draw: dict[str, Callable[[], Figure]] = {"learning_curves": lambda: _curves(data["groups"])}
    if any(data["lengths"].values()):
        draw[f"updates_to_{THRESHOLD}"] = lambda: _lengths(data)
    if data["overfit"]:
        draw["training_against_held_out"] = lambda: _overfitting(data["overfit"])
    for number, grid in enumerate(heatmaps(summary)[0][:_MOST_GRIDS]):
        draw[f"grid_{number}"] = partial(_grid, grid)
    written = []
    for name, make in draw.items():
        with rc_context(_STYLE):
            figure = make()
            for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
                path = folder / f"{name}.{ending}"
                figure.savefig(path, dpi=160, metadata=metadata)
                written.append(path)
    return written


def _axes(width: float = 6.4, height: float = 3.8) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _style(index: int) -> tuple[str, str]:
    return COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % len(DASHES)]


def _line(steps: Sequence[float], values: Sequence[float | None]) -> list[tuple[float, float]]:
    """Pairs to draw; a loss that is not finite breaks the line, a huge one runs along the top."""
    nan = float("nan")
    return [(s, nan if v is None else min(v, _TOP)) for s, v in zip(steps, values, strict=True)]


def _curves(groups: Sequence[Mapping[str, Any]]) -> Figure:
    figure, axes = _axes()
    _say_left_out(axes, len(groups))
    groups = groups[:_MOST_SERIES]
    runs = [(run, index) for index, group in enumerate(groups) for run in group["runs"]]
    many = (
        len(runs) > _MANY_RUNS
    )  # drawn coarser: no printer resolves them, no SVG viewer opens them
    every = 4 if many else 1
    seeds = [_line(run["s"][::every], run["h"][::every]) for run, _ in runs]
    colours = [_style(index)[0] for _, index in runs]
    thin = LineCollection(seeds, colors=colours, linewidths=0.5, alpha=0.45, antialiased=not many)
    thin.set_rasterized(many)
    axes.add_collection(thin)
    for index, group in enumerate(groups):
        colour, dash = _style(index)
        median = _line(group["median"]["s"], group["median"]["h"])
        axes.plot(
            [x for x, _ in median], [y for _, y in median], dash, color=colour, label=group["name"]
        )
        for run in group["runs"]:
            finite = [min(value, _TOP) for value in run["h"] if value is not None]
            for at, _ in run["e"]:
                axes.plot([at], finite[-1:] or [_TOP], "x", color=colour, markersize=5)
    axes.axhline(1 / 6, color="black", linewidth=0.8, linestyle=(0, (5, 3)))
    axes.set_yscale("log")
    axes.autoscale_view()
    axes.set_xlim(left=0)
    axes.set_xlabel("updates")
    axes.set_ylabel("held-out MSE")
    _number_axis(axes.xaxis)
    _legend(figure)
    return figure


def _lengths(data: Mapping[str, Any]) -> Figure:
    figure, axes = _axes()
    points = data["lengths"][THRESHOLD]
    published = [row for row in data["published"] if row["threshold"] == THRESHOLD]
    known = [p["median"] for p in [*points, *published] if p["median"] is not None]
    never = 2.2 * max(known, default=1e4)
    for model in dict.fromkeys((row["model"], row["source"]) for row in published):
        rows = [row for row in published if (row["model"], row["source"]) == model]
        reached = [row for row in rows if row["median"] is not None]
        x, y = [row["T"] for row in reached], [row["median"] for row in reached]
        axes.plot(x, y, ":d", color="0.45", markerfacecolor="white", markersize=5, linewidth=0.9)
        axes.annotate(
            model[0], (x[-1], y[-1]), (5, 4), textcoords="offset points", color="0.35", fontsize=7
        )
        for row in rows:
            if row["median"] is None:
                axes.plot(row["T"], never, "^", color="0.45", markerfacecolor="white")
    names = list(dict.fromkeys(point["series"] for point in points))
    _say_left_out(axes, len(names))
    for index, series in enumerate(names[:_MOST_SERIES]):
        colour, dash = _style(index)
        own = [point for point in points if point["series"] == series]
        medians = [never if p["median"] is None else p["median"] for p in own]
        low = [
            m - (never if p["low"] is None else p["low"]) for p, m in zip(own, medians, strict=True)
        ]
        high = [
            (never if p["high"] is None else p["high"]) - m
            for p, m in zip(own, medians, strict=True)
        ]
        lengths = [point["T"] for point in own]
        axes.errorbar(lengths, medians, (low, high), fmt="o", ls=dash, color=colour, label=series)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.axhline(never / 1.25, color="0.8", linewidth=0.6)
    axes.text(
        0.995,
        never / 1.22,
        "not reached",
        transform=axes.get_yaxis_transform(),
        ha="right",
        va="bottom",
        fontsize=7,
        color="0.35",
    )
    ticks = sorted({row["T"] for row in [*points, *published]})
    axes.set_xticks([T for i, T in enumerate(ticks) if i == 0 or T / ticks[i - 1] > 1.3])
    axes.xaxis.set_minor_formatter(NullFormatter())
    _number_axis(axes.xaxis)
    _number_axis(axes.yaxis)
    axes.set_xlabel("sequence length T")
    axes.set_ylabel(f"updates to held-out MSE < {THRESHOLD}")
    _legend(figure)
    return figure


def _overfitting(points: Sequence[Mapping[str, Any]]) -> Figure:
    figure, axes = _axes(4.2, 3.8)
    values = [point[name] for point in points for name in ("train", "test")]
    ends = (min(values) / 1.3, max(values) * 1.3)
    axes.plot(ends, ends, color="black", linewidth=0.8, linestyle=(0, (5, 3)))
    colours = [_style(point["group"])[0] for point in points]
    train, test = ([point[name] for point in points] for name in ("train", "test"))
    axes.scatter(train, test, s=18, facecolors="none", edgecolors=colours)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("final training MSE")
    axes.set_ylabel("final held-out MSE")
    return figure


def _grid(grid: Heatmap) -> Figure:
    figure, axes = _axes(1.4 + 0.8 * len(grid.columns), 0.9 + 0.5 * len(grid.rows))
    axes.grid(visible=False)
    for row, column in grid.cells:
        group = grid.cells[row, column]
        if not group.finished:
            continue
        x, y = grid.columns.index(column), grid.rows.index(row)
        back, text = ramp(group.rate.estimate)
        channels = tuple(int(part) / 255 for part in back[4:-1].split(","))
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fc=channels, ec="white"))
        median = wording.quantile(group.crossings["0.001"].median)
        words = f"{group.counts['solved']}/{len(group.finished)}\n{median}"
        axes.text(x, y, words, ha="center", va="center", fontsize=7, color=text)
    axes.set_xticks(range(len(grid.columns)), [show(value) for value in grid.columns])
    axes.set_yticks(range(len(grid.rows)), [show(value) for value in grid.rows])
    axes.set_xlim(-0.5, len(grid.columns) - 0.5)
    axes.set_ylim(len(grid.rows) - 0.5, -0.5)
    axes.set_xlabel(grid.column_label)
    axes.set_ylabel(grid.row_label)
    axes.set_title(
        f"solved, and median updates to 0.001{': ' * bool(grid.title)}{grid.title}", fontsize=8
    )
    return figure


def _say_left_out(axes: Axes, series: int) -> None:
    """More series than colours and dashes can tell apart are not drawn, and that is said."""
    if series > _MOST_SERIES:
        axes.set_title(f"the first {_MOST_SERIES} of {series}; choose with --where", fontsize=8)


def _number_axis(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}".replace(",", " ")))


def _legend(figure: Figure) -> None:
    figure.legend(loc="outside lower center", ncols=3, fontsize=7)
