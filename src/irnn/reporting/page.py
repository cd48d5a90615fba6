"""The report as one self-contained HTML file: no request leaves it, no framework draws it."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from irnn.reporting import run_lists, sections
from irnn.reporting.charts import relative_link
from irnn.reporting.compare import Comparison, about
from irnn.reporting.comparison_text import sentences
from irnn.reporting.provenance import warnings
from irnn.reporting.run import Loaded, Run
from irnn.reporting.scoring import UNKNOWN
from irnn.reporting.settings import show
from irnn.reporting.summary import Summary
from irnn.reporting.table import headline
from irnn.reporting.text import printable
from irnn.reporting.verdict import verdict

SCRIPTS = (
    "table.js",
    "chart.js",
    "runs.js",
    "download.js",
    "curves_asked.js",
    "curves.js",
    "scatter.js",
    "survival.js",
    "sides.js",
    "live.js",
    "start.js",
)

# The browser itself then refuses any request, whatever a setting's text may contain.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"

SERVED_POLICY = f"{POLICY}; connect-src 'self'"
"""Of a page that asks its own server for news."""

Link = Callable[[Run], str]
_LONG_NAME = 12


@dataclass(frozen=True)
class Part:
    """A task's share of the page: `of` says whose it is where there are several, `name` ends ids."""

    summary: Summary
    name: str
    of: str
    description: str
    verdict: str
    comparison: Comparison | None


@dataclass(frozen=True)
class Content:
    """What a page says: its title, and the HTML of its head and main elements."""

    title: str
    head: Markup
    main: Markup


def render_page(
    loaded: Loaded,
    summaries: Sequence[Summary],
    comparison: Comparison | None,
    data: Mapping[str, Any],
    out: Path,
    command: str = "",
    written: Sequence[str] = (),
) -> str:
    """Write the whole page as it lies in `out`, from which links to run folders are relative.

    Each task has its own tables and charts. `data` is what `page_data` computed from `summaries`,
    `command` what was typed to get the page, `written` the files that lie beside it.
    """

    def link(run: Run) -> str:
        return relative_link(run.path, out)

    parts = content(loaded, summaries, comparison, link, command, written)
    return around(parts, json.dumps(_drawn(data), separators=(",", ":"), allow_nan=False))


def content(
    loaded: Loaded,
    summaries: Sequence[Summary],
    comparison: Comparison | None,
    link: Link,
    command: str = "",
    written: Sequence[str] = (),
) -> Content:
    """Write what the page says; `link` gives the address of a run's folder."""
    summaries = () if loaded.awaited else summaries
    parts = [_part(summary, comparison, len(summaries) > 1) for summary in summaries]
    counts = headline(loaded)
    title, _, more = (parts[0].verdict if len(parts) == 1 else counts).partition(". ")
    context = {
        "headline": counts,
        "title": f"{title}." if more else title,
        "more": more,
        "about": _about(summaries[0]) if len(summaries) == 1 else "",
        "at": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "command": printable(command),
        "warnings": warnings(loaded),
        "files": _files(written),
        "parts": parts,
        "typed": run_lists.typed(loaded),
        "provenance": run_lists.provenance(loaded),
        "past": " or ".join(dict.fromkeys(summary.scoring.past for summary in summaries)),
        "link": link,
    }
    head, main = (
        Markup(_environment().get_template(name).render(context))
        for name in ("head.html", "main.html")
    )
    return Content(counts, head, main)


def around(parts: Content, data: str, live: bool = False) -> str:
    """Write the page around its content; `data` is the charts' JSON, `live`: the page follows its server."""
    page: str = (
        _environment()
        .get_template("page.html")
        .render(
            policy=Markup(SERVED_POLICY if live else POLICY),
            parts=parts,
            live=live,
            style=Markup(_asset("page.css")),
            script=Markup("\n".join(map(_asset, SCRIPTS))),
            data=Markup(data.replace("<", "\\u003c")),  # no text in it can end the element around
        )
    )
    return page


def listing(folder: str, names: Sequence[str]) -> str:
    """Write a page of links to the files of a run's folder."""
    page: str = (
        _environment().get_template("listing.html").render(folder=printable(folder), names=names)
    )
    return page


def _drawn(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The charts' data without the medians, which the page makes itself."""
    if "tasks" in data:
        return {**data, "tasks": [_drawn(part) for part in data["tasks"]]}
    groups = [{**group, "median": None} for group in data["groups"]]
    return {**data, "groups": groups}


def _files(written: Sequence[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Links to files: each name once, with a link for each format."""
    formats: dict[str, list[tuple[str, str]]] = {}
    for path in written:
        name, _, format_ = path.rpartition(".")
        formats.setdefault(name.removeprefix("figures/"), []).append((format_.upper(), quote(path)))
    return list(formats.items())


def _about(summary: Summary) -> str:
    """Say of runs of one task which it is, how long its sequences are, and when a run has solved it."""
    scoring, length = summary.scoring, summary.constant.get("task.seq_len")
    text = f"Task {scoring.task}" + (f", T = {show(length)}" if length is not None else "")
    level = summary.asked or summary.goal
    return f"{text}; solved: held-out {scoring.label} {scoring.past} {level}" if level else text


def _part(summary: Summary, comparison: Comparison | None, several: bool) -> Part:
    own = about(summary.runs, comparison)
    of = f" of {summary.scoring.task}" * several
    text = summary.scoring.description() if several or summary.scoring.kind != UNKNOWN.kind else ""
    return Part(summary, summary.mark, of, text, verdict(summary, own), own)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("irnn.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        breakable=_breakable, shown=show, address=_address, unbroken=_unbroken
    )
    environment.globals.update(sections=sections, run_lists=run_lists, sentences=sentences)
    return environment


def _breakable(name: str) -> Markup:
    """Let a long name be folded where its words meet."""
    if len(name) <= _LONG_NAME:
        return escape(name)
    return Markup(re.sub(r"([_.])(?=[a-z])", r"\1<wbr>", str(escape(name))))


def _unbroken(sentence: str) -> str:
    """Keep `p = 0.003` on one line."""
    return re.sub(r"\bp ([=<]) ", "p\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", sentence)


def _address(name: str) -> str:
    """A file's name as a relative address; bytes that are no text stay what they are."""
    return f"./{quote(name, safe='', errors='surrogateescape')}"


def _asset(name: str) -> str:
    return files("irnn.reporting").joinpath("assets").joinpath(name).read_text(encoding="utf-8")
