"""The page's lists of runs, the commands that make them again, and where they came from."""

import html
import math
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from irnn.reporting import wording
from irnn.reporting.charts import relative_link
from irnn.reporting.markup import cell, sort_key, table
from irnn.reporting.provenance import census
from irnn.reporting.reproduce import asked, commands
from irnn.reporting.run import Loaded, Run
from irnn.reporting.scoring import UNKNOWN
from irnn.reporting.summary import Summary

_MOST_COMMANDS = 12
_UNESCAPED = "!*'()"  # by encodeURIComponent


def runs(loaded: Loaded, summaries: Sequence[Summary], out: Path) -> str:
    """What to type to get all runs again, then every run folder by group, with its own command."""
    return "".join(
        (_asked(loaded), *(_of_task(each, out, len(summaries) > 1) for each in summaries))
    )


def _of_task(summary: Summary, out: Path, several: bool) -> str:
    parts = []
    scoring = summary.scoring
    scores = ["held-out", "best", "training"]
    if scoring.kind != UNKNOWN.kind:
        scores = [f"held-out {scoring.label}", "best", f"training {scoring.loss_label}"]
    names = [("run", True), ("status", True), ("seed", False), ("updates", False)]
    names += [(f"to {threshold}", False) for threshold in summary.thresholds]
    names += [(n, False) for n in (*scores, "time", "updates/s")]
    names += [("command", True)]
    for number, group in enumerate(summary.groups):
        listed = "".join(_command(line) for line in commands(group.runs))
        rows = [_run_row(run, out, summary.thresholds) for run in group.runs]
        name = f"task={scoring.task}, " * several + summary.name(group)
        plural = "s" * (len(group.runs) != 1)
        parts.append(
            f'<details id="runs{summary.mark}-{number}"><summary>{html.escape(name)}: {len(group.runs)} '
            f"run{plural}</summary>{listed or '<p class=note>No command recorded.</p>'}"
            f"{table(names, rows, f'Runs of {name}')}</details>"
        )
    return "".join(parts)


def _asked(loaded: Loaded) -> str:
    """The command of the sweep, or else those that were typed, and what is left to start."""
    if loaded.sweep is not None:
        told = loaded.sweep.command.splitlines()
        what = f"Sweep {loaded.sweep.name}, {len(loaded.sweep.jobs)} runs"
    else:
        told = asked(loaded.runs)
        what = "Asked for by"
    listed = "".join(_command(line) for line in told[:_MOST_COMMANDS])
    if len(told) > _MOST_COMMANDS:
        listed += f"<p class=note>and {len(told) - _MOST_COMMANDS} more commands</p>"
    text = f"<p>{html.escape(what)}:</p>{listed}" if listed else ""
    if not loaded.left:
        return text
    jobs = "".join(
        f"<li><code>{html.escape(' '.join(job.overrides) or job.run_id)}</code></li>"
        for job in loaded.left
    )
    return f"{text}<details><summary>{len(loaded.left)} left to start</summary><ul>{jobs}</ul></details>"


def _command(line: str) -> str:
    return f"<code class=command>{html.escape(line)}</code>"


def anchor(run: Run) -> str:
    """The id of a run's row on the page, escaped as the page's script does."""
    return f"run-{quote(run.run_id, safe=_UNESCAPED)}"


def _run_row(run: Run, out: Path, thresholds: Sequence[str]) -> str:
    link = relative_link(run.path, out)
    cells = [cell(run.run_id, link=link, css="text")]
    why = "".join(
        f"\n{event.reason} at {wording.count(event.step)}" for event in run.divergences[:1]
    )
    cells.append(cell(run.status + why, css="text"))
    cells += [
        cell(str(run.seed)),
        cell(wording.count(run.steps), run.steps, f"{link}{run.log}"),
    ]
    for threshold in thresholds:
        at = run.reached(threshold)
        cells.append(
            cell("-" if at is None else wording.count(at), sort_key(math.inf if at is None else at))
        )
    for value in (run.value, run.best_value):
        cells.append(cell(wording.score(value, run.scoring), sort_key(value)))
    cells.append(cell(wording.loss(run.train_loss), sort_key(run.train_loss)))
    cells.append(cell(wording.duration(run.seconds), sort_key(run.seconds)))
    cells.append(cell(wording.speed(run.steps_per_second), sort_key(run.steps_per_second)))
    command = f'<td class="text wrap"><code>{html.escape(run.command)}</code></td>'
    return f'<tr id="{html.escape(anchor(run))}">{"".join(cells)}{command}</tr>'


def provenance(loaded: Loaded) -> str:
    """What made the runs, counted."""
    rows = []
    for fact, counts in census(loaded.runs).items():
        listed = "; ".join(f"{value} ({n})" for value, n in counts.most_common(12))
        listed += f"; and {len(counts) - 12} more" if len(counts) > 12 else ""
        rows.append(f"<tr>{cell(fact, css='text')}{cell(listed, css='text wrap')}</tr>")
    names = [("fact", True), ("value (runs)", True)]
    return table(names, rows, "Provenance", sortable=False)
