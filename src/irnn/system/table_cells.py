"""Cells of CSV files that a spreadsheet would take for formulas."""

from typing import TypeVar

Value = TypeVar("Value")
_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def neutral(value: Value) -> Value | str:
    """Put an apostrophe before text that begins like a formula, as OWASP advises; numbers stay numbers.

    A spreadsheet then shows the text; a program that wants it back removes one leading apostrophe.
    """
    if isinstance(value, str) and value.startswith(_BEGIN_FORMULAS):
        return f"'{value}"
    return value
