"""`curve.png`: how one run learned."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irnn.runs.files import write_atomically
from irnn.runs.metrics import read_records
from irnn.spec.config import Config
from irnn.system import curves, pictures
from irnn.tasks.base import Task
from irnn.tasks.metric import Metric, losses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HELD_OUT, _TRAINING = curves.COLOURS[0], curves.COLOURS[4]
_HELD_OUT_LINE = {"label": "held-out", "colour": _HELD_OUT, "width": 2.0}
_TRAINING_LINE = {"label": "training", "colour": _TRAINING, "width": 1.2}
_CEILING = 100.0
_ROOM = 1.8  # of the linear axis, in units of what the trivial answer scores
_MARGINS = {"left": 0.075, "right": 0.985, "bottom": 0.115, "top": 0.87, "wspace": 0.21}
"""Of the picture; matplotlib's search for the narrowest ones takes as long as all the rest of a short run."""
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
    picture = io.BytesIO()
    with pictures.own_settings():
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas: Any = FigureCanvasAgg(_figure(records, result, config, task))
        canvas.print_png(picture)
    write_atomically(target, picture.getbuffer())


def _figure(
    records: list[dict[str, Any]], result: dict[str, Any], config: Config, task: Task
) -> Figure:
    from matplotlib.figure import Figure

    metric = task.metric
    figure = Figure(figsize=(11, 4.6), dpi=120)
    linear, logarithmic = figure.subplots(1, 2, gridspec_kw=_MARGINS)
    trivial = (metric.loss_baseline, _words(metric, metric.loss_baseline))
    loss = curves.Score(_AXES[metric.loss], [trivial], ends=_log_ends(records, metric))
    curves.prepare(logarithmic, loss)
    _draw_losses(logarithmic, records, loss)
    if metric.name == "accuracy":
        share = (metric.baseline, _words(metric, metric.baseline))
        score = curves.Score(_AXES[metric.name], [share], higher=True, ends=(0, 1.02))
        curves.prepare(linear, score)
        held_out = [(r["step"], r.get(metric.key)) for r in records]
        _draw_line(linear, held_out, score, _HELD_OUT_LINE)
        curves.thresholds(linear, result["solved_at"], score, _HELD_OUT)
    else:
        score = replace(loss, log=False, ends=(0, _ROOM * metric.baseline))
        curves.prepare(linear, score)
        _draw_losses(linear, records, score)
        curves.thresholds(logarithmic, result["solved_at"], loss, _HELD_OUT)
        logarithmic.set_ylabel("")
    for axes in (linear, logarithmic):
        curves.explosions(axes, [event["step"] for event in result["divergences"]])
    linear.set_title("linear: leaving the plateau", fontsize=10, y=1)
    logarithmic.set_title("logarithmic: getting precise", fontsize=10, y=1)
    linear.legend(loc="best", fontsize=9, framealpha=0.95)
    figure.suptitle(_title(result, config, task), fontsize=11)
    return figure


def _draw_losses(axes: Axes, records: list[dict[str, Any]], score: curves.Score) -> None:
    for place, look in enumerate((_TRAINING_LINE, _HELD_OUT_LINE)):
        _draw_line(axes, [(r["step"], losses(r)[place]) for r in records], score, look)


def _draw_line(
    axes: Axes, points: curves.Points, score: curves.Score, look: dict[str, Any]
) -> None:
    """Draw what is known: not every record has both losses, so a missing one breaks nothing."""
    curves.line(axes, [point for point in points if point[1] is not None], score, **look)


def _words(metric: Metric, height: float) -> str:
    return f"{metric.baseline_meaning}: {height:.4g}"


def _log_ends(records: list[dict[str, Any]], metric: Metric) -> tuple[float, float] | None:
    drawn = [loss for record in records for loss in losses(record) if loss]
    if not drawn:
        return None
    lowest = min(min(drawn) / 2, 0.003 * metric.loss_baseline)
    return lowest, min(max(max(drawn) * 2, 3 * metric.loss_baseline), _CEILING)


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
