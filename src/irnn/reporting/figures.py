"""The charts of the page as PNG and SVG for a paper."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import NullFormatter

from irnn.reporting.drawing import MOST_SERIES, add_legend, left_out, new_axes
from irnn.reporting.heatmap import Heatmap, Shading, heatmaps, ramp, shading
from irnn.reporting.length_points import near
from irnn.reporting.settings import show
from irnn.reporting.summary import Summary
from irnn.system import curves, pictures
from irnn.system.atomic import replacing
from irnn.system.curves import plain_numbers, style, whole_numbers

_VARYING = ("grid_[0-9]", "updates_to_*")
_NAMES = ("learning_curves", "training_against_held_out", *_VARYING)
_TOP = 10.0
_MANY_RUNS = 60
_MOST_GRIDS = 4
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "svg.hashsalt": "irnn",
    "axes.spines.top": False,
    "axes.grid": True,
}
STYLE |= {"axes.spines.right": False, "grid.linewidth": 0.4, "legend.frameon": False}


def clear_figures(folder: Path, names: Sequence[str] = _NAMES) -> None:
    """Remove the pictures of a report that had more of them, other tasks or another threshold."""
    for name in names:
        for old in folder.glob(f"{name}.*"):
            old.unlink()


def write_figures(summary: Summary, data: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw every figure the runs of a task allow into `folder`, as PNG and SVG; give back their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    clear_figures(folder, _VARYING)
    draw: dict[str, Callable[[], Figure]] = {"learning_curves": lambda: learning_curves(data)}
    if data["lengths"].get(summary.drawn):
        draw[f"updates_to_{summary.drawn}"] = lambda: _lengths(data)
    if data["overfit"]:
        draw["training_against_held_out"] = lambda: _overfitting(data)
    for number, grid in enumerate(heatmaps(summary)[0][:_MOST_GRIDS]):
        draw[f"grid_{number}"] = partial(_grid, grid, shading(summary))
    written = []
    for name, make in draw.items():
        with pictures.own_settings(STYLE):
            figure = make()
            # What savefig does, without drawing everything once more to find out its size.
            picture, drawing = folder / f"{name}.png", folder / f"{name}.svg"
            canvases: tuple[Any, Any] = (FigureCanvasAgg(figure), FigureCanvasSVG(figure))
            with replacing(picture) as path:
                canvases[0].print_png(path, metadata={"Software": None})
            with replacing(drawing) as path:
                canvases[1].print_svg(path, metadata={"Date": None})
            written += [picture, drawing]
    return written


def learning_curves(data: Mapping[str, Any]) -> Figure:
    """Draw what `chart_data` gives: seeds thin, medians of groups thick, within `own_settings(STYLE)`."""
    found: Sequence[Mapping[str, Any]] = data["groups"]
    groups, metric = found[:MOST_SERIES], data["metric"]
    names = [group["name"] for group in groups]
    figure, axes = new_axes(names=names, title=left_out(len(found)))
    trivial = [(each["at"], "") for each in metric["baselines"]]
    score = curves.Score(f"held-out {metric['name']}", trivial, metric["higher"], most=_TOP)
    curves.prepare(axes, score)
    runs = [
        (style(index)[0], run, _points(run))
        for index, group in enumerate(groups)
        for run in group["runs"]
    ]
    shown = [(colour, points) for colour, _, points in runs if points]
    many = len(shown) > _MANY_RUNS
    colours = [colour for colour, _ in shown]
    curves.seeds(axes, [points for _, points in shown], score, colours, many=many)
    for index, group in enumerate(groups):
        colour, dashes, _ = style(index)
        look: Any = {"label": group["name"], "colour": colour, "dashes": dashes, "width": 1.5}
        curves.line(axes, _points(group["median"]), score, **look)
    for colour, run, points in runs:
        for at, _ in run["e"]:
            curves.explosion(axes, points, at, score, colour=colour)
    axes.set_xlim(left=0)
    add_legend(figure, names)
    return figure


def _points(curve: Mapping[str, Any]) -> curves.Points:
    return list(zip(curve["s"], curve["h"], strict=True))


def _lengths(data: Mapping[str, Any]) -> Figure:
    threshold = data["threshold"]
    points = data["lengths"][threshold]
    names = list(dict.fromkeys(point["series"] for point in points))[:MOST_SERIES]
    series_found = len({point["series"] for point in points})
    figure, axes = new_axes(names=names, title=left_out(series_found))
    published = near([p["T"] for p in points], data["published"], threshold)
    known = [p["median"] for p in [*points, *published] if p["median"] is not None]
    known += [p["high"] for p in points if p["high"] is not None]
    never = 2.2 * max(known, default=1e4)
    ticks = sorted({row["T"] for row in [*points, *published]})
    width = max(2.0, ticks[-1] / ticks[0])
    _draw_published(axes, published, never)
    for index, series in enumerate(names):
        colour, dash, marker = style(index)
        # Side by side, not one upon the other, and still clearly at their own T.
        aside = width ** (min(0.005, 0.05 / len(names)) * (2 * index - len(names) + 1))
        own = [point for point in points if point["series"] == series]
        reached = [point for point in own if point["median"] is not None]
        ends = [
            (p["median"] - p["low"], (never if p["high"] is None else p["high"]) - p["median"])
            for p in reached
        ]
        axes.errorbar(
            [p["T"] * aside for p in reached],
            [p["median"] for p in reached],
            list(zip(*ends, strict=True)) or None,
            fmt=marker,
            ls=dash,
            ms=5,
            color=colour,
            label=pictures.plain_label(series),
        )
        missed = [point["T"] * aside for point in own if point["median"] is None]
        axes.plot(missed, [never] * len(missed), "^", ms=5, color=colour)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.axhline(never / 1.25, color="0.8", linewidth=0.6)
    right = axes.get_yaxis_transform()
    place: dict[str, Any] = {"transform": right, "ha": "right", "va": "bottom"}
    axes.text(0.995, never / 1.22, "not reached", fontsize=7, color="0.35", **place)
    axes.set_xlim(ticks[0] / width**0.06, ticks[-1] * width**0.13)
    apart = max(1.15, width**0.08)
    kept: list[int] = []
    for tick in ticks:
        kept += [tick] if not kept or tick / kept[-1] > apart else []
    axes.set_xticks(kept)
    axes.xaxis.set_minor_formatter(NullFormatter())
    whole_numbers(axes.xaxis)
    whole_numbers(axes.yaxis)
    axes.set_xlabel("sequence length T")
    metric = data["metric"]
    axes.set_ylabel(f"updates to held-out {metric['name']} {metric['sign']} {threshold}")
    add_legend(figure, names)
    return figure


def _draw_published(axes: Axes, published: Sequence[Mapping[str, Any]], never: float) -> None:
    grey: dict[str, Any] = {"color": "0.45", "markerfacecolor": "white", "markersize": 5}
    for model in dict.fromkeys((row["model"], row["source"]) for row in published):
        rows = [row for row in published if (row["model"], row["source"]) == model]
        reached = [row for row in rows if row["median"] is not None]
        missed = [row["T"] for row in rows if row["median"] is None]
        x, y = [row["T"] for row in reached], [row["median"] for row in reached]
        axes.plot(x, y, ":d", linewidth=0.9, **grey)
        axes.plot(missed, [never] * len(missed), "^", **grey)
        place = (x[-1], y[-1]) if reached else (missed[-1], never)
        axes.annotate(model[0], place, (5, 4), textcoords="offset points", color="0.35", fontsize=7)


def _overfitting(data: Mapping[str, Any]) -> Figure:
    points = [point for point in data["overfit"] if point["group"] < MOST_SERIES]
    shown = sorted({point["group"] for point in points})
    names = [data["groups"][index]["name"] for index in shown]
    groups = len({point["group"] for point in data["overfit"]})
    figure, axes = new_axes(names=names, title=left_out(groups))
    values = [point[name] for point in points for name in ("train", "test")]
    ends = (min(values) / 1.3, max(values) * 1.3)
    axes.plot(ends, ends, color="black", linewidth=0.8, linestyle=(0, (5, 3)))
    for index, name in zip(shown, names, strict=True):
        colour, _, marker = style(index)
        own = [point for point in points if point["group"] == index]
        train, test = ([point[side] for point in own] for side in ("train", "test"))
        axes.scatter(
            train,
            test,
            s=18,
            marker=marker,
            label=pictures.plain_label(name),
            facecolors="none",
            edgecolors=colour,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    loss = data["metric"]["loss"]
    axes.set_xlabel(f"final training {loss}")
    axes.set_ylabel(f"final held-out {loss}")
    plain_numbers(axes.xaxis)
    plain_numbers(axes.yaxis)
    add_legend(figure, names)
    return figure


def _grid(grid: Heatmap, shade: Shading) -> Figure:
    title = "\n".join(part for part in (grid.title, shade.meaning.replace(". ", "\n")) if part)
    width = max(3.2, 1.4 + 0.8 * len(grid.columns))
    figure, axes = new_axes(width, 0.9 + 0.5 * len(grid.rows), title=title)
    axes.grid(visible=False)
    for row, column in grid.cells:
        group = grid.cells[row, column]
        if not group.tried:
            continue
        x, y = grid.columns.index(column), grid.rows.index(row)
        back, text = ramp(shade.share(group))
        channels = tuple(int(part) / 255 for part in back[4:-1].split(","))
        axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fc=channels, ec="white"))
        axes.text(
            x,
            y,
            "\n".join(shade.words(group)).strip(),
            ha="center",
            va="center",
            fontsize=7,
            color=text,
        )
    axes.set_xticks(range(len(grid.columns)), [show(value) for value in grid.columns])
    axes.set_yticks(range(len(grid.rows)), [show(value) for value in grid.rows])
    axes.set_xlim(-0.5, len(grid.columns) - 0.5)
    axes.set_ylim(len(grid.rows) - 0.5, -0.5)
    axes.set_xlabel(grid.column_label)
    axes.set_ylabel(grid.row_label)
    return figure
