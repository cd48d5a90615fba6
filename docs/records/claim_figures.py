"""The figures of docs/reproduction.md and docs/suite.md."""

from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from claims import CLAIMS, HEADINGS, Claim, groups, scoring, setting, shown
from claims import Run as Row
from contender import CONTENDER, CONTENDERS
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from irnn.reporting.curve import Array
from irnn.reporting.medians import median_curve
from irnn.reporting.run import Run
from irnn.reporting.select import select
from irnn.system import curves, pictures
from irnn.system.curves import COLOURS

LOWEST = {False: 2e-4, True: 1e-7}
"""Where the axis of losses begins; a claim on overfitting looks at losses long after a run is solved."""
DASHES: tuple["Dash", ...] = ("-", (0, (4, 1.5)), "-.", (0, (1, 1)))
"""Medians that lie on each other show through each other's gaps."""
Dash = str | tuple[int, tuple[float, ...]]
Line = tuple[str, Dash, str, set[str]]
"""A colour, dashes, which curve it shows, and of which runs."""
OVERVIEW = (
    ("order", "task.seq_len", 200, "temporal order, T = 200"),
    ("copy", "task.seq_len", 100, "copy memory, T = 100"),
    ("pixels", "task.permutation", None, "digits pixel by pixel"),
    ("pixels", "task.permutation", 0, "digits, permuted"),
)
"""The panels of the suite's figure: of which claim, which of its runs, and what they are called."""
TOP = 1.0
"""Losses above run along the upper edge of a figure."""


def draw(claim: Claim, runs: Sequence[Row], target: Path) -> None:
    """Draw runs of a claim, held-out score against updates: seeds thin, medians thick, divergences crossed.

    For a claim on overfitting the training MSE as well: one colour for each of the two losses.
    """
    save(lambda: figure(claim, runs), target)


def draw_overview(target: Path) -> None:
    """Draw who learns which task of the suite."""
    save(overview, target)


def save(make: Callable[[], Figure], target: Path) -> None:
    """Draw a figure under our own settings and write it."""
    with pictures.own_settings({"savefig.dpi": 110}):
        make().savefig(target, metadata={"Software": None})


def figure(claim: Claim, runs: Sequence[Row]) -> Figure:
    """Draw the figure of a claim, a panel beside the other."""
    panels = groups(runs, (claim.panel,))
    drawn = Figure(figsize=(1.5 + 4.6 * len(panels), 3.6), layout="constrained")
    lines = colours_of(claim, runs)
    all_axes = drawn.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, ((panel,), members) in zip(all_axes, panels.items(), strict=True):
        draw_panel(axes, claim, members, lines)
        if len(panels) > 1:
            axes.set_title(f"{HEADINGS.get(claim.panel, claim.panel)} {shown(panel)}", fontsize=9)
    for axes in all_axes[1:]:
        axes.set_ylabel("")
    return drawn


def overview() -> Figure:
    """Give each task of the suite a panel, and each contender one colour in all of them."""
    drawn = Figure(figsize=(3.4 * len(OVERVIEW), 3.6), layout="constrained")
    all_axes = drawn.subplots(1, len(OVERVIEW))
    named: dict[str, Any] = {}
    for axes, (name, key, value, title) in zip(all_axes, OVERVIEW, strict=True):
        claim = CLAIMS[name]
        axes.set_title(title, fontsize=9)
        if runs := [run for run in claim.runs() if setting(run, key) == value]:
            draw_panel(axes, claim, runs, colours_of(claim, runs))
            axes.get_legend().remove()
            named |= {
                who: line for line, who in zip(*axes.get_legend_handles_labels(), strict=True)
            }
    shown_in_order = {who: named[who] for who in CONTENDERS if who in named}
    drawn.legend(
        shown_in_order.values(), shown_in_order, loc="outside lower center", ncols=len(named),
        fontsize=8, handlelength=3.2, frameon=False,
    )  # fmt: skip
    return drawn


def draw_panel(axes: Axes, claim: Claim, runs: Sequence[Row], lines: Mapping[str, Line]) -> None:
    """Draw some runs of a claim into one panel, in groups as `lines` say."""
    by_id = {run.run_id: run for run in select([str(claim.folder)]).runs}
    score = axis_of(claim, runs[0])
    curves.prepare(axes, score)
    for name, (colour, dashes, curve, chosen) in lines.items():
        if group := [by_id[run["run_id"]] for run in runs if run["run_id"] in chosen]:
            look = {"label": name, "colour": colour, "dashes": dashes, "width": 2.2}
            draw_group(axes, group, curve, score, look)
    axes.locator_params(axis="x", nbins=5)
    axes.legend(fontsize=7, handlelength=3)


def axis_of(claim: Claim, run: Row) -> curves.Score:
    """Give the axis of scores: an MSE by its logarithm, a share and a cross-entropy to scale."""
    scored = scoring(run)
    label = scored.label if claim.overfitting else f"held-out {scored.label}"
    if scored.higher:
        most, ends = 1.0, (0.0, 1.02)
    elif scored.name == "mse":
        most, ends = TOP, (LOWEST[claim.overfitting], 1.1 * TOP)
    else:
        most, ends = np.inf, (0.0, 1.5 * scored.baseline)
    trivial = [(scored.baseline, "")]
    return curves.Score(label, trivial, scored.higher, scored.name == "mse", most, ends)


def colours_of(claim: Claim, runs: Sequence[Row]) -> dict[str, Line]:
    """Say for each label its colour, the same in all panels, which curve it shows, and of which runs."""
    if claim.overfitting:
        everyone = {run["run_id"] for run in runs}
        losses = {"training": "train_curve", "held-out": "curve"}
        looks = zip(COLOURS, DASHES, losses.items(), strict=False)
        return {label: (*look, curve, everyone) for *look, (label, curve) in looks}
    found = {value: group for (value,), group in groups(runs, (claim.colour,)).items()}
    places = CONTENDERS if claim.colour == CONTENDER else [*found]
    heading = "" if claim.colour == CONTENDER else HEADINGS.get(claim.colour, claim.colour)
    return {
        f"{heading} {shown(value)}".strip(): (colour, dashes, "curve", ids(found[value]))
        for value, colour, dashes in zip(places, cycle(COLOURS), cycle(DASHES), strict=False)
        if value in found
    }


def ids(runs: Sequence[Row]) -> set[str]:
    """Name these runs."""
    return {run["run_id"] for run in runs}


def draw_group(
    axes: Axes, runs: Sequence[Run], curve: str, score: curves.Score, look: dict[str, Any]
) -> None:
    """Draw the seeds of one group, and their median."""
    steps, held_out, training = median_curve(runs)
    median = {"curve": held_out, "train_curve": training}[curve]
    own = [
        points(run.curve.step, run.curve.value if curve == "curve" else run.curve.train_loss)
        for run in runs
    ]
    curves.seeds(axes, own, score, [look["colour"]] * len(own))
    curves.line(axes, points(steps, median), score, **look)
    for run, each in zip(runs, own, strict=True):
        if run.status == "diverged":
            curves.explosion(axes, each, each[-1][0], score, colour=look["colour"])


def points(steps: Array, values: Array) -> curves.Points:
    """Pair a curve's updates with its losses, as far as they are finite."""
    known = np.isfinite(values)
    return list(zip(steps[known].tolist(), values[known].tolist(), strict=True))
