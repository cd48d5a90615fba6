"""Write tables and figures of the README, docs/reproduction.md, docs/suite.md, docs/kernel.md.

They are made from the records.

    python docs/records/pages.py          rewrites them all
    python docs/records/pages.py --text   the tables only

A table stands between `<!-- NAME -->` and `<!-- end -->`; what is there is replaced. A test holds the pages
to it.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from claim_figures import draw, draw_overview
from claim_tables import (
    overfitting_table,
    plateau_table,
    rates_table,
    score,
    seeds_table,
    sgd_seeds_table,
    summary_table,
    theirs_table,
)
from claims import CLAIMS, ROOT, Claim, best, scoring, setting
from speed import speed_tables
from suite_tables import glance_table, keller_table, search_table
from tables import table

IMAGES = ROOT / "docs" / "images"
SHARED = """
The table counts a run that never exploded under each policy, since it is the same under each; the list
and the report have it once."""
PAGES = tuple(
    ROOT / page for page in ("README.md", "docs/reproduction.md", "docs/suite.md", "docs/kernel.md")
)


def blocks() -> dict[str, list[str]]:
    """Every table by its name."""
    found = {"theirs": theirs_table(), "rates": rates_table(), "seeds": seeds_table()}
    found.update({"plateau": plateau_table(), "sgd-seeds": sgd_seeds_table()})
    found.update({"suite": glance_table(), "keller": keller_table(), "search": search_table()})
    found.update(speed_tables())
    for name, claim in CLAIMS.items():
        found[name] = ["*Not run yet: there is no record.*"]
        if claim.runs():
            title = f"Held-out {scoring(claim.runs()[0]).label} against updates: {name}"
            found[name] = [*own_table(name), "", f"![{title}](images/{picture(name).name})"]
    return found


def own_table(name: str) -> list[str]:
    """The table of a claim."""
    claim = CLAIMS[name]
    write = overfitting_table if claim.overfitting else summary_table
    return write(claim, claim.pooled())


def picture(name: str) -> Path:
    """The figure of a claim."""
    return IMAGES / f"{CLAIMS[name].page}_{name.replace('-', '_')}.png"


def filled(page: str, tables: dict[str, list[str]]) -> str:
    """Put the tables in their places; a place without a table is an error."""

    def content(match: re.Match[str]) -> str:
        lines = tables[match[1]]
        return "\n".join([f"<!-- {match[1]} -->", *lines, "<!-- end -->"])

    return re.sub(r"<!-- ([a-z-]+) -->\n.*?<!-- end -->", content, page, flags=re.DOTALL)


def record_page(name: str, claim: Claim) -> str:
    """Write a record's README: commands, machine, table, and every run."""
    runs = claim.runs()
    commands = sorted({run["process"] for run in runs})
    machines = sorted({f"{run['machine']}, torch {run['versions']['torch']}" for run in runs})
    threads = sorted({str(run["threads"]) for run in runs})
    sets = Counter(run.get("instruction_set") or "not recorded" for run in runs)
    scored = scoring(runs[0])
    rows = [
        [f"`{run['run_id']}`", run["status"], f"{run['steps']:,}", written(best(run), scored.name)]
        for run in runs
    ]
    return "\n".join(
        [
            f"# {name}",
            "",
            *(f"    {command}" for command in commands),
            "",
            f"{'; '.join(machines)}; threads a run: {', '.join(threads)}; instruction set (runs): "
            f"{', '.join(f'{name} ({count})' for name, count in sorted(sets.items()))}; commits "
            f"{', '.join(sorted({commit(run) for run in runs}))}. `results.jsonl` has each run's"
            " `result.json` with its configuration, its command, and its curves, thinned;"
            f" `python -m irnn.report docs/records/{claim.record} --out report` tables them and makes a page"
            " with the curves, which is on the site, too.",
            f"[docs/{claim.page}.md](../../{claim.page}.md) says what it is evidence for.",
            *([SHARED] if claim.pooled() != runs else []),
            "",
            *own_table(name),
            "",
            *table(["run", "status", "updates", f"best held-out {scored.label}"], rows),
            "",
        ]
    )


def commit(run: dict[str, Any]) -> str:
    """Name the commit that made a run, or else the version: an installed package has no commit."""
    return (run["commit"] or "")[:10] or f"none (irnn {run['versions'].get('irnn', '?')})"


def written(value: float, metric: str) -> str:
    """Write a score, in two digits where five decimals would be zeros."""
    return score(value, metric) if value >= 1e-4 else f"{value:.1e}"


def main() -> None:
    """Rewrite the pages, the records' READMEs and the figures."""
    tables = blocks()
    for page in PAGES:
        page.write_text(filled(page.read_text(), tables))
    for name, claim in CLAIMS.items():
        if claim.runs():
            (claim.folder / "README.md").write_text(record_page(name, claim))
            if "--text" not in sys.argv[1:]:
                draw(claim, claim.pooled(), picture(name))
    if "--text" not in sys.argv[1:]:
        default = [run for run in CLAIMS["default"].runs() if setting(run, "optim.lr") == 1e-3]
        draw(CLAIMS["default"], default, IMAGES / "default_lengths.png")
        draw_overview(IMAGES / "suite.png")


if __name__ == "__main__":
    main()
