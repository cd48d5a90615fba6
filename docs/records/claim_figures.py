"""The figures of docs/reproduction.md, and each record's report."""

import re
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from claims import HEADINGS, ROOT, Claim, groups, shown
from claims import Run as Row

from irnn.reporting.charts import chart_data
from irnn.reporting.drawing import COLOURS
from irnn.reporting.medians import median_curve
from irnn.reporting.page import render_page
from irnn.reporting.run import Run
from irnn.reporting.select import select
from irnn.reporting.summary import summarise

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
    import matplotlib.pyplot as plt

    curves = {run.run_id: run for run in select([str(claim.folder)]).runs}
    panels = groups(runs, (claim.panel,))
    lines = colours_of(claim, runs)
    figure, axes = plt.subplots(
        1, len(panels), figsize=(1.5 + 4.6 * len(panels), 3.6), sharey=True, squeeze=False
    )
    for axis, ((panel,), members) in zip(axes[0], panels.items(), strict=True):
        for (label, (colour, curve, chosen)), dashes in zip(
            lines.items(), cycle(DASHES), strict=False
        ):
            if group := [run for run in members if run["run_id"] in chosen]:
                own = [curves[run["run_id"]] for run in group]
                draw_group(axis, own, curve, colour, dashes, label)
        axis.axhline(1 / 6, color="0.4", linestyle="--", linewidth=0.8)
        axis.set(yscale="log", ylim=(LOWEST[claim.overfitting], 1.1 * TOP), xlabel="updates")
        axis.locator_params(axis="x", nbins=5)
        axis.xaxis.set_major_formatter("{x:,.0f}")
        if len(panels) > 1:
            axis.set_title(f"{HEADINGS.get(claim.panel, claim.panel)} {shown(panel)}", fontsize=9)
        axis.legend(fontsize=7, handlelength=3)
    axes[0][0].set_ylabel("MSE" if claim.overfitting else "held-out MSE")
    figure.tight_layout()
    figure.savefig(target, dpi=110)
    plt.close(figure)


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
    axis: Any, runs: Sequence[Run], curve: str, colour: str, dashes: Any, label: str
) -> None:
    """Draw the seeds of one group, and their median."""
    steps, held_out, training = median_curve(runs)
    median = {"curve": held_out, "train_curve": training}[curve]
    style = {"color": colour, "linestyle": dashes, "linewidth": 2.2}
    axis.plot(steps, np.minimum(median, TOP), label=label, **style)
    for run in runs:
        values = {"curve": run.curve.value, "train_curve": run.curve.train_loss}[curve]
        known = np.isfinite(values)
        points = run.curve.step[known], np.minimum(values[known], TOP)
        axis.plot(*points, color=colour, linewidth=0.6, alpha=0.4)
        if run.status == "diverged":
            end = points[0][-1], points[1][-1]
            axis.plot(*end, "x", color=colour, markersize=6, markeredgewidth=1.5)


def report(claim: Claim) -> str:
    """Write what `python -m irnn.report` says of a claim's record, as a page that lies beside it."""
    loaded = select([str(claim.folder)])
    summary = summarise(loaded.runs)
    command = f"python -m irnn.report {claim.folder.relative_to(ROOT).as_posix()}"
    return render_page(loaded, [summary], None, chart_data(summary), claim.folder, command)


def same_report(one: str, other: str) -> bool:
    """Whether two reports say the same."""
    return UNSAID.sub("", one) == UNSAID.sub("", other)
