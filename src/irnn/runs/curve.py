"""`curve.png`: how one run learned."""

import io
from pathlib import Path
from typing import Any

from irnn.runs.files import write_atomically
from irnn.runs.metrics import read_records
from irnn.spec.config import Config
from irnn.system import pictures
from irnn.tasks.base import Task
from irnn.tasks.metric import Metric, losses

_HELD_OUT, _TRAINING, _EVENT = "#0072B2", "#E69F00", "#D55E00"  # Okabe & Ito's colours
_CEILING = 100.0
_ROOM = 1.8  # of the linear axis, in units of what the trivial answer scores
_AXES = {
    "mse": "mean squared error",
    "cross_entropy": "cross-entropy in nats",
    "accuracy": "accuracy",
}


def draw(metrics: Path, result: dict[str, Any], config: Config, task: Task, target: Path) -> None:
    """Draw what a run's records say against updates, once to see it leave the plateau and once in logarithms.

    On the left is the metric, linear; on the right the loss, logarithmic.
    """
    records = read_records(metrics)
    with pictures.own_settings():
        picture = _picture(records, result, config, task)
    write_atomically(target, picture.getbuffer())


def _picture(
    records: list[dict[str, Any]], result: dict[str, Any], config: Config, task: Task
) -> io.BytesIO:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    metric = task.metric
    figure = Figure(figsize=(11, 4.6), dpi=120, layout="constrained")
    linear, logarithmic = figure.subplots(1, 2)
    for axes in (linear, logarithmic):
        _draw_events(axes, result["divergences"])
        axes.set_xlabel("updates")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
    linear.set_ylabel(_AXES[metric.name])
    if metric.name == "accuracy":
        _draw_accuracy(linear, records, metric)
    else:
        _draw_losses(linear, records, metric)
        linear.set_ylim(0, _ROOM * metric.baseline)
    linear.set_title("linear: leaving the plateau", fontsize=10)
    _draw_losses(logarithmic, records, metric)
    logarithmic.set_yscale("log")
    logarithmic.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _limit_log_axis(logarithmic, records, metric)
    if metric.name == "accuracy":
        logarithmic.set_ylabel(_AXES[metric.loss])
    logarithmic.set_title("logarithmic: getting precise", fontsize=10)
    _draw_thresholds(
        linear if metric.name == "accuracy" else logarithmic, result["solved_at"], metric
    )
    linear.legend(loc="best", fontsize=9, framealpha=0.95)
    figure.suptitle(_title(result, config, task), fontsize=11)
    picture = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(picture)
    return picture


def _draw_losses(axes: Any, records: list[dict[str, Any]], metric: Metric) -> None:
    for place, (label, color, width) in enumerate(
        (("training", _TRAINING, 1.2), ("held-out", _HELD_OUT, 2.0))
    ):
        _draw_line(axes, [(r["step"], losses(r)[place]) for r in records], label, color, width)
    _draw_baseline(axes, metric.loss_baseline, metric)


def _draw_accuracy(axes: Any, records: list[dict[str, Any]], metric: Metric) -> None:
    points = [(r["step"], r.get(metric.key)) for r in records]
    _draw_line(axes, points, "held-out", _HELD_OUT, 2.0)
    _draw_baseline(axes, metric.baseline, metric)
    axes.set_ylim(0, 1.02)


def _draw_line(
    axes: Any, points: list[tuple[int, float | None]], label: str, color: str, width: float
) -> None:
    known = [point for point in points if point[1] is not None]
    if known:
        axes.plot(*zip(*known, strict=True), label=label, color=color, linewidth=width)


def _draw_baseline(axes: Any, height: float, metric: Metric) -> None:
    label = f"{metric.baseline_meaning}: {height:.4g}"
    axes.axhline(height, color="0.35", linestyle="--", linewidth=1, label=label)


def _draw_events(axes: Any, events: list[dict[str, Any]]) -> None:
    for number, event in enumerate(events):
        label = f"diverged ({len(events)})" if number == 0 else None
        axes.axvline(event["step"], color=_EVENT, linestyle=":", linewidth=1.5, label=label)


def _draw_thresholds(axes: Any, solved_at: dict[str, int | None], metric: Metric) -> None:
    lines = [f"held-out first {'above' if metric.better == 'higher' else 'below'}"]
    for threshold, step in solved_at.items():
        lines.append(f"{threshold:>7}  {'never' if step is None else f'at {step:,}'}")
        if step is not None:
            axes.plot(step, float(threshold), "o", color=_HELD_OUT, markersize=6)
    axes.text(
        0.03,
        0.04,
        "\n".join(lines),
        transform=axes.transAxes,
        family="monospace",
        fontsize=9,
        bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": "0.8", "alpha": 0.9},
    )


def _limit_log_axis(axes: Any, records: list[dict[str, Any]], metric: Metric) -> None:
    drawn = [loss for record in records for loss in losses(record) if loss]
    if drawn:
        lowest = min(min(drawn) / 2, 0.003 * metric.loss_baseline)
        highest = min(max(max(drawn) * 2, 3 * metric.loss_baseline), _CEILING)
        axes.set_ylim(lowest, highest)


def _title(result: dict[str, Any], config: Config, task: Task) -> str:
    clip = "no clipping" if config.clip.max_norm is None else f"clip {config.clip.max_norm:g}"
    init = config.init.name.replace("_", " ")
    gain = getattr(config.init, "gain", None)  # which of a plug-in may be anything
    scale = f" x {gain:g}" if isinstance(gain, int | float) else ""
    return (
        f"{task.title}, T = {config.task.seq_len}: {config.model.hidden_size}-unit "
        f"{config.model.name}, {init}{scale}, {config.optim.name} "
        f"lr {config.optim.lr:g}, {clip}, seed {config.seed}: {result['status']}"
    )
