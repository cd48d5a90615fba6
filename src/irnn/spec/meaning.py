"""What a piece of Python says when it runs, as bytes that any version of Python makes of it.

Comments, blank lines, layout, quotes and docstrings are not in it. `ast.dump` is no help: versions of Python
write differently what they read alike.
"""

import ast
from collections.abc import Iterator
from typing import Any

_NO_MEANING = frozenset(("ctx", "kind", "type_comment", "type_ignores"))
"""Fields of nodes that follow from others, or that nothing runs by."""


def meaning(text: bytes) -> bytes:
    """Write out the syntax tree: each node as its name and its fields, those left out that are empty.

    A version of Python that adds a field to a node leaves it empty for code that knows no such thing.

    Raises:
        SyntaxError: It is no Python.
    """
    return "".join(_written(ast.parse(text))).encode("ascii")


def _written(tree: ast.AST) -> Iterator[str]:
    """Walk without recursion, which a sum of a thousand terms would exhaust."""
    left: list[Any] = [tree]
    while left:
        here = left.pop()
        if isinstance(here, _Word):
            yield here
        elif isinstance(here, ast.AST):
            if isinstance(here, ast.JoinedStr):
                here = ast.JoinedStr(values=_joined(here.values))
            yield f"({type(here).__name__}"
            left.append(_Word(")"))
            for name in reversed(here._fields):
                value = getattr(here, name, None)
                if value is None and not isinstance(here, ast.Constant):
                    continue
                if name in _NO_MEANING or value == []:
                    continue
                left += [value, _Word(f" {name}=")]
        elif isinstance(here, list):
            yield "["
            left.append(_Word("]"))
            left += [each for each in reversed(here) if not _is_text_alone(each)]
        else:
            yield _constant(here)


class _Word(str):
    """What is written as it is, unlike a string of the tree."""


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
