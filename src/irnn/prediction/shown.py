"""Answers on the screen: a table of the first ones, and what there is to say below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from irnn.prediction.answers import columns

if TYPE_CHECKING:
    from irnn.tasks.base import Task
    from irnn.tasks.input_file import Cells

SHOWN = 20  # rows of a table for the screen


def screen_lines(task: Task, rows: Sequence[Cells], count: int, *, known: bool) -> Iterator[str]:
    """Lay out the first rows of `count` sequences, in columns of one width."""
    names, described = columns(task, known=known), task.described if known else ()
    lines = [_line(task, row, names, described) for row in rows]
    cells = [[*lines[0]], *([*line.values()] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
    if count > SHOWN:
        yield f"… and {count - SHOWN:,} more (--output FILE writes all)"
    if not known and task.head.last != 1:
        yield "The last answers of each are shown; --output FILE writes those of all steps."


def _line(task: Task, row: Cells, names: Sequence[str], described: Sequence[str]) -> dict[str, str]:
    """Write a row's cells by their headings: name and length, what describes a sequence, the answers."""
    fields = task.screen_cells({name: row[name] for name in described}) if described else {}
    cells = {name: _cell(task, name, row[name]) for name in names if name not in described}
    return {name: cells.pop(name) for name in ("sequence", "steps")} | fields | cells


def _cell(task: Task, name: str, value: str | float | int | None) -> str:
    if name == "error":
        return f"{value:+.4f}"
    if name == "right":
        return f"{value} of {task.spelled}"
    return f"{value:.4f}" if isinstance(value, float) else printable(str(value))


def printable(name: str) -> str:
    """Write a sequence's name so that it does nothing to a screen."""
    return "".join(c if c.isprintable() else "?" for c in name)
