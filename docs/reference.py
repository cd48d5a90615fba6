"""Write docs/settings.md from the schema, and docs/decisions/README.md from its files: `make reference`."""

import os
import re
import sys
from pathlib import Path
from unittest.mock import patch

from irnn.spec import help
from irnn.spec.options import Setting

DOCS = Path(__file__).parent
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
    return {DOCS / "settings.md": settings, DOCS / "decisions" / "README.md": _decisions()}


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
