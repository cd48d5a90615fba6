"""How a setting is declared, and how settings are walked over.

Declared once, with `option`: its default, one line of documentation, the numbers it accepts, and the
choices of its section's `name` that have it.
"""

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any


def option(
    default: Any,
    doc: str,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    only: tuple[str, ...] = (),
    optional: bool = False,
) -> Any:
    """Declare a setting: bounds on a number, and in `only` the names of its section that have it.

    Those need a value for it, unless it is `optional`.
    """
    bounds = {"above": above, "at least": at_least, "below": below, "at most": at_most}
    bounds = {relation: bound for relation, bound in bounds.items() if bound is not None}
    metadata = {"doc": doc, "bounds": bounds, "only": only, "optional": optional}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Setting:
    """One leaf of a configuration: its full key, its value and how it was declared."""

    key: str
    type: Any
    value: Any
    doc: str
    bounds: dict[str, float]
    only: tuple[str, ...]
    optional: bool


@cache
def _fields(kind: Any) -> "tuple[Field[Any], ...]":
    return fields(kind)


def settings(node: Any, prefix: str = "") -> Iterator[Setting]:
    """Walk over the leaves of a configuration (or of one of its sections), in order."""
    kind: Any = type(node)
    for item in _fields(kind):
        key, value = f"{prefix}{item.name}", getattr(node, item.name)
        if is_dataclass(item.type):
            yield from settings(value, f"{key}.")
        else:
            yield Setting(key, item.type, value, **item.metadata)


def plain(value: Any) -> Any:
    """Turn a configuration into dicts, strings and numbers that any reader knows."""
    if is_dataclass(value):
        kind: Any = type(value)
        return {item.name: plain(getattr(value, item.name)) for item in _fields(kind)}
    return value.value if isinstance(value, Enum) else value
