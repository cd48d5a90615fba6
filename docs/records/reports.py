"""Write what the site shows of the records besides docs/: each one's report, and the page that lists them.

`make docs` does so before it builds the site; git keeps neither.

    python docs/records/reports.py
"""

from pathlib import Path

from claims import RECORDS, ROOT

from irnn.reporting.charts import page_data
from irnn.reporting.page import render_page
from irnn.reporting.select import select
from irnn.reporting.summary import summarise_tasks

HEAD = """\
# Reports of the records

What `irnn-report` makes of each record: verdict, learning curves, tables, every run. Made with the site.

"""


def records() -> list[Path]:
    """Give the folders of all records of runs."""
    return sorted(path.parent for path in RECORDS.glob("*/results.jsonl"))


def report(record: Path) -> str:
    """Write what `irnn-report` says of a record."""
    loaded = select([str(record)])
    summaries = summarise_tasks(loaded.runs)
    command = f"python -m irnn.report docs/records/{record.name}"
    return render_page(loaded, summaries, None, page_data(summaries), record, command)


def write(into: Path) -> None:
    """Write every report and their list into a folder that is laid out as docs/records."""
    for record in records():
        folder = into / record.name
        folder.mkdir(exist_ok=True)
        (folder / "report.html").write_text(report(record))
    lines = [f"* [{record.name}]({record.name}/report.html)" for record in records()]
    (into / "reports.md").write_text(HEAD + "\n".join(lines) + "\n")


if __name__ == "__main__":
    write(ROOT / "docs" / "records")
