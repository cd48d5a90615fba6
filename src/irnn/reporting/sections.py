"""What each section of the page shows of a task, as data for the templates."""

import math
from dataclasses import dataclass

from irnn.reporting import wording
from irnn.reporting.charts import MOST_BASELINES, varying
from irnn.reporting.compare import Comparison
from irnn.reporting.goals import goal_of
from irnn.reporting.heatmap import Heatmap, Shading, heatmaps, ramp, shading
from irnn.reporting.length_points import RATE, published_points
from irnn.reporting.markup import Cell, Column, Row, Table, number, quantile_key, text
from irnn.reporting.outcomes import median
from irnn.reporting.settings import SEQ_LEN, show
from irnn.reporting.sides import opened
from irnn.reporting.summary import DRAWN, Group, Summary
from irnn.reporting.text import counted
from irnn.tasks.published_rows import SOURCES, rows_of

_MOST_AT_ONE = 12  # series that can stand side by side above a single T
_MANY_RUNS = 40  # more lines than that hide what they show
_FEW_BANDS = 4
_EXTRAS = {
    "grad_norm": ("gradient norm, before clipping", True),
    "clip_fraction": ("share of updates clipped", False),
    "lr": ("learning rate", True),
    "spectral_radius": ("spectral radius of W", False),
    "identity_distance": ("distance of W from the identity", False),
    "steps_per_second": ("updates per second", False),
}


def key_figures(summary: Summary) -> tuple[Table, int]:
    """The numbers of the first screen, a row for each group, and how many groups more there are.

    Of many groups those that succeed most often stand here, the soonest first.
    """
    level = summary.asked or summary.goal
    columns = [
        Column("setting", is_text=True),
        Column("solved" if summary.asked is None else summary.success),
    ]
    if level:
        columns.append(Column(f"updates to {level}"))
    columns.append(Column(f"best {summary.scoring.label}"))
    shown = summary.ranked[:DRAWN] if len(summary.groups) > DRAWN else range(len(summary.groups))
    rows = [_key_row(index, summary.groups[index], level, summary) for index in shown]
    return Table("Key figures", columns, rows), len(summary.groups) - len(rows)


def _key_row(index: int, group: Group, level: str | None, summary: Summary) -> Row:
    link = f"#runs{summary.mark}-{index}"
    has_goal = summary.asked or any(goal_of(run.settings, run.scoring) for run in group.runs)
    share = f"{group.succeeded} of {group.tried}" if has_goal else "no goal"
    going = len(group.runs) - len(group.finished)
    cells = [text(summary.name(group), swatch=summary.styles[index])]
    cells.append(number(f"{share}\n+ {going} going" if going else share, group.rate.estimate, link))
    if level:
        cells.append(_crossed(group, level, link))
    best = _best(group, summary, link) if group.finished else _so_far(group, summary, link)
    return Row([*cells, best])


def _so_far(group: Group, summary: Summary, link: str) -> Cell:
    """Where runs of which none has finished are by now."""
    best = median([run.best_value for run in group.runs])
    words = wording.best_score(best, summary.scoring)
    updates = wording.count(median([float(run.steps) for run in group.runs]))
    return number(f"{words}\nat update {updates}", best, link)


def _crossed(group: Group, level: str, link: str) -> Cell:
    crossing = group.crossings[level]
    return number(wording.crossing(crossing), quantile_key(crossing.median), link)


def _best(group: Group, summary: Summary, link: str) -> Cell:
    return number(wording.best_score(group.best, summary.scoring), group.best, link)


def groups(summary: Summary) -> Table:
    """The table of groups; every number leads to the runs behind it."""
    names = ["runs", *summary.statuses, summary.success]
    names += [f"updates to {threshold}" for threshold in summary.thresholds]
    names += ["best held-out", "time", "updates/s"]
    columns = [Column(label, is_text=True) for label in summary.labels] + [Column(n) for n in names]
    rows = [_group_row(index, group, summary) for index, group in enumerate(summary.groups)]
    return Table("Results by setting, seeds pooled", columns, rows)


def _group_row(index: int, group: Group, summary: Summary) -> Row:
    link = f"#runs{summary.mark}-{index}"
    cells = [text(show(value)) for value in group.values]
    cells.append(number(str(len(group.runs)), link=link))
    cells += [number(str(group.counts[status]), link=link) for status in summary.statuses]
    rate = wording.rate(group.rate).replace(" (", "\n").rstrip(")")
    cells.append(number(rate, group.rate.estimate, link))
    cells += [_crossed(group, threshold, link) for threshold in summary.thresholds]
    cells.append(_best(group, summary, link))
    cells.append(number(wording.duration(group.seconds), group.seconds, link))
    speed = group.steps_per_second
    return Row([*cells, number(wording.speed(speed), speed, link)])


@dataclass(frozen=True)
class Curves:
    """What stands around the learning curves: what can be shown, and what the lines mean.

    `kinds` maps the names of what can be drawn to words and whether it is drawn on a logarithmic axis.
    """

    kinds: dict[str, tuple[str, bool]]
    keys: list[tuple[str, bool]]
    lines: str
    score: str
    dashed: str
    more: str


def curves(summary: Summary) -> Curves:
    """Say what the learning curves can show and what of the groups is not drawn at first."""
    later = [run for index in summary.ranked[DRAWN:] for run in summary.groups[index].runs]
    crossed = sum(bool(run.divergences) for run in later)
    fell = f", {crossed} of which diverged at least once" * bool(crossed)
    more = (
        f"The best {DRAWN} groups are shown; tick the others above ({counted(len(later), 'run')}{fell})."
    ) * bool(later)
    scoring = summary.scoring
    kinds = {"h": ("held-out loss", True), "t": ("training loss", True), "both": ("both", True)}
    score = "loss"
    if not scoring.is_loss:
        score = scoring.label
        kinds = {"h": (f"held-out {score}", False), "l": ("held-out loss", True)}
        kinds |= {"t": ("training loss", True), "both": ("both losses", True)}
    known = {name for run in summary.runs for name in run.curve.extras}
    kinds |= {name: told for name, told in _EXTRAS.items() if name in known}
    keys = [(each["label"], each["on"]) for each in varying(summary)]
    lines = "all" if len(summary.runs) <= _MANY_RUNS else "median"
    lines = "band" if lines == "median" and len(summary.groups) <= _FEW_BANDS else lines
    return Curves(kinds, keys, lines, score, _dashed(summary, score), more)


def _dashed(summary: Summary, score: str) -> str:
    """Say what the dashed lines are."""
    known = [each for each in summary.scorings if math.isfinite(each.baseline)]
    if not known:
        return ""
    values = ", ".join(dict.fromkeys(each.trivial() for each in known[:MOST_BASELINES]))
    plural = "s" * (len({each.baseline for each in known}) > 1)
    return f"Dashed line{plural}: {values}, the {score} of always {known[0].baseline_meaning}."


@dataclass(frozen=True)
class Sides:
    """Groups to hold side by side: their names by their numbers, and the two that stand there at first."""

    options: dict[str, str]
    first: str
    second: str


def sides(summary: Summary, comparison: Comparison | None = None) -> Sides | None:
    """The two that the verdict is about come first; None where there are no two groups."""
    if len(summary.groups) < 2:
        return None
    options = {str(index): summary.name(group) for index, group in enumerate(summary.groups)}
    first, second = opened(summary, comparison)
    return Sides(options, str(first), str(second))


def survival(summary: Summary) -> tuple[dict[str, str], str]:
    """What the share of runs against updates can be of, and of what it is at first.

    That is what counts as solved, or where nobody got so far the hardest threshold that some run got past.
    Nothing where no run has finished.
    """
    scoring = summary.scoring
    if not any(group.finished for group in summary.groups):
        return {}, ""
    options = {"goal": "solved"} if any(group.goal for group in summary.groups) else {}
    options |= {
        name: f"got to {scoring.label} {scoring.sign} {name}" for name in summary.thresholds
    }
    if any(run.status == "solved" for run in summary.runs):
        return options, "goal"
    hardest_first = reversed(summary.thresholds)
    past = (
        name for name in hardest_first if any(g.crossings[name].crossed for g in summary.groups)
    )
    return options, next(past, "goal")


@dataclass(frozen=True)
class Lengths:
    """What stands around the chart against T: thresholds to choose from."""

    options: dict[str, str]
    chosen: str


def length(summary: Summary) -> Lengths | None:
    """Updates to a threshold against T; None: no such chart."""
    scoring = summary.scoring
    known = {**summary.constant, **dict.fromkeys(summary.keys)}
    if SEQ_LEN not in known or (SEQ_LEN not in summary.keys and len(summary.groups) > _MOST_AT_ONE):
        return None
    options = {
        name: f"updates to {scoring.label} {scoring.sign} {name}" for name in summary.thresholds
    }
    options[RATE] = summary.success
    return Lengths(options, summary.drawn)


@dataclass(frozen=True)
class Published:
    """What others published of the task, and whether charts draw some of it."""

    table: Table
    is_drawn: bool


def published(summary: Summary) -> Published | None:
    """The published rows of a task with their sources; None where there are none."""
    rows = rows_of(summary.scoring.task)
    if not rows:
        return None
    cells = [
        [
            text(row.model),
            number(f"{row.seq_len:,}", row.seq_len),
            text(row.variant),
            text(row.outcome),
            number(row.hidden),
            number("" if row.batch is None else str(row.batch)),
            text(row.optimizer),
            text(f"{row.source} ({SOURCES[row.label]})" + f"; {row.note}" * bool(row.note)),
        ]
        for row in rows
    ]
    names = {"model": True, "T": False, "variant": True, "result": True, "units": False}
    names |= {"batch": False, "optimizer": True, "source": True}
    columns = [Column(name, is_text) for name, is_text in names.items()]
    table = Table("Published results", columns, [Row(each) for each in cells])
    return Published(table, bool(published_points(summary.scoring)))


@dataclass(frozen=True)
class HeatCell:
    """A coloured cell of a grid."""

    words: str
    below: str = ""
    back: str = ""
    text: str = ""
    link: str = ""


@dataclass(frozen=True)
class HeatTable:
    """A grid of two settings, ready to be laid out; `rows` are (head, cells)."""

    caption: str
    heads: list[str]
    rows: list[tuple[str, list[HeatCell]]]


def heat(summary: Summary) -> tuple[list[HeatTable], int]:
    """Grids of two numeric settings as coloured tables, and how many more there were."""
    grids, left = heatmaps(summary)
    numbers = {id(group): index for index, group in enumerate(summary.groups)}
    shade = shading(summary)
    return [_heat_table(grid, numbers, summary.mark, shade) for grid in grids], left


def _heat_table(grid: Heatmap, numbers: dict[int, int], mark: str, shade: Shading) -> HeatTable:
    axes = f"{grid.row_label} (down) by {grid.column_label} (across)"
    rows = []
    for row in grid.rows:
        cells = []
        for column in grid.columns:
            group = grid.cells.get((row, column))
            cells.append(
                HeatCell("-")
                if group is None
                else _heat_cell(group, f"#runs{mark}-{numbers[id(group)]}", shade)
            )
        rows.append((show(row), cells))
    caption = f"{grid.title}: {axes}" if grid.title else axes
    return HeatTable(caption, [show(value) for value in grid.columns], rows)


def _heat_cell(group: Group, link: str, shade: Shading) -> HeatCell:
    if not group.tried:
        return HeatCell("-")
    return HeatCell(*shade.words(group), *ramp(shade.share(group)), link)
