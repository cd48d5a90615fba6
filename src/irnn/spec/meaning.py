"""What a piece of Python says when it runs, as bytes that any version of Python makes of it.

Comments, blank lines, layout, quotes and docstrings are not in it. `ast.dump` is no help: versions of Python
write differently what they read alike.
"""

import ast
from functools import cache
from typing import Any

_NO_MEANING = frozenset(("ctx", "kind", "type_comment", "type_ignores"))
"""Fields of nodes that follow from others, or that nothing runs by."""


class _Word(str):
    """What is written as it is, unlike a string of the tree."""


_END, _END_OF_LIST = _Word(")"), _Word("]")


def meaning(text: bytes) -> bytes:
    """Write out the syntax tree: each node as its name and its fields, those left out that are empty.

    A version of Python that adds a field to a node leaves it empty for code that knows no such thing.

    Raises:
        SyntaxError: It is no Python.
    """
    written: list[str] = []
    left: list[Any] = [ast.parse(text)]  # no recursion: a sum of a thousand terms would exhaust it
    while left:
        here = left.pop()
        kind: Any = type(here)
        if kind is _Word:
            written.append(here)
        elif kind is list:
            written.append("[")
            left.append(_END_OF_LIST)
            left += [each for each in reversed(here) if not _is_text_alone(each)]
        elif isinstance(here, ast.AST):
            if isinstance(here, ast.JoinedStr):
                here = ast.JoinedStr(values=_joined(here.values))
            written.append(f"({kind.__name__}")
            left.append(_END)
            for name, word in _fields(kind):
                value = getattr(here, name, None)
                if value != [] and (value is not None or kind is ast.Constant):
                    left += [value, word]
        else:
            written.append(_constant(here))
    return "".join(written).encode("ascii")


@cache
def _fields(kind: type[ast.AST]) -> tuple[tuple[str, _Word], ...]:
    """Give the fields of a kind of node that mean something, the last first, each with what introduces it."""
    names = [name for name in reversed(kind._fields) if name not in _NO_MEANING]
    return tuple((name, _Word(f" {name}=")) for name in names)


def _joined(parts: list[ast.expr]) -> list[ast.expr]:
    """Give the parts of an f-string, which versions of Python cut differently where they are plain text."""
    found: list[ast.expr] = []
    for part in parts:
        if not isinstance(part, ast.Constant):
            found.append(part)
        elif found and isinstance(found[-1], ast.Constant):
            found[-1] = ast.Constant(value=found[-1].value + part.value)  # type: ignore[operator]
        elif part.value:
            found.append(part)
    return found


def _is_text_alone(node: Any) -> bool:
    """Whether it is a docstring, or another text that nothing is done with."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _constant(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f" {value:x}"  # decimal has a limit of digits
    return f" {value!a}"
