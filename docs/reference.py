"""Write what is made: docs/settings.md, docs/decisions/README.md, tables of docs/tasks.md and predict.md."""

import inspect
import os
import re
import sys
from pathlib import Path
from unittest.mock import patch

from irnn.prediction import formats
from irnn.spec import help
from irnn.spec.options import Setting
from irnn.tasks.published_rows import PublishedRow, rows_of

DOCS = Path(__file__).parent
TASKS, PREDICT = DOCS / "tasks.md", DOCS / "predict.md"
SETTINGS = """\
# All settings

Made from the schema by `make reference`; `irnn-train --help` says the same in a terminal. Write them as
`KEY=VALUE` on the command line of `irnn-train`, or in [Python](python.md) as texts for `irnn.compose`.
[Set up a run](configuration.md) says how they go together.

"""
DECISIONS = """\
# Decisions

Why things are as they are, where a newcomer would ask. Numbers that are missing were withdrawn.

"""


def pages() -> dict[Path, str]:
    """Give the pages and what is to be in them."""
    own = {key: text for key, text in os.environ.items() if not key.startswith(("IRNN_", "WANDB_"))}
    with patch.dict(os.environ, own, clear=True):
        settings = _settings()
    return {
        DOCS / "settings.md": settings,
        DOCS / "decisions" / "README.md": _decisions(),
        **{
            page: re.sub(_PLACE, _filled, page.read_text(), flags=re.DOTALL)
            for page in (TASKS, PREDICT)
        },
    }


_PLACE = r"<!-- (published (\w+)|columns|answers|files) -->\n.*?<!-- end -->"


def _filled(place: re.Match[str]) -> str:
    made = {"columns": _columns, "answers": _answers, "files": _files}
    lines = _published(place[2]) if place[2] else made[place[1]]()
    return "\n".join([f"<!-- {place[1]} -->", *lines, "<!-- end -->"])


def _published(task: str) -> list[str]:
    """Give the table of what others published of a task."""
    lines = ["| model | T | variant | result | how | source |", "|---|---|---|---|---|---|"]
    for row in rows_of(task):
        how = [f"{row.hidden} units"] * bool(row.hidden)
        how += [f"batch {row.batch}"] * (row.batch is not None) + [row.optimizer]
        source = f"{row.source} ({row.label})" + f"; {row.note}" * bool(row.note)
        cells = [row.model, f"{row.seq_len:,}", row.variant, row.outcome]
        cells += [", ".join(filter(None, how)), source]
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return lines


def _columns() -> list[str]:
    """Give the columns of a table of published rows, with the first row of the adding problem."""
    first = rows_of("adding")[0]
    lines = ["| column | first row | what |", "|---|---|---|"]
    said = inspect.getdoc(PublishedRow) or ""  # Python 3.13 keeps no indentation in __doc__
    documented = re.findall(r"^ {4}(\w+): (.*?)$", said, re.MULTILINE)
    for name, what in documented:
        value = getattr(first, name)
        shown = f"`{value}`" if value not in (None, "") else ""
        lines.append(f"| `{name}` | {shown} | {_cell(what)} |")
    return lines


def _answers() -> list[str]:
    """Give the table of what predictions show of each task."""
    rows = [f"| {' | '.join(map(_cell, row))} |" for row in formats.answer_table()]
    return ["| task | a row shows | below the table |", "|---|---|---|", *rows]


def _files() -> list[str]:
    """Give the table of what a step is in files of each task."""
    rows = [f"| {' | '.join(map(_cell, row))} |" for row in formats.file_table()]
    return ["| task | CSV | as in | NPY |", "|---|---|---|---|", *rows]


def _settings() -> str:
    lines = ["## Groups", ""]
    for group in help.GROUPS:
        number, options = help.group(group)
        lines += [
            f"### {group}",
            "",
            *([f"{number[0].upper()}{number[1:]}.", ""] if number else []),
        ]
        lines += ["| `" + group + "=` | what |", "|---|---|"]
        lines += [f"| `{name}` | {_cell(text)} |" for name, text in options.items()] + [""]
    sections: dict[str, list[Setting]] = {"": []}
    for setting in help.all_settings():
        sections.setdefault(setting.key.rpartition(".")[0], []).append(setting)
    lines += ["## Settings"]
    for section, settings in sections.items():
        lines += ["", f"### {section}.*" if section else "### The run itself", ""]
        lines += ["| setting | default | what | accepted |", "|---|---|---|---|"]
        lines += map(_row, settings)
    return SETTINGS + "\n".join(lines) + "\n"


def _row(setting: Setting) -> str:
    default = help.default(setting)
    shown = "" if default is None else f"`{default}`"
    what, accepted = _cell(setting.doc), _cell(help.remarks(setting))
    return f"| `{setting.key}` | {shown} | {what} | {accepted} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _decisions() -> str:
    lines = []
    for path in sorted((DOCS / "decisions").glob("0*.md")):
        title = re.sub(r"^#\s*(\d+\.\s*)?", "", path.read_text().partition("\n")[0])
        lines.append(f"* [{int(path.name[:4])}]({path.name}) {title}")
    return DECISIONS + "\n".join(lines) + "\n"


if __name__ == "__main__":
    made = pages()
    if "--check" in sys.argv:
        sys.exit(any(path.read_text() != text for path, text in made.items()))
    for path, text in made.items():
        path.write_text(text)
