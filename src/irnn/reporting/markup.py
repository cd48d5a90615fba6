"""Cells and tables of the page as pieces of HTML."""

import html
import math
import re
from collections.abc import Sequence

from irnn.reporting.statistics import Quantile

_MANY_COLUMNS = 18
_LONG_NAME = 12
TIP = '<div class="tip" role="status" hidden></div>'


def cell(text: str, sort: float | str | None = None, link: str = "", css: str = "") -> str:
    """One cell: what follows a newline stands small below; `sort` overrides what a column sorts by."""
    inner = html.escape(text)
    first, newline, rest = inner.partition("\n")
    if link:
        first = f'<a href="{html.escape(link)}">{first}</a>'
    inner = f"{first}<small>{rest}</small>" if newline else first
    key = "" if sort is None else f' data-sort="{html.escape(str(sort))}"'
    name = f' class="{css}"' if css else ""
    return f"<td{name}{key}>{inner}</td>"


def _breakable(name: str) -> str:
    """Let a long name be folded where its words meet."""
    if len(name) <= _LONG_NAME:
        return name
    return re.sub(r"([_.])(?=[a-z])", r"\1<wbr>", name)


def _head(names: Sequence[tuple[str, bool]], sortable: bool) -> str:
    cells = []
    for name, is_text in names:
        inner = _breakable(html.escape(name))
        if sortable:
            inner = f'<button type="button">{inner}</button>'
        cells.append(f'<th scope="col"{" class=text" * is_text}>{inner}</th>')
    return f"<thead><tr>{''.join(cells)}</tr></thead>"


def table(
    names: Sequence[tuple[str, bool]], rows: Sequence[str], label: str, sortable: bool = True
) -> str:
    """A table of finished rows that scrolls sideways; a column is (name, whether it is text)."""
    css = ' class="sortable"' if sortable else ""
    dense = " dense" * (len(names) > _MANY_COLUMNS)
    return (
        f'<div class="scroll{dense}" role="region" aria-label="{html.escape(label)}" tabindex="0">'
        f"<table{css}>{_head(names, sortable)}<tbody>{''.join(rows)}</tbody></table></div>"
    )


def sort_key(value: float) -> str:
    """A sort key that JavaScript's Number reads; unknown sorts after everything."""
    return "Infinity" if math.isnan(value) or math.isinf(value) else repr(value)


def quantile_key(value: Quantile) -> str:
    """Sort '>20,000' after every median that was reached, and 'never' last."""
    if math.isfinite(value.value) or not math.isfinite(value.bound):
        return sort_key(value.value)
    return sort_key(1e15 + value.bound)
