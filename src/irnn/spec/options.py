"""How a setting is declared, how settings are walked over, and what the named choices of a run are.

A setting is declared once, with `option`: its default, one line of documentation and the numbers it accepts.
A group such as `init=` has options, each a class that owns its settings: a `Choice`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from irnn.spec.config import Config

HUGE = 1e38
"""What float32 holds, of a weight or of what weights are multiplied with."""


def option(
    default: Any = MISSING,
    doc: str = "",
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> Any:
    """Declare a setting: its default, one line about it for `--help`, and bounds on a number.

    A setting whose type says `| None` may be null; one without a default must be given. Of a default that is
    a list every object has a copy.

    Args:
        default: what it is unless it is given.
        doc: the line, without a full stop.
        above: the number that it must be larger than.
        at_least: the smallest number that it can be.
        below: the number that it must be smaller than.
        at_most: the largest number that it can be.
    """
    bounds = {"above": above, "at least": at_least, "below": below, "at most": at_most}
    bounds = {relation: bound for relation, bound in bounds.items() if bound is not None}
    metadata = {"doc": doc, "bounds": bounds}
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def default_of(item: Field[Any]) -> Any:
    """Give the default of a setting; MISSING if it must be given."""
    return item.default if item.default_factory is MISSING else item.default_factory()


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An option of a group: its settings are its fields, and what it does are its methods.

    The decorators of `irnn.spec.registry` name it, and make a subclass the frozen dataclass that it is.
    """

    group: ClassVar[str] = ""
    """The group and section of the configuration: "task", "model", "init" or "optim"."""
    name: ClassVar[str] = ""
    """Its name there."""
    summary: ClassVar[str] = ""
    """The first line of its documentation, for `--help`."""
    source: ClassVar[str] = ""
    """What tells one version of a plug-in's code from another; empty for irnn's own."""

    @classmethod
    def lacking(cls) -> list[str]:
        """Name the methods that the class would need to be an option."""
        return sorted(getattr(cls, "__abstractmethods__", ()))

    @classmethod
    def values_of(cls, setting: str) -> list[str]:
        """List what a setting of text can be, for shells to complete; empty where anything can."""
        return []

    def refusal(self, config: Config) -> tuple[str, str] | None:
        """Say which setting cannot work with the rest of a run, and what would be accepted; None if all can.

        The setting is one of this choice ("gain"), or any by its full key ("model.hidden_size").
        """
        return None

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to another process, which loads the plug-in that it is of."""
        from irnn.spec import plugins, registry

        cls: type[Choice] = type(self)
        values = {item.name: getattr(self, item.name) for item in fields_of(cls)}
        if registry.classes(cls.group).get(cls.name) is not cls:  # not registered, or no more
            return _made, (cls, values)
        known = registry.source_of(cls)
        word = known.plugin if known else ""
        return plugins.rebuilt, (cls.group, cls.name, cls.source, word, values)


def _made(cls: type[Choice], values: dict[str, Any]) -> Choice:
    return cls(**values)


@dataclass(frozen=True)
class Setting:
    """One leaf of a configuration: its full key, its value and how it was declared.

    `only` names the options of its group that have it, where that is not all of them.
    """

    key: str
    type: Any
    value: Any
    doc: str = ""
    bounds: dict[str, float] = field(default_factory=dict)
    only: tuple[str, ...] = ()


_PLAIN = frozenset((bool, int, float, str))
_cached_fields: Any = cache(fields)


def fields_of(kind: Any) -> tuple[Field[Any], ...]:
    """Give the fields of a dataclass, in order."""
    found: tuple[Field[Any], ...] = _cached_fields(kind)
    return found


def settings(node: Any, prefix: str = "") -> Iterator[Setting]:
    """Walk over the leaves of a configuration (or of one of its sections), in order."""
    kind: Any = type(node)
    if issubclass(kind, Choice):
        yield Setting(f"{prefix}name", str, kind.name, f"option of {kind.group}=")
    for item in fields_of(kind):
        key, value = f"{prefix}{item.name}", getattr(node, item.name)
        if is_dataclass(item.type):
            yield from settings(value, f"{key}.")
        else:
            yield Setting(key, item.type, value, **item.metadata)


def leaves(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Give the values of nested dictionaries by their full keys: of {"a": {"b": 1}} {"a.b": 1}."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        inside = isinstance(value, Mapping)
        found |= leaves(value, f"{prefix}{key}.") if inside else {f"{prefix}{key}": value}
    return found


def plain(value: Any) -> Any:
    """Turn a configuration into dicts, strings and numbers that any reader knows."""
    if value is None or type(value) in _PLAIN:
        return value
    if not is_dataclass(value):
        return value.value if isinstance(value, Enum) else value
    kind: Any = type(value)
    written = {item.name: plain(getattr(value, item.name)) for item in fields_of(kind)}
    if not issubclass(kind, Choice):
        return written
    return {
        "name": kind.name,
        **({"source": kind.source} if kind.source else {}),
        **written,
    }
