"""What a setting's declared type accepts, in words."""

import difflib
from dataclasses import make_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from irnn.options import Setting

_MISSING = "???"
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


def is_text(kind: Any) -> bool:
    """Whether a type is text, or a list of texts."""
    return _bare(kind) is str or is_list(kind)


def is_list(kind: Any) -> bool:
    """Whether a type is a list; all lists are of texts."""
    return get_origin(_bare(kind)) is list


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
    if value == _MISSING or isinstance(value, dict):
        return False
    if isinstance(value, list):
        plain = all(each is not None and not isinstance(each, list | dict) for each in value)
        return is_list(kind) and plain and _MISSING not in value
    try:
        converted(kind, value)
    except (OmegaConfBaseException, ValueError, TypeError, OverflowError):
        return False
    return True


def converted(kind: Any, value: Any) -> Any:
    """Give a plain value as a setting of a type holds it; OmegaConf raises what is wrong with it."""
    node = _node(kind)
    OmegaConf.update(node, "value", value)
    return node["value"]


@cache
def _node(kind: Any) -> Any:
    """Make a node of one value of a type, which OmegaConf holds it to."""
    return OmegaConf.structured(make_dataclass("Holder", [("value", kind, _MISSING)]))


def _remedy(setting: Setting, value: Any) -> str:
    kind = _bare(setting.type)
    also = " or null" if kind is not setting.type else ""
    if value is None or value == _MISSING:
        return f"must have a value{also} ({setting.doc})"
    if is_list(kind):
        return f"must be a list of texts, as [a,b]{also} ({setting.doc})"
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
    if get_origin(kind) is UnionType:
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    return kind
