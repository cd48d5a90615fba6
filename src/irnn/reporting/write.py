"""Write everything that --out asks for."""

from pathlib import Path

from irnn import pictures
from irnn.atomic import replacing
from irnn.reporting import export
from irnn.reporting.charts import chart_data
from irnn.reporting.compare import Comparison
from irnn.reporting.page import render_page
from irnn.reporting.run import Loaded
from irnn.reporting.summary import Summary


def write_report(
    out: Path,
    loaded: Loaded,
    summary: Summary,
    comparison: Comparison | None,
    command: str = "",
) -> list[str]:
    """Write the page and the summaries into `out`; say in one line each what was written or not.

    `command` is what was typed, for the page to tell.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = export.rows(loaded.runs, summary.asked)
    with replacing(out / "summary.csv") as path:
        export.write_csv(rows, path)
    lines = [f"wrote {out / 'summary.csv'}"]
    if export.can_write_parquet():
        with replacing(out / "summary.parquet") as path:
            export.write_parquet(rows, path)
        lines.append(f"wrote {out / 'summary.parquet'}")
    else:
        lines.append(export.PARQUET_REMEDY)
    data = chart_data(summary)
    page = render_page(loaded, summary, comparison, data, out.resolve(), command)
    with replacing(out / "report.html") as path:
        path.write_text(page, encoding="utf-8")
    lines.append(f"wrote {out / 'report.html'}")
    pictures.load()
    from irnn.reporting.figures import write_figures  # matplotlib is slow to import

    drawn = write_figures(summary, data, out / "figures")
    lines.append(f"wrote {len(drawn)} pictures into {out / 'figures'}")
    return lines
