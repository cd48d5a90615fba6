"""The table on screen."""

import time
from collections.abc import Sequence

from rich.console import Group as Stack
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from irnn.reporting import wording
from irnn.reporting.compare import Comparison, about
from irnn.reporting.run import COUNTED, Loaded, Run
from irnn.reporting.scoring import UNKNOWN
from irnn.reporting.settings import show
from irnn.reporting.summary import Summary
from irnn.reporting.sweeps import Job
from irnn.reporting.text import counted
from irnn.reporting.verdict import verdict

_BETWEEN = 3  # a column's share of lines and blanks


def render(
    loaded: Loaded,
    summaries: Sequence[Summary],
    warnings: Sequence[str],
    width: int,
    comparison: Comparison | None = None,
) -> RenderableType:
    """Build everything shown on screen: for each task shared settings, table and verdict, then cautions.

    A screen narrower than `width` gets as many thresholds as fit, the goal first.
    """
    parts: list[RenderableType] = [Text(headline(loaded), style="bold")]
    if loaded.sweep is not None and loaded.sweep.command:
        parts += [Text(line, style="dim") for line in loaded.sweep.command.splitlines()]
    for summary in summaries:
        if len(summaries) > 1 or summary.scoring.kind != UNKNOWN.kind:
            parts.append(
                Text(("\n" * (len(summaries) > 1)) + summary.scoring.description(), style="bold")
            )
        parts += _task(summary, width)
        own = about(summary.runs, comparison)
        parts.append(Text(verdict(summary, own), style="bold"))
    parts += [Text(line) for line in (*_unfinished(loaded.runs), *_left(loaded.left))]
    parts += [Text(f"warning: {line}", style="yellow") for line in warnings]
    return Stack(*parts)


def _task(summary: Summary, width: int) -> list[RenderableType]:
    """Build what is shown of one task."""
    parts: list[RenderableType] = []
    known = {key: value for key, value in summary.constant.items() if value is not None}
    if known:
        constant = ", ".join(f"{key}={show(value)}" for key, value in known.items())
        parts.append(Text(f"all runs: {constant}", style="dim"))
    parts += [Text(line, style="dim") for line in summary.follows]
    return [*parts, _fitting(summary, width)]


def headline(loaded: Loaded) -> str:
    """Count the runs by status in one line, and what of a sweep is left to start."""
    if loaded.awaited:
        return f"Waiting: {loaded.awaited}"
    runs, skipped, left = loaded.runs, len(loaded.skipped), len(loaded.left)
    counts = {status: sum(run.status == status for run in runs) for status in COUNTED}
    words = [f"{n} {status}" for status, n in counts.items() if n]
    words += [f"{left} left"] if left else []
    words += [f"{skipped} skipped"] if skipped else []
    name = f"{loaded.sweep.name}: " if loaded.sweep is not None else ""
    return f"{name}{counted(len(runs), 'run')}: {', '.join(words) or 'none yet'}"


def _fitting(summary: Summary, width: int) -> Table:
    """The table with as many thresholds as fit into `width`: the goal first, then what is drawn.

    Where one is too many, speeds are left out for it.
    """
    order = dict.fromkeys(
        name
        for name in (summary.asked, summary.goal, summary.drawn, *summary.thresholds)
        if name in summary.thresholds
    )
    shown: Sequence[str] = summary.thresholds
    table = _table(summary, shown, fold=False)
    for count in range(len(order), 0, -1):
        if _width(table) <= width:
            break
        kept = list(order)[:count]
        shown = [name for name in summary.thresholds if name in kept]
        table = _table(summary, shown, fold=True)
    return table if _width(table) <= width else _table(summary, shown, fold=True, speed=False)


def _width(table: Table) -> int:
    """How wide the table must be for no word or number to be cut; headers fold between words."""
    words = [
        [
            *str(column.header).split(),
            *(line for cell in column.cells for line in str(cell).split("\n")),
        ]
        for column in table.columns
    ]
    return 1 + sum(_BETWEEN + max(map(len, each), default=0) for each in words)


def _table(summary: Summary, thresholds: Sequence[str], *, fold: bool, speed: bool = True) -> Table:
    table = Table(
        caption="rates and times are over finished runs; interval: Wilson 95 %; "
        "updates: median and quartiles, runs that never crossed counted as later than any",
        caption_justify="left",
    )
    for label in summary.labels:
        table.add_column(Text(label))
    shown = summary.statuses
    for name in ("runs", *shown):
        table.add_column(name, justify="right")
    table.add_column(summary.success, justify="right")
    scored = summary.scoring.higher or any(group.goal is None for group in summary.groups)
    if scored:  # how good it got is what is asked, not when it got good enough
        table.add_column(f"best {summary.scoring.label}", justify="right")
    for threshold in thresholds:
        table.add_column(f"updates to {threshold}", justify="right")
    table.add_column("time", justify="right", no_wrap=True)
    if speed:
        table.add_column("updates/s", justify="right", no_wrap=True)
    for group in summary.groups:
        cells = [show(value) for value in group.values]
        cells += [str(len(group.runs)), *(str(group.counts[status]) for status in shown)]
        rate = "-" if group.goal is None else wording.rate(group.rate)
        cells.append(rate.replace(" (", "\n(") if fold else rate)
        if scored:
            cells.append(wording.best_score(group.best, summary.scoring))
        cells += [wording.crossing(group.crossings[threshold]) for threshold in thresholds]
        cells.append(wording.duration(group.seconds))
        cells += [wording.speed(group.steps_per_second)] if speed else []
        table.add_row(*map(Text, cells))
    return table


def _unfinished(runs: Sequence[Run], most: int = 8) -> list[str]:
    running = sorted((run for run in runs if run.awaited), key=lambda run: -run.last_written)
    running += [run for run in runs if not run.finished and not run.awaited]
    lines = [
        f"unfinished: {run.run_id} at update {wording.count(run.steps)}, held-out "
        f"{wording.score(run.value, run.scoring)}, {_last_written(run)}"
        for run in running[:most]
    ]
    left = len(running) - most
    return [*lines, f"and {left} more unfinished"] if left > 0 else lines


def _last_written(run: Run) -> str:
    if not run.awaited:
        return f"when {run.log} was made"
    return f"last written {wording.duration(max(0.0, time.time() - run.last_written))} ago"


def _left(jobs: Sequence[Job], most: int = 4) -> list[str]:
    lines = [f"left to start: {' '.join(job.overrides) or job.run_id}" for job in jobs[:most]]
    more = len(jobs) - most
    return [*lines, f"and {more} more left"] if more > 0 else lines
