"""Write everything that --out asks for."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from irnn.reporting import export
from irnn.reporting.charts import page_data
from irnn.reporting.compare import Comparison
from irnn.reporting.page import render_page
from irnn.reporting.run import Loaded
from irnn.reporting.summary import Summary
from irnn.system import pictures
from irnn.system.atomic import replacing

_LONGEST_NAME = 80
_TABLES = ("summary.csv", "summary.parquet")


def write_report(
    out: Path,
    loaded: Loaded,
    summaries: Sequence[Summary],
    comparison: Comparison | None,
    command: str = "",
) -> list[str]:
    """Write the page and the summaries into `out`; say in one line each what was written or not.

    `command` is what was typed, for the page to tell.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = export.rows(loaded.runs, summaries[0].asked)
    with replacing(out / "summary.csv") as path:
        export.write_csv(rows, path)
    lines = [f"wrote {out / 'summary.csv'}"]
    if export.can_write_parquet():
        with replacing(out / "summary.parquet") as path:
            export.write_parquet(rows, path)
        lines.append(f"wrote {out / 'summary.parquet'}")
    else:
        lines.append(export.PARQUET_REMEDY)
    data = page_data(summaries)
    pictures.load()
    drawn, line = _figures(summaries, data, out / "figures")
    written = [name for name in _TABLES if (out / name).is_file()]
    written += [path.relative_to(out).as_posix() for path in drawn]
    page = render_page(
        loaded, summaries, comparison, data, out.resolve(), command=command, written=written
    )
    with replacing(out / "report.html") as path:
        path.write_text(page, encoding="utf-8")
    return [*lines, f"wrote {out / 'report.html'}", line]


def _figures(
    summaries: Sequence[Summary], data: dict[str, Any], folder: Path
) -> tuple[list[Path], str]:
    """Draw the pictures, of several tasks each into a folder of its own; say which and where they are."""
    from irnn.reporting.figures import clear_figures, write_figures  # matplotlib is slow to import

    if len(summaries) == 1:
        drawn = write_figures(summaries[0], data, folder)
        return drawn, f"wrote {len(drawn)} pictures into {folder}"
    clear_figures(folder)
    drawn = []
    for summary, part in zip(summaries, data["tasks"], strict=True):
        name = re.sub(r"[^A-Za-z0-9_-]", "_", summary.scoring.task)[:_LONGEST_NAME]
        scored = sum(each.scoring.task == summary.scoring.task for each in summaries) > 1
        place = folder / (f"{name}{summary.mark}" if scored else name)
        drawn += write_figures(summary, part, place)
    return drawn, f"wrote {len(drawn)} pictures into {folder}, by task"
