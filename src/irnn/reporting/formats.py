"""The table of groups for other programs and for papers: JSON, CSV, Markdown, LaTeX."""

import io
import json
import math
import re
from collections.abc import Sequence
from typing import Any

from irnn.reporting import export, wording
from irnn.reporting.compare import Comparison, about
from irnn.reporting.comparison_text import sentences
from irnn.reporting.run import Loaded
from irnn.reporting.settings import show
from irnn.reporting.summary import Group, Summary
from irnn.reporting.verdict import verdict
from irnn.runs.files import json_ready

_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
_MARKDOWN = re.compile(r"([\\|*_`<>\[\]])")


def formatted(
    name: str, loaded: Loaded, summaries: Sequence[Summary], comparison: Comparison | None
) -> str:
    """Write the table of groups, of several tasks one each, in the format of this name."""
    if name == "json":
        return _json(loaded, summaries, comparison)
    if name == "csv":
        return _csv(summaries)
    write = _markdown if name == "markdown" else _latex
    several = len(summaries) > 1
    return "\n\n".join(write(summary, several) for summary in summaries)


def records(summary: Summary) -> list[dict[str, Any]]:
    """One record for each group, numbers as numbers; None where a number is not known.

    Of a quantile that the budgets ended before, `..._later_than` says what is known; a quantile that is a
    run that diverged is None, and nothing is known of it.
    """
    return [_record(group, summary) for group in summary.groups]


def _record(group: Group, summary: Summary) -> dict[str, Any]:
    rate = group.rate
    record: dict[str, Any] = {"task": summary.scoring.task}
    record |= dict(zip(summary.keys, group.values, strict=True))
    record |= {"runs": len(group.runs), **{status: group.counts[status] for status in group.counts}}
    record |= {"succeeded": group.succeeded, "tried": group.tried}
    record |= {"rate": rate.estimate, "rate_low": rate.low, "rate_high": rate.high}
    for threshold in summary.thresholds:
        crossing, key = group.crossings[threshold], f"updates_to_{threshold}"
        record[f"{key}_crossed"] = crossing.crossed
        record[key] = crossing.median.value
        is_later = math.isinf(crossing.median.value)
        record[f"{key}_later_than"] = crossing.median.bound if is_later else None
        record[f"{key}_first_quartile"] = crossing.first_quartile.value
        record[f"{key}_third_quartile"] = crossing.third_quartile.value
    record |= {"best": group.best, "seconds": group.seconds}
    record["steps_per_second"] = group.steps_per_second
    ready: dict[str, Any] = json_ready(record)
    return ready


def _json(loaded: Loaded, summaries: Sequence[Summary], comparison: Comparison | None) -> str:
    tasks = []
    for summary in summaries:
        scoring = summary.scoring
        own = about(summary.runs, comparison)
        tasks.append(
            {
                "task": scoring.task,
                "metric": scoring.name,
                "better": scoring.better,
                "baseline": json_ready(scoring.baseline),
                "verdict": verdict(summary, own),
                "comparison": sentences(own) if own else [],
                "settings": dict(summary.constant),
                "groups": records(summary),
            }
        )
    skipped = [{"folder": str(s.path), "reason": s.reason} for s in loaded.skipped]
    fields = {"runs": len(loaded.runs), "skipped": skipped, "tasks": tasks}
    return json.dumps(fields, indent=1, allow_nan=False, ensure_ascii=False)


def _csv(summaries: Sequence[Summary]) -> str:
    rows = [row for summary in summaries for row in records(summary)]
    file = io.StringIO()
    export.put_csv(rows, file, "\n")
    return file.getvalue().rstrip("\n")


def _table(summary: Summary) -> tuple[list[str], list[list[str]]]:
    """Heads and cells as words; columns of settings come first."""
    heads = [*summary.labels, "runs", *summary.statuses, summary.success]
    heads += [f"updates to {threshold}" for threshold in summary.thresholds]
    heads += [f"best {summary.scoring.label}", "time"]
    rows = []
    for group in summary.groups:
        cells = [show(value) for value in group.values]
        cells += [str(len(group.runs)), *(str(group.counts[name]) for name in summary.statuses)]
        cells.append(wording.rate(group.rate))
        crossings = (group.crossings[threshold] for threshold in summary.thresholds)
        cells += [wording.crossing(each, "{} ({})") for each in crossings]
        best = wording.best_score(group.best, summary.scoring)
        rows.append([*cells, best, wording.duration(group.seconds)])
    return heads, rows


def _markdown(summary: Summary, several: bool) -> str:
    heads, rows = _table(summary)
    text = [len(summary.keys) > index for index in range(len(heads))]
    lines = [f"**{_plain(summary.scoring.description())}**", ""] if several else []
    lines.append(_bars(heads))
    lines.append("|".join(["", *(" --- " if left else " ---: " for left in text), ""]))
    return "\n".join([*lines, *map(_bars, rows)])


def _bars(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(text: str) -> str:
    """Text that Markdown takes as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


def _latex(summary: Summary, several: bool) -> str:
    heads, rows = _table(summary)
    columns = "l" * len(summary.keys) + "r" * (len(heads) - len(summary.keys))
    lines = [f"% {summary.scoring.description()}"] * several
    lines += [r"% needs \usepackage{booktabs} and \usepackage[T1]{fontenc}"]
    lines += [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", _ampersands(heads), r"\midrule"]
    return "\n".join([*lines, *map(_ampersands, rows), r"\bottomrule", r"\end{tabular}"])


def _ampersands(cells: Sequence[str]) -> str:
    return " & ".join("".join(_TEX.get(c, c) for c in cell) for cell in cells) + r" \\"
