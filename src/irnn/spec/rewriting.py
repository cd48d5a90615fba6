"""Write overrides as Hydra is to read them: one name for each setting, text as text."""

import re
from collections.abc import Sequence
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    Quote,
    QuotedString,
    RangeSweep,
)

from irnn.spec.groups import GROUP_OF, NUMERIC_GROUPS
from irnn.spec.kinds import is_text
from irnn.spec.known import known_settings
from irnn.spec.registry import GROUPS

_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)
_NOTHING = ("none", "null")
"""How the lack of a number is written: as the option of its group, and as the value of its setting."""
_NAME = re.compile(rf"(?:\+\+)?({'|'.join(GROUPS)})\.name=(.*)", re.DOTALL)
_FORCED = re.compile(r"\+\+([\w.]+)=.*", re.DOTALL)
_TEXT = re.compile(r"(?P<key>[\w.]+)=(?P<bracket>\[?)(?P<values>[^'\"\[\](){}$]*)\]?")
_NOT_TEXT = re.compile(
    r"[+-]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(e[+-]?\d[\d_]*)?|[+-]?inf|nan|true|false", re.IGNORECASE
)
"""What Hydra's grammar reads as a number or as true or false."""


def setting_of(key: str) -> str:
    """Give the one name of what a key sets: `clip` is `clip.max_norm`, and `++seed` is `seed`."""
    bare = key.lstrip("+")
    return NUMERIC_GROUPS.get(bare, bare)


def rewritten(overrides: Sequence[str]) -> list[str]:
    """Write overrides so that the same setting has the same name in all of them, and means the same.

    * A number in place of an option of a numeric group is that number, also in a sweep, and `none` is none:
      `clip=5` becomes `clip.max_norm=5`, `clip=none` becomes `clip.max_norm=null`. So of two on one command
      the later counts, and either one beats a preset and a sweep's file. Other names are left to Hydra.
    * The name of an option is a choice of its group: `optim.name=sgd` becomes `optim=sgd`.
    * `++seed=1` sets what is there: it becomes `seed=1`.
    * What is text is quoted: Hydra would take `sweep.name=20e10` for a number, and name the sweep
      200000000000.0.
    """
    return [_quote_text(_number_of(_plainly_set(_choice_of(word)))) for word in overrides]


def briefly(word: str) -> str:
    """Write an override with the shorter name of its setting: `clip.max_norm=null` as `clip=none`."""
    key, equals, value = word.partition("=")
    if key not in GROUP_OF:
        return word
    return f"{GROUP_OF[key]}{equals}{'none' if value == 'null' else value}"


def _choice_of(word: str) -> str:
    found = _NAME.fullmatch(word)
    return f"{found[1]}={found[2]}" if found else word


def _plainly_set(word: str) -> str:
    found = _FORCED.fullmatch(word)
    return word[2:] if found and found[1] in known_settings() else word


def _number_of(word: str) -> str:
    group, equals, value = word.partition("=")
    if not equals or group not in NUMERIC_GROUPS:
        return word
    if "(" in value:
        written = _sweep_of_numbers(word)
        return f"{NUMERIC_GROUPS[group]}={written}" if written else word
    parts = [part.strip().strip("'\"") for part in value.split(",")]
    if not all(map(_is_number, parts)):
        return word
    written = ",".join("null" if part in _NOTHING else part for part in parts)
    return f"{NUMERIC_GROUPS[group]}={written}"


def _is_number(text: str) -> bool:
    return text in _NOTHING or bool(_NUMBER.fullmatch(text))


def _sweep_of_numbers(word: str) -> str | None:
    """Write a function of Hydra's that gives numbers only: choice(1,none), range(1,5), shuffle(1,2)."""
    try:
        override = parser().parse_override(word)
    except Exception:  # the same is raised, and explained, when the override is read
        return None
    value, written = override.value(), word.partition("=")[2]
    if not isinstance(value, ChoiceSweep):
        return written if isinstance(value, RangeSweep | IntervalSweep) else None
    values = [str(Override._convert_value(each)) for each in value.list]
    if not all(map(_is_number, values)):
        return None
    if value.shuffle:
        return written
    return ",".join("null" if each in _NOTHING else each for each in values)


def _quote_text(word: str) -> str:
    found = _TEXT.fullmatch(word)
    setting = known_settings().get(found["key"]) if found else None
    if not found or not setting or not is_text(setting.type):
        return word
    values = found["values"].split(",")
    if not any(_NOT_TEXT.fullmatch(value.strip()) for value in values):
        return word
    written = [quoted(v.strip()) if _NOT_TEXT.fullmatch(v.strip()) else v for v in values]
    ends = ("[", "]") if found["bracket"] else ("", "")
    return f"{found['key']}={ends[0]}{','.join(written)}{ends[1]}"


def quoted(text: str) -> str:
    """Write a text so that Hydra reads it as one value, and as text."""
    return QuotedString(text, Quote.single).with_quotes()


@cache
def parser() -> OverridesParser:
    """Give the parser of Hydra's grammar."""
    return OverridesParser.create()
