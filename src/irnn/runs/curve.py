"""`curve.png`: how one run learned."""

import io
from pathlib import Path
from typing import Any

from irnn import pictures
from irnn.config import Config
from irnn.runs.files import write_atomically
from irnn.runs.metrics import read_records

_HELD_OUT, _TRAINING, _EVENT = "#0072B2", "#E69F00", "#D55E00"  # Okabe & Ito's colours
_BASELINE = 1 / 6
_CEILING = 100.0


def draw(metrics: Path, result: dict[str, Any], config: Config, target: Path) -> None:
    """Draw held-out and training MSE against updates, linear and logarithmic, and write a PNG."""
    records = read_records(metrics)
    with pictures.own_settings():
        picture = _picture(records, result, config)
    write_atomically(target, picture.getbuffer())


def _picture(records: list[dict[str, Any]], result: dict[str, Any], config: Config) -> io.BytesIO:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), dpi=120, layout="constrained")
    linear, logarithmic = figure.subplots(1, 2)
    for axes in (linear, logarithmic):
        _draw_losses(axes, records)
        _draw_events(axes, result["divergences"])
        axes.set_xlabel("updates")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(color="0.92")
        axes.spines[["top", "right"]].set_visible(False)
    linear.set_ylabel("mean squared error")
    linear.set_ylim(0, 0.3)
    linear.set_title("linear: leaving the plateau", fontsize=10)
    logarithmic.set_yscale("log")
    logarithmic.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    _limit_log_axis(logarithmic, records)
    logarithmic.set_title("logarithmic: getting precise", fontsize=10)
    _draw_thresholds(logarithmic, result["solved_at"])
    linear.legend(loc="upper right", fontsize=9, framealpha=0.95)
    figure.suptitle(_title(result, config), fontsize=11)
    picture = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(picture)
    return picture


def _draw_losses(axes: Any, records: list[dict[str, Any]]) -> None:
    for key, label, color, width in (
        ("train_mse", "training", _TRAINING, 1.2),
        ("test_mse", "held-out", _HELD_OUT, 2.0),
    ):
        points = [(r["step"], r[key]) for r in records if r[key] is not None]
        if points:
            axes.plot(*zip(*points, strict=True), label=label, color=color, linewidth=width)
    axes.axhline(
        _BASELINE, color="0.35", linestyle="--", linewidth=1, label="always answering 1: 1/6"
    )


def _draw_events(axes: Any, events: list[dict[str, Any]]) -> None:
    for number, event in enumerate(events):
        label = f"diverged ({len(events)})" if number == 0 else None
        axes.axvline(event["step"], color=_EVENT, linestyle=":", linewidth=1.5, label=label)


def _draw_thresholds(axes: Any, solved_at: dict[str, int | None]) -> None:
    lines = ["held-out first below"]
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


def _limit_log_axis(axes: Any, records: list[dict[str, Any]]) -> None:
    losses = [r[key] for r in records for key in ("train_mse", "test_mse") if r[key]]
    if losses:
        axes.set_ylim(min(min(losses) / 2, 5e-4), min(max(max(losses) * 2, 0.5), _CEILING))


def _title(result: dict[str, Any], config: Config) -> str:
    clip = "no clipping" if config.clip.max_norm is None else f"clip {config.clip.max_norm:g}"
    init = config.init.name.value.replace("_", " ")
    gain = "" if config.init.gain is None else f" x {config.init.gain:g}"
    return (
        f"Adding problem, T = {config.task.seq_len}: {config.model.hidden_size}-unit "
        f"{config.model.name.value}, {init}{gain}, {config.optim.name.value} "
        f"lr {config.optim.lr:g}, {clip}, seed {config.seed}: {result['status']}"
    )
