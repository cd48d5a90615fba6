"""The figures of docs/reproduction.md, and each record's report."""

import re
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from claims import HEADINGS, ROOT, Claim, groups, shown
from claims import Run as Row
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from irnn.reporting.charts import chart_data
from irnn.reporting.curve import Array
from irnn.reporting.medians import median_curve
from irnn.reporting.page import render_page
from irnn.reporting.run import Run
from irnn.reporting.select import select
from irnn.reporting.summary import summarise
from irnn.system import curves, pictures
from irnn.system.curves import COLOURS

LOWEST = {False: 2e-4, True: 1e-7}
"""Where the axis of losses begins; a claim on overfitting looks at losses long after a run is solved."""
DASHES = ("-", (0, (4, 1.5)), "-.", (0, (1, 1)))
"""Medians that lie on each other show through each other's gaps."""
TOP = 1.0
"""Losses above run along the upper edge of a figure."""
UNSAID = re.compile(
    r"Written [-0-9]+ [:0-9]+ UTC|<style>.*?</style>|<script>.*?</script>", re.DOTALL
)
"""What a report says nothing with: when it was written, its style, its script (its numbers lie elsewhere)."""


def draw(claim: Claim, runs: Sequence[Row], target: Path) -> None:
    """Draw runs of a claim, held-out MSE against updates: seeds thin, medians thick, divergences crossed.

    For a claim on overfitting the training MSE as well: one colour for each of the two losses.
    """
    with pictures.own_settings({"savefig.dpi": 110}):
        figure(claim, runs).savefig(target, metadata={"Software": None})


def figure(claim: Claim, runs: Sequence[Row]) -> Figure:
    """Draw the figure of a claim, a panel beside the other."""
    by_id = {run.run_id: run for run in select([str(claim.folder)]).runs}
    panels = groups(runs, (claim.panel,))
    drawn = Figure(figsize=(1.5 + 4.6 * len(panels), 3.6), layout="constrained")
    label = "MSE" if claim.overfitting else "held-out MSE"
    ends = (LOWEST[claim.overfitting], 1.1 * TOP)
    score = curves.Score(label, [(1 / 6, "")], most=TOP, ends=ends)
    all_axes = drawn.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, ((panel,), members) in zip(all_axes, panels.items(), strict=True):
        curves.prepare(axes, score)
        for (name, (colour, curve, chosen)), dashes in zip(
            colours_of(claim, runs).items(), cycle(DASHES), strict=False
        ):
            if group := [by_id[run["run_id"]] for run in members if run["run_id"] in chosen]:
                look = {"label": name, "colour": colour, "dashes": dashes, "width": 2.2}
                draw_group(axes, group, curve, score, look)
        axes.locator_params(axis="x", nbins=5)
        if len(panels) > 1:
            axes.set_title(f"{HEADINGS.get(claim.panel, claim.panel)} {shown(panel)}", fontsize=9)
        axes.legend(fontsize=7, handlelength=3)
    for axes in all_axes[1:]:
        axes.set_ylabel("")
    return drawn


def colours_of(claim: Claim, runs: Sequence[Row]) -> dict[str, tuple[str, str, set[str]]]:
    """Say for each label its colour, the same in all panels, which curve it shows, and of which runs."""
    if claim.overfitting:
        everyone = {run["run_id"] for run in runs}
        losses = zip(COLOURS, ("train_curve", "curve"), ("training", "held-out"), strict=False)
        return {label: (colour, curve, everyone) for colour, curve, label in losses}
    heading = HEADINGS.get(claim.colour, claim.colour)
    return {
        f"{heading} {shown(value)}": (colour, "curve", {run["run_id"] for run in group})
        for colour, ((value,), group) in zip(
            COLOURS, groups(runs, (claim.colour,)).items(), strict=False
        )
    }


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


def report(claim: Claim) -> str:
    """Write what `python -m irnn.report` says of a claim's record, as a page that lies beside it."""
    loaded = select([str(claim.folder)])
    summary = summarise(loaded.runs)
    command = f"python -m irnn.report {claim.folder.relative_to(ROOT).as_posix()}"
    return render_page(loaded, [summary], None, chart_data(summary), claim.folder, command)


def same_report(one: str, other: str) -> bool:
    """Whether two reports say the same."""
    return UNSAID.sub("", one) == UNSAID.sub("", other)
