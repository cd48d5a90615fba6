"""What tables of the page consist of, as data; `templates/` makes HTML of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from irnn.reporting.statistics import Quantile

_MANY_COLUMNS = 18


@dataclass(frozen=True)
class Column:
    """A column's head, and whether it holds text."""

    name: str
    is_text: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell: `small` stands below its text, `sort` overrides what its column is sorted by.

    `swatch` is the number of the group whose line and colour it shows.
    """

    text: str
    small: str = ""
    sort: str = ""
    link: str = ""
    css: str = ""
    is_code: bool = False
    swatch: int | None = None


@dataclass(frozen=True)
class Row:
    """A row of cells; `name` is its id on the page."""

    cells: Sequence[Cell]
    name: str = ""


@dataclass(frozen=True)
class Table:
    """A table that scrolls sideways; its first column is the head of each row."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    sortable: bool = True
    shows_caption: bool = False

    @property
    def is_dense(self) -> bool:
        """Whether there are so many columns that they stand closer."""
        return len(self.columns) > _MANY_COLUMNS


def text(value: str, link: str = "", css: str = "text", **more: Any) -> Cell:
    """Make a cell of words."""
    return Cell(value, link=link, css=css, **more)


def number(value: str, sort: float | str | None = None, link: str = "") -> Cell:
    """Make a cell of a number; what follows a newline stands small below."""
    first, _, rest = value.partition("\n")
    key = "" if sort is None else sort if isinstance(sort, str) else sort_key(sort)
    return Cell(first, rest, key, link)


def sort_key(value: float) -> str:
    """A sort key that JavaScript's Number reads; unknown sorts after everything."""
    return "Infinity" if math.isnan(value) or math.isinf(value) else repr(value)


def quantile_key(value: Quantile) -> str:
    """Sort '>20,000' after every median that was reached, and 'never' last."""
    if math.isfinite(value.value) or not math.isfinite(value.bound):
        return sort_key(value.value)
    return sort_key(1e15 + value.bound)
