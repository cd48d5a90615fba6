"""What a setting's declared type accepts, in words."""

import difflib
from dataclasses import make_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from irnn.spec.options import Setting

UNCLEAR = object()
_MISSING = "???"
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def is_text(kind: Any) -> bool:
    """Whether a type is text, or a list of texts."""
    return _bare(kind) is str or is_list(kind)


def is_whole(kind: Any) -> bool:
    """Whether a type is whole numbers."""
    return _bare(kind) is int


def is_list(kind: Any) -> bool:
    """Whether a type is a list; all lists are of texts."""
    return get_origin(_bare(kind)) is list


def is_table(kind: Any) -> bool:
    """Whether a type is a table, from names to numbers, texts and lists of numbers."""
    return get_origin(_bare(kind)) is dict


def is_supported(kind: Any) -> bool:
    """Whether a setting can be of a type."""
    bare = _bare(kind)
    if is_list(kind):
        return get_args(bare) == (str,)
    if is_table(kind):
        return get_args(bare) == (str, Any)
    return isinstance(bare, type) and (bare in _WORDS or issubclass(bare, Enum))


def is_optional(kind: Any) -> bool:
    """Whether a type has None."""
    return get_origin(kind) in (UnionType, Union) and NoneType in get_args(kind)


def names_of(kind: Any) -> list[str]:
    """List what a setting of a type is one of; empty where it is no choice."""
    return [*_parts(kind)[2]]


def wrong_value(setting: Setting, value: Any) -> tuple[str, str | None] | None:
    """Say what a setting must be, and where that is plain what was meant; None if it can be that.

    A value that is made from other settings is looked at when it is known.
    """
    if isinstance(value, str) and "${" in value:
        return None
    if not _fits(setting.type, value):
        return f"{_remedy(setting, value)}", _meant(setting, value)
    return None


def _fits(kind: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return is_table(kind) and all(map(_fits_table, value, value.values()))
    if value == _MISSING or (is_table(kind) and value is not None):
        return False
    if isinstance(value, list):
        plain = all(each is not None and not isinstance(each, list | dict) for each in value)
        return is_list(kind) and plain and _MISSING not in value
    if quickly_converted(kind, value) is not UNCLEAR:
        return True
    from omegaconf.errors import OmegaConfBaseException

    try:
        converted(kind, value)
    except (OmegaConfBaseException, ValueError, TypeError, OverflowError):
        return False
    return True


def _fits_table(name: Any, value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(each, int | float) for each in value)
    plain = value is None or isinstance(value, int | float | str)
    return isinstance(name, str) and plain and value != _MISSING


def converted(kind: Any, value: Any) -> Any:
    """Give a plain value as a setting of a type holds it; OmegaConf raises what is wrong with it."""
    if (done := quickly_converted(kind, value)) is not UNCLEAR:
        return done
    if is_table(kind):
        return value
    from omegaconf import OmegaConf

    node = _node(kind)
    OmegaConf.update(node, "value", value)
    made = node["value"]
    return OmegaConf.to_container(made) if OmegaConf.is_list(made) else made


def quickly_converted(kind: Any, value: Any) -> Any:
    """Give a value as `converted` does, where that is plain to see; else `UNCLEAR`."""
    bare, optional, members = _parts(kind)
    given = type(value)
    if (value is None and optional) or (given is bare and (members or bare in (int, float, bool))):
        return value
    if given is str:
        return value if bare is str and "${" not in value else members.get(value, UNCLEAR)
    return float(value) if given is int and bare is float and abs(value) < 2**53 else UNCLEAR


@cache
def _parts(kind: Any) -> tuple[Any, bool, dict[str, Any]]:
    bare = _bare(kind)
    is_choice = isinstance(bare, type) and issubclass(bare, Enum)
    return bare, is_optional(kind), {**bare.__members__} if is_choice else {}


@cache
def _node(kind: Any) -> Any:
    """Make a node of one value of a type, which OmegaConf holds it to."""
    from omegaconf import OmegaConf

    return OmegaConf.structured(make_dataclass("Holder", [("value", kind, _MISSING)]))


def _remedy(setting: Setting, value: Any) -> str:
    kind = _bare(setting.type)
    also = " or null" if kind is not setting.type else ""
    if value is None or value == _MISSING:
        return f"must have a value{also} ({setting.doc})"
    if is_list(kind):
        return f"must be a list of texts, as [a,b]{also} ({setting.doc})"
    if is_table(kind):
        return f"must be a table, as {{name: 0.5, other: [0.9, 0.99]}}{also} ({setting.doc})"
    if issubclass(kind, Enum):
        return f"must be one of {', '.join(kind.__members__)}{also}"
    if kind is bool:
        return f"must be {_WORDS[kind]}{also} ({setting.doc})"
    return f"must be {_WORDS[kind]} ({setting.doc})"


def _meant(setting: Setting, value: Any) -> str | None:
    kind = _bare(setting.type)
    if kind is int and isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, str) and isinstance(kind, type) and issubclass(kind, Enum):
        close = difflib.get_close_matches(value.lower(), [*kind.__members__], n=1, cutoff=0.5)
        return close[0] if close else None
    if kind is float and isinstance(value, str) and _is_number(value.replace(",", ".")):
        return value.replace(",", ".")
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _bare(kind: Any) -> Any:
    """Leave None out of a type that may be None."""
    if is_optional(kind):
        others = [each for each in get_args(kind) if each is not NoneType]
        return others[0] if len(others) == 1 else kind
    return kind
