"""The sections of the page, each as a piece of HTML."""

import html
import math
from collections.abc import Sequence

from irnn.reporting import wording
from irnn.reporting.charts import DRAWN, MOST_BASELINES, RATE, SEQ_LEN
from irnn.reporting.heatmap import Heatmap, heatmaps, ramp
from irnn.reporting.markup import TIP, cell, quantile_key, sort_key, table
from irnn.reporting.published import LABELS, rows_of
from irnn.reporting.settings import show
from irnn.reporting.summary import Group, Summary

_MOST_AT_ONE = 12  # series that can stand side by side above a single T
_NO_SCRIPT = (
    "<noscript><p>Charts need JavaScript; figures/ holds the same as pictures.</p></noscript>"
)


def groups(summary: Summary) -> str:
    """The table of groups; every number leads to the runs behind it."""
    names = [(label, True) for label in summary.labels]
    seen = summary.statuses
    names += [(name, False) for name in ("runs", *seen, summary.success)]
    names += [(f"updates to {threshold}", False) for threshold in summary.thresholds]
    names += [(n, False) for n in ("best held-out", "time", "updates/s")]
    rows = [_group_row(number, group, summary) for number, group in enumerate(summary.groups)]
    shared = "".join(
        f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(show(value))}</dd></div>"
        for key, value in summary.constant.items()
    )
    follows = "".join(f"<p class=note>{html.escape(line)}</p>" for line in summary.follows)
    return (
        f"<details><summary>Settings that all runs share</summary><dl class=settings>{shared}</dl>"
        f"</details>{follows}{table(names, rows, 'Results by setting, seeds pooled')}"
        "<p class=note>Rates and times are over finished runs. Success rate: Wilson 95 % interval. "
        "Updates: median, and quartiles below it; runs that never crossed count as later than any. "
        "Every number leads to its runs.</p>"
    )


def _group_row(number: int, group: Group, summary: Summary) -> str:
    link = f"#runs{summary.mark}-{number}"
    cells = [cell(show(value), css="text") for value in group.values]
    cells.append(cell(str(len(group.runs)), link=link))
    for status in summary.statuses:
        cells.append(cell(str(group.counts[status]), link=link))
    rate = wording.rate(group.rate).replace(" (", "\n").rstrip(")")
    cells.append(cell(rate, sort_key(group.rate.estimate), link))
    for threshold in summary.thresholds:
        crossing = group.crossings[threshold]
        middle, spread = wording.quantile(crossing.median), wording.quartiles(crossing)
        text = middle if spread == middle else f"{middle}\n{spread}"
        cells.append(cell(text, quantile_key(crossing.median), link))
    best = "-" if math.isnan(group.best) else wording.score(group.best, summary.scoring)
    cells.append(cell(best, sort_key(group.best), link))
    cells.append(cell(wording.duration(group.seconds), sort_key(group.seconds), link))
    speed = group.steps_per_second
    cells.append(cell(wording.speed(speed), sort_key(speed), link))
    return f"<tr>{''.join(cells)}</tr>"


def curves(summary: Summary) -> str:
    """Frame of the learning curves; the script draws them."""
    later = [run for group in summary.groups[DRAWN:] for run in group.runs]
    crossed = sum(bool(run.divergences) for run in later)
    first = (
        f" The first {DRAWN} groups are shown; tick more below ({len(later)} runs, {crossed} of "
        "which diverged at least once)."
    ) * bool(later)
    mark, scoring = summary.mark, summary.scoring
    kinds = {"h": "held-out loss", "t": "training loss", "both": "both"}
    score = "loss"
    if not scoring.is_loss:
        score = html.escape(scoring.label)
        kinds = {"h": f"held-out {score}", "l": "held-out loss", "t": "training loss"}
        kinds["both"] = "both losses"
    options = "".join(f'<option value="{kind}">{name}</option>' for kind, name in kinds.items())
    buttons = {"in": "Zoom in", "out": "Zoom out", "reset": "Reset"}
    buttons |= {"all": "All groups", "none": "No groups"}
    tools = "".join(
        f'<button type="button" id="curves-{name}{mark}">{text}</button>'
        for name, text in buttons.items()
    )
    return (
        f'<div class="tools"><label>Show <select id="curves-kind{mark}">{options}'
        f"</select></label>{tools}</div>"
        f'<figure id="curves-figure{mark}"><svg class="chart" tabindex="0" role="img" '
        f'aria-label="{score.capitalize()} against updates, one line per run; arrow keys read values">'
        f'</svg>{TIP}<div class="legend" id="curves-legend{mark}"></div><figcaption>Thin: each seed. '
        f"Thick: median of the group. Crosses: divergences. {_dashed(summary, score)}"
        "Losses above 10 run along the upper edge. Drag to zoom, double-click to reset, click for "
        f"the run.{first}</figcaption></figure>{_NO_SCRIPT}"
    )


def _dashed(summary: Summary, score: str) -> str:
    """Say what the dashed lines are."""
    known = [each for each in summary.scorings if math.isfinite(each.baseline)]
    if not known:
        return ""
    values = ", ".join(dict.fromkeys(each.trivial() for each in known[:MOST_BASELINES]))
    plural = "s" * (len({each.baseline for each in known}) > 1)
    meaning = html.escape(known[0].baseline_meaning)
    return f"Dashed line{plural}: {values}, the {score} of always {meaning}. "


def length(summary: Summary) -> str:
    """Updates to a threshold against T, beside the published rows and their sources."""
    mark, scoring = summary.mark, summary.scoring
    known = {**summary.constant, **dict.fromkeys(summary.keys)}
    if SEQ_LEN not in known or (SEQ_LEN not in summary.keys and len(summary.groups) > _MOST_AT_ONE):
        return ""
    options = "".join(
        f'<option value="{name}"{" selected" * (name == summary.drawn)}>'
        f"updates to {html.escape(f'{scoring.label} {scoring.sign} {name}')}</option>"
        for name in summary.thresholds
    )
    options += f'<option value="{RATE}">{summary.success}</option>'
    names = [("model", True), ("T", False), ("MSE below", False), ("result", True)]
    names += [("units", False), ("marks", True), ("batch", False), ("optimizer", True)]
    names += [("source", True)]
    rows = [
        f"<tr>{cell(row.model, css='text')}{cell(str(row.seq_len))}{cell(row.threshold)}"
        f"{cell(row.outcome, css='text')}{cell(row.hidden)}{cell(row.marks, css='text')}"
        f"{cell(str(row.batch))}{cell(row.optimizer, css='text')}"
        f"{cell(f'{row.source} ({LABELS[row.label]})', css='text')}</tr>"
        for row in rows_of(scoring.task)
    ]
    choice = caution = sources = ""
    if rows:
        choice = (
            f'<label>Published rows <select id="length-published{mark}"><option value="near" selected>'
            'near these lengths</option><option value="all">all</option><option value="none">none'
            "</option></select></label>"
        )
        caution = (
            " Published rows differ in where the marks lie, batch size and data: compare with care."
        )
        sources = (
            "<details><summary>Published rows and their sources</summary>"
            f"{table(names, rows, 'Published results')}</details>"
        )
    return (
        f'<div class="tools"><label>Show <select id="length-threshold{mark}">{options}</select>'
        f"</label>{choice}</div>"
        f'<figure id="length-figure{mark}"><svg class="chart" tabindex="0" role="img" '
        'aria-label="Updates to the threshold against sequence length; arrow keys read values"></svg>'
        f'{TIP}<div class="legend" id="length-legend{mark}"></div><figcaption>Filled: median with '
        "quartiles, or success rate with its Wilson interval. Small: single runs. Triangles at the "
        f"top: not reached.{caution}</figcaption></figure>{sources}"
    )


def heat(summary: Summary) -> str:
    """Grids of two numeric settings as coloured tables."""
    grids, left = heatmaps(summary)
    if not grids:
        return ""
    numbers = {id(group): number for number, group in enumerate(summary.groups)}
    more = f"<p class=note>{left} more grids not shown.</p>" if left else ""
    below = f" Below the count: median updates {summary.to_goal}." * bool(summary.to_goal)
    note = f"<p class=note>Colour: {summary.success}, dark 0 % to bright 100 %.{below}</p>"
    return note + "".join(_heat_table(grid, numbers, summary.mark) for grid in grids) + more


def _heat_table(grid: Heatmap, numbers: dict[int, int], mark: str) -> str:
    axes = f"{grid.row_label} (down) by {grid.column_label} (across)"
    caption = f"{grid.title}: {axes}" if grid.title else axes
    head = "".join(f'<th scope="col">{html.escape(show(value))}</th>' for value in grid.columns)
    body = ""
    for row in grid.rows:
        body += f'<tr><th scope="row">{html.escape(show(row))}</th>'
        for column in grid.columns:
            group = grid.cells.get((row, column))
            if group is None or not group.tried:
                body += "<td>-</td>"
                continue
            back, text = ramp(group.rate.estimate)
            median = wording.quantile(group.crossings[group.goal].median) if group.goal else ""
            body += (
                f'<td style="background:{back};color:{text}"><a href="#runs{mark}-{numbers[id(group)]}">'
                f"{group.succeeded} of {group.tried}</a><small>{median}</small></td>"
            )
        body += "</tr>"
    return (
        f'<div class="heat scroll"><table><caption>{html.escape(caption)}</caption><thead><tr>'
        f"<th></th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def overfitting(summary: Summary) -> str:
    """Frame of the scatter of final losses; the script draws it."""
    mark = summary.mark
    return (
        f'<figure id="overfit-figure{mark}"><svg class="chart" tabindex="0" role="img" aria-label="Final '
        'held-out loss against final training loss, one point per run"></svg>'
        f'{TIP}<div class="legend" id="overfit-legend{mark}"></div>'
        "<figcaption>One point for each finished run. Above the dashed "
        "line the held-out loss is larger: overfitting. Runs without two finite final losses below "
        "10 are not here.</figcaption></figure>"
    )


def methods(summaries: Sequence[Summary]) -> str:
    """What the numbers mean, with sources."""
    past = " or ".join(dict.fromkeys(summary.scoring.past for summary in summaries))
    return (
        "<ul><li>A run is solved when its stop rule was met, diverged when it blew up, exhausted "
        "when its budget ended first. Unfinished runs are counted apart and enter no rate.</li>"
        "<li>Success rates carry Wilson score intervals (Wilson 1927), differences of two rates "
        "Newcombe's hybrid score interval (1998, method 10) and Fisher's exact test.</li>"
        f"<li>Updates to a threshold are those of the first evaluation {past} it. Runs that never "
        "crossed stay in: &gt;20,000 means that the budget ended first, never that the run had "
        "diverged.</li><li>Time to solve is compared by a permutation log-rank test, labels "
        "shuffled within settings that differ in nothing else (Peto &amp; Peto 1972); a diverged "
        "run never solves. Below p = 0.05 the page says who wins, else that the data cannot tell."
        "</li><li>The thick median curve keeps the last loss of a run that solved, counts a "
        "diverged one as worse than any, and ends where the first run was given up on.</li></ul>"
    )
