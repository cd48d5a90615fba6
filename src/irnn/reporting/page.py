"""The report as one self-contained HTML file: no request leaves it, no framework draws it."""

import html
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib.resources import files
from pathlib import Path
from typing import Any

from irnn.reporting import run_lists, sections
from irnn.reporting.compare import Comparison, Side, sentences
from irnn.reporting.provenance import warnings
from irnn.reporting.run import Loaded
from irnn.reporting.scoring import UNKNOWN
from irnn.reporting.summary import Summary
from irnn.reporting.table import headline
from irnn.reporting.text import printable

SCRIPTS = ("table.js", "chart.js", "curves.js", "scatter.js")

# The browser itself then refuses any request, whatever a setting's text may contain.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

_WITHIN = ("curves", "length", "heatmaps", "overfitting")


def render_page(
    loaded: Loaded,
    summaries: Sequence[Summary],
    comparison: Comparison | None,
    data: Mapping[str, Any],
    out: Path,
    command: str = "",
) -> str:
    """Write the whole page as it lies in `out`, from which links to run folders are relative.

    Each task has its own tables and charts. `data` is what `page_data` computed from `summaries`,
    `command` what was typed to get the page.
    """
    parts = [part for summary in summaries for part in _of_task(summary, comparison, summaries)]
    parts += [
        ("runs", "Runs and commands", run_lists.runs(loaded, summaries, out)),
        ("provenance", "Provenance", run_lists.provenance(loaded)),
        ("methods", "How to read this", sections.methods(summaries)),
    ]
    shown = [part for part in parts if part[2]]
    links = "".join(
        f'<a href="#{name}">{title}</a>'
        for name, title, _ in shown
        if len(summaries) == 1 or not name.startswith(_WITHIN)  # one link to each of several tasks
    )
    body = "".join(
        f'<section id="{name}"><h2>{title}</h2>{text}</section>' for name, title, text in shown
    )
    title, command = headline(loaded), printable(command)
    written = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    by = f" by <code>{html.escape(command)}</code>" if command else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>irnn report: {html.escape(title)}</title><style>{_asset('page.css')}</style>"
        f'</head><body><header><h1>{html.escape(title)}</h1><p class="dim">Written {written}{by}</p>'
        f'<nav aria-label="Sections">{links}</nav></header><main>{_warnings(warnings(loaded))}'
        f"{body}</main>{_script(data)}</body></html>\n"
    )


def _of_task(
    summary: Summary, comparison: Comparison | None, summaries: Sequence[Summary]
) -> list[tuple[str, str, str]]:
    """What is said of one task: names, titles and texts of its sections."""
    told, of = "", ""
    if len(summaries) > 1:
        of = f" of {html.escape(summary.scoring.task)}"
    if of or summary.scoring.kind != UNKNOWN.kind:
        told = f"<p class=note>{html.escape(summary.scoring.told())}.</p>"
    compared = comparison is not None and comparison.a.runs[0] in summary.runs
    parts = [
        ("groups", "Results", told + sections.groups(summary)),
        ("comparison", "Comparison", _comparison(comparison) if compared else ""),
        ("curves", "Learning curves", sections.curves(summary)),
        ("length", "Updates against T", sections.length(summary)),
        ("heatmaps", "Grids", sections.heat(summary)),
        ("overfitting", "Training against held-out loss", sections.overfitting(summary)),
    ]
    return [(f"{name}{summary.mark}", f"{title}{of}", text) for name, title, text in parts]


def _asset(name: str) -> str:
    return files("irnn.reporting").joinpath("assets").joinpath(name).read_text(encoding="utf-8")


def _script(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c")
    code = "\n".join(_asset(name) for name in SCRIPTS)
    return (
        f'<script type="application/json" id="data">{text}</script>'
        f'<script>"use strict";\n{code}</script>'
    )


def _warnings(lines: Sequence[str]) -> str:
    if not lines:
        return ""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return (
        f'<div class="warnings" role="note"><strong>Read with care</strong><ul>{items}</ul></div>'
    )


def _comparison(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    lines = "".join(f"<li>{html.escape(line)}</li>" for line in sentences(comparison))
    rows = "".join(
        f'<tr><td class="text">{html.escape(name)}</td><td>{a}</td><td>{b}</td></tr>'
        for name, a, b in comparison.strata
    )
    heads = f"<th>{html.escape(comparison.a.name)}</th><th>{html.escape(comparison.b.name)}</th>"
    return (
        f"<ul>{lines}</ul><details><summary>Settings compared, and finished runs on each side"
        f'</summary><table><thead><tr><th class="text">setting</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></details>"
        f"{_compared(comparison.a)}{_compared(comparison.b)}"
    )


def _compared(side: Side) -> str:
    links = "".join(
        f'<li><a href="#{run_lists.anchor(run)}">{html.escape(run.run_id)}</a>: {run.status}</li>'
        for run in side.runs
    )
    name = html.escape(side.name)
    return f"<details><summary>Runs of {name}: {len(side.runs)}</summary><ul>{links}</ul></details>"
