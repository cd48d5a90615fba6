"""The page's lists of runs, the commands that make them again, and where they came from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from irnn.reporting import wording
from irnn.reporting.markup import Column, Row, Table, number, text
from irnn.reporting.provenance import census
from irnn.reporting.reproduce import asked, commands
from irnn.reporting.run import Loaded, Run
from irnn.reporting.scoring import UNKNOWN
from irnn.reporting.summary import Summary
from irnn.reporting.text import counted

_MOST_COMMANDS = 12
_MOST_VALUES = 12
_UNESCAPED = "!*'()"  # by encodeURIComponent


@dataclass(frozen=True)
class GroupRuns:
    """The runs of a group: its id and name on the page, what to type to get them again, and their table."""

    name: str
    title: str
    commands: list[str]
    table: Table


def runs(summary: Summary, link: Callable[[Run], str], several: bool) -> list[GroupRuns]:
    """List every run folder by group, with its own command; `several`: the page shows other tasks too.

    `link` gives the address of a run's folder.
    """
    scoring = summary.scoring
    scores = ["held-out", "best", "training"]
    if scoring.kind != UNKNOWN.kind:
        scores = [f"held-out {scoring.label}", "best", f"training {scoring.loss_label}"]
    names = {"run": True, "status": True, "seed": False, "updates": False}
    names |= {f"to {threshold}": False for threshold in summary.thresholds}
    names |= {**dict.fromkeys((*scores, "time", "updates/s"), False), "command": True}
    columns = [Column(name, is_text) for name, is_text in names.items()]
    parts = []
    for index, group in enumerate(summary.groups):
        name = f"task={scoring.task}, " * several + summary.name(group)
        rows = [_run_row(run, link(run), summary.thresholds) for run in group.runs]
        count = counted(len(group.runs), "run")
        table = Table(f"Runs of {name}", columns, rows)
        parts.append(
            GroupRuns(
                f"runs{summary.mark}-{index}", f"{name}: {count}", commands(group.runs), table
            )
        )
    return parts


@dataclass(frozen=True)
class Asked:
    """What was typed to start the runs, and what of a sweep is left to start."""

    what: str
    commands: list[str]
    more: int
    left: list[str]


def typed(loaded: Loaded) -> Asked:
    """The command of the sweep, or else those that were typed, and what is left to start."""
    if loaded.sweep is not None:
        lines = loaded.sweep.command.splitlines()
        what = f"Sweep {loaded.sweep.name}, {len(loaded.sweep.jobs)} runs"
    else:
        lines = asked(loaded.runs)
        what = "Asked for by"
    left = [" ".join(job.overrides) or job.run_id for job in loaded.left]
    return Asked(what, lines[:_MOST_COMMANDS], max(0, len(lines) - _MOST_COMMANDS), left)


def anchor(run: Run) -> str:
    """The id of a run's row on the page, escaped as the page's script does."""
    return f"run-{quote(run.run_id, safe=_UNESCAPED)}"


def _run_row(run: Run, link: str, thresholds: Sequence[str]) -> Row:
    why = "".join(f"\n{e.reason} at {wording.count(e.step)}" for e in run.divergences[:1])
    status, _, reason = f"{run.status}{why}".partition("\n")
    cells = [text(run.run_id, link), text(status, small=reason), number(str(run.seed))]
    cells.append(number(wording.count(run.steps), run.steps, f"{link}{run.log}"))
    for threshold in thresholds:
        at = run.reached(threshold)
        cells.append(number("-", math.inf) if at is None else number(wording.count(at), at))
    for value in (run.value, run.best_value):
        cells.append(number(wording.score(value, run.scoring), value))
    cells.append(number(wording.loss(run.train_loss), run.train_loss))
    cells.append(number(wording.duration(run.seconds), run.seconds))
    cells.append(number(wording.speed(run.steps_per_second), run.steps_per_second))
    cells.append(text(run.command, css="text wrap", is_code=True))
    return Row(cells, anchor(run))


def provenance(loaded: Loaded) -> Table:
    """What made the runs, counted."""
    rows = []
    for fact, counts in census(loaded.runs).items():
        listed = "; ".join(f"{value} ({n})" for value, n in counts.most_common(_MOST_VALUES))
        more = len(counts) - _MOST_VALUES
        listed += f"; and {more} more" * (more > 0)
        rows.append(Row([text(fact), text(listed, css="text wrap")]))
    columns = [Column("fact", is_text=True), Column("value (runs)", is_text=True)]
    return Table("Provenance", columns, rows, sortable=False)
