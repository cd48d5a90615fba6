"""The sections of the page, each as a piece of HTML."""

import html
import math
from collections.abc import Sequence
from pathlib import Path

from irnn.reporting import wording
from irnn.reporting.charts import RATE, SEQ_LEN, relative_link
from irnn.reporting.heatmap import Heatmap, heatmaps, ramp
from irnn.reporting.load import THRESHOLDS, Loaded, Run
from irnn.reporting.provenance import census
from irnn.reporting.published import LABELS, published_rows
from irnn.reporting.reproduce import commands
from irnn.reporting.settings import show
from irnn.reporting.statistics import Quantile
from irnn.reporting.summary import Group, Summary

_MOST_AT_ONE = 12  # series that can stand side by side above a single T
_TIP = '<div class="tip" role="status" hidden></div>'
_NO_SCRIPT = (
    "<noscript><p>Charts need JavaScript; figures/ holds the same as pictures.</p></noscript>"
)


def _cell(text: str, sort: float | str | None = None, link: str = "", css: str = "") -> str:
    inner = html.escape(text)
    first, newline, rest = inner.partition("\n")
    if link:
        first = f'<a href="{html.escape(link)}">{first}</a>'
    inner = f"{first}<small>{rest}</small>" if newline else first
    key = "" if sort is None else f' data-sort="{html.escape(str(sort))}"'
    name = f' class="{css}"' if css else ""
    return f"<td{name}{key}>{inner}</td>"


def _head(names: Sequence[tuple[str, bool]], sortable: bool) -> str:
    cells = []
    for name, is_text in names:
        inner = html.escape(name)
        if sortable:
            inner = f'<button type="button">{inner}</button>'
        cells.append(f'<th scope="col"{" class=text" * is_text}>{inner}</th>')
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def _table(
    names: Sequence[tuple[str, bool]], rows: Sequence[str], label: str, sortable: bool = True
) -> str:
    css = ' class="sortable"' if sortable else ""
    return (
        f'<div class="scroll" role="region" aria-label="{html.escape(label)}" tabindex="0">'
        f"<table{css}>{_head(names, sortable)}<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _number(value: float) -> str:
    """A sort key that JavaScript's Number reads; unknown sorts after everything."""
    return "Infinity" if math.isnan(value) or math.isinf(value) else repr(value)


def _quantile_key(value: Quantile) -> str:
    """Sort '>20 000' after every median that was reached, and 'never' last."""
    if math.isfinite(value.value) or not math.isfinite(value.bound):
        return _number(value.value)
    return _number(1e15 + value.bound)


def groups(summary: Summary) -> str:
    """The table of groups; every number leads to the runs behind it."""
    names = [(label, True) for label in summary.labels]
    seen = summary.statuses
    names += [(name, False) for name in ("runs", *seen, "success rate")]
    names += [(f"updates to {threshold}", False) for threshold in THRESHOLDS]
    names += [(n, False) for n in ("best held-out", "time", "updates/s")]
    rows = [_group_row(number, group, seen) for number, group in enumerate(summary.groups)]
    shared = "".join(
        f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(show(value))}</dd></div>"
        for key, value in summary.constant.items()
    )
    follows = "".join(f"<p class=note>{html.escape(line)}</p>" for line in summary.follows)
    return (
        f"<details><summary>Settings that all runs share</summary><dl class=settings>{shared}</dl>"
        f"</details>{follows}{_table(names, rows, 'Results by setting, seeds pooled')}"
        "<p class=note>Rates and times are over finished runs. Success rate: Wilson 95 % interval. "
        "Updates: median, and quartiles below it; runs that never crossed count as later than any. "
        "Every number leads to its runs.</p>"
    )


def _group_row(number: int, group: Group, seen: Sequence[str]) -> str:
    link = f"#runs-{number}"
    cells = [_cell(show(value), css="text") for value in group.values]
    cells.append(_cell(str(len(group.runs)), link=link))
    for status in seen:
        cells.append(_cell(str(group.counts[status]), link=link))
    rate = wording.rate(group.rate).replace(" (", "\n").rstrip(")")
    cells.append(_cell(rate, _number(group.rate.estimate), link))
    for threshold in THRESHOLDS:
        crossing = group.crossings[threshold]
        middle, spread = wording.quantile(crossing.median), wording.quartiles(crossing)
        text = middle if spread == middle else f"{middle}\n{spread}"
        cells.append(_cell(text, _quantile_key(crossing.median), link))
    best = "-" if math.isnan(group.best_test_mse) else wording.loss(group.best_test_mse)
    cells.append(_cell(best, _number(group.best_test_mse), link))
    cells.append(_cell(wording.duration(group.seconds), _number(group.seconds), link))
    speed = group.steps_per_second
    cells.append(_cell(wording.speed(speed), _number(speed), link))
    return f"<tr>{''.join(cells)}</tr>"


def curves(summary: Summary) -> str:
    """Frame of the learning curves; the script draws them."""
    many = len(summary.groups) > 8
    first = " The first eight groups are shown; tick more below." if many else ""
    return (
        '<div class="tools"><label>Show <select id="curves-kind"><option value="h">held-out loss'
        '</option><option value="t">training loss</option><option value="both">both</option>'
        "</select></label>"
        '<button type="button" id="curves-in">Zoom in</button>'
        '<button type="button" id="curves-out">Zoom out</button>'
        '<button type="button" id="curves-reset">Reset</button>'
        '<button type="button" id="curves-all">All groups</button>'
        '<button type="button" id="curves-none">No groups</button></div>'
        '<figure id="curves-figure"><svg class="chart" tabindex="0" role="img" '
        'aria-label="Loss against updates, one line per run; arrow keys read values"></svg>'
        f'{_TIP}<div class="legend" id="curves-legend"></div><figcaption>Thin: each seed. Thick: '
        "median of the group. Crosses: divergences. Dashed line: 1/6, the loss of always answering "
        f"1. Losses above 10 run along the upper edge. Drag to zoom, double-click to reset.{first}"
        f"</figcaption></figure>{_NO_SCRIPT}"
    )


def length(summary: Summary) -> str:
    """Updates to a threshold against T, beside the published rows and their sources."""
    known = {**summary.constant, **dict.fromkeys(summary.keys)}
    if SEQ_LEN not in known or (SEQ_LEN not in summary.keys and len(summary.groups) > _MOST_AT_ONE):
        return ""
    options = "".join(
        f'<option value="{name}"{" selected" * (name == "0.05")}>'
        f"updates to MSE &lt; {name}</option>"
        for name in THRESHOLDS
    )
    options += f'<option value="{RATE}">success rate</option>'
    names = [("model", True), ("T", False), ("MSE below", False), ("result", True)]
    names += [("units", False), ("marks", True), ("batch", False), ("optimizer", True)]
    names += [("source", True)]
    rows = [
        f"<tr>{_cell(row.model, css='text')}{_cell(str(row.seq_len))}{_cell(row.threshold)}"
        f"{_cell(row.outcome, css='text')}{_cell(row.hidden)}{_cell(row.marks, css='text')}"
        f"{_cell(str(row.batch))}{_cell(row.optimizer, css='text')}"
        f"{_cell(f'{row.source} ({LABELS[row.label]})', css='text')}</tr>"
        for row in published_rows()
    ]
    return (
        f'<div class="tools"><label>Show <select id="length-threshold">{options}</select>'
        '</label><label><input type="checkbox" id="length-published" checked> published rows'
        "</label></div>"
        '<figure id="length-figure"><svg class="chart" tabindex="0" role="img" aria-label="Updates '
        'to the threshold against sequence length; arrow keys read values"></svg>'
        f'{_TIP}<div class="legend" id="length-legend"></div><figcaption>Filled: median with '
        "quartiles, or success rate with its Wilson interval. Small: single runs. Triangles at the "
        "top: not reached. Published rows differ in where the marks lie, batch size and data: "
        "compare with care.</figcaption></figure>"
        "<details><summary>Published rows and their sources</summary>"
        f"{_table(names, rows, 'Published results')}</details>"
    )


def heat(summary: Summary) -> str:
    """Grids of two numeric settings as coloured tables."""
    grids, left = heatmaps(summary)
    if not grids:
        return ""
    numbers = {id(group): number for number, group in enumerate(summary.groups)}
    more = f"<p class=note>{left} more grids not shown.</p>" if left else ""
    note = (
        "<p class=note>Colour: success rate, dark 0 % to bright 100 %. Below the count: median "
        "updates to 0.001.</p>"
    )
    return note + "".join(_heat_table(grid, numbers) for grid in grids) + more


def _heat_table(grid: Heatmap, numbers: dict[int, int]) -> str:
    axes = f"{grid.row_label} (down) by {grid.column_label} (across)"
    caption = f"{grid.title}: {axes}" if grid.title else axes
    head = "".join(f'<th scope="col">{html.escape(show(value))}</th>' for value in grid.columns)
    body = ""
    for row in grid.rows:
        body += f'<tr><th scope="row">{html.escape(show(row))}</th>'
        for column in grid.columns:
            group = grid.cells.get((row, column))
            if group is None or not group.finished:
                body += "<td>-</td>"
                continue
            back, text = ramp(group.rate.estimate)
            median = wording.quantile(group.crossings["0.001"].median)
            body += (
                f'<td style="background:{back};color:{text}"><a href="#runs-{numbers[id(group)]}">'
                f"{group.counts['solved']} of {len(group.finished)}</a><small>{median}</small></td>"
            )
        body += "</tr>"
    return (
        f'<div class="heat scroll"><table><caption>{html.escape(caption)}</caption><thead><tr>'
        f"<th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def overfitting() -> str:
    """Frame of the scatter of final losses; the script draws it."""
    return (
        '<figure id="overfit-figure"><svg class="chart" tabindex="0" role="img" aria-label="Final '
        'held-out loss against final training loss, one point per run"></svg>'
        f"{_TIP}<figcaption>One point for each finished run, colours as above. Above the dashed "
        "line the held-out loss is larger: overfitting. Runs without two finite final losses below "
        "10 are not here.</figcaption></figure>"
    )


def runs(summary: Summary, out: Path) -> str:
    """Every run folder by group, with the command that makes it again."""
    parts = []
    for number, group in enumerate(summary.groups):
        told = commands(group.runs)
        listed = "".join(f"<code class=command>{html.escape(line)}</code>" for line in told)
        names = [("run", True), ("status", True), ("seed", False), ("updates", False)]
        names += [(f"to {threshold}", False) for threshold in THRESHOLDS]
        names += [(n, False) for n in ("held-out", "best", "training", "time", "updates/s")]
        names += [("command", True)]
        rows = [_run_row(run, out) for run in group.runs]
        name = html.escape(summary.name(group))
        plural = "s" * (len(group.runs) != 1)
        parts.append(
            f'<details id="runs-{number}"><summary>{name}: {len(group.runs)} run{plural}</summary>'
            f"{listed or '<p class=note>No command recorded.</p>'}"
            f"{_table(names, rows, f'Runs of {name}')}</details>"
        )
    return "".join(parts)


def _run_row(run: Run, out: Path) -> str:
    link = relative_link(run.path, out)
    cells = [_cell(run.run_id, link=link, css="text")]
    why = "".join(
        f"\n{event.reason} at {wording.count(event.step)}" for event in run.divergences[:1]
    )
    cells.append(_cell(run.status + why, css="text"))
    cells += [
        _cell(str(run.seed)),
        _cell(wording.count(run.steps), run.steps, f"{link}metrics.jsonl"),
    ]
    for threshold in THRESHOLDS:
        at = run.solved_at[threshold]
        cells.append(
            _cell("-" if at is None else wording.count(at), _number(math.inf if at is None else at))
        )
    for value in (run.test_mse, run.best_test_mse, run.train_mse):
        cells.append(_cell(wording.loss(value), _number(value)))
    cells.append(_cell(wording.duration(run.seconds), _number(run.seconds)))
    cells.append(_cell(wording.speed(run.steps_per_second), _number(run.steps_per_second)))
    command = f'<td class="text wrap"><code>{html.escape(run.command)}</code></td>'
    return f"<tr>{''.join(cells)}{command}</tr>"


def provenance(loaded: Loaded) -> str:
    """What made the runs, counted."""
    rows = []
    for fact, counts in census(loaded.runs).items():
        listed = "; ".join(f"{value} ({n})" for value, n in counts.most_common(12))
        listed += f"; and {len(counts) - 12} more" if len(counts) > 12 else ""
        rows.append(f"<tr>{_cell(fact, css='text')}{_cell(listed, css='text wrap')}</tr>")
    names = [("fact", True), ("value (runs)", True)]
    return _table(names, rows, "Provenance", sortable=False)


def methods() -> str:
    """What the numbers mean, with sources."""
    return (
        "<ul><li>A run is solved when its stop rule was met, diverged when it blew up, exhausted "
        "when its budget ended first. Unfinished runs are counted apart and enter no rate.</li>"
        "<li>Success rates carry Wilson score intervals (Wilson 1927), differences of two rates "
        "Newcombe's hybrid score interval (1998, method 10) and Fisher's exact test.</li>"
        "<li>Updates to a threshold are those of the first evaluation below it. Runs that never "
        "crossed stay in: &gt;20 000 means that the budget ended first, never that the run had "
        "diverged.</li><li>Time to solve is compared by a permutation log-rank test, labels "
        "shuffled within settings that differ in nothing else (Peto &amp; Peto 1972); a diverged "
        "run never solves. Below p = 0.05 the page says who wins, else that the data cannot tell."
        "</li><li>The thick median curve keeps the last loss of a run that solved, counts a "
        "diverged one as worse than any, and ends where the first run was given up on.</li></ul>"
    )
