"""One override as it was typed: what Hydra is to read, and whether it can work whatever is beside it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from hydra.core.override_parser.types import (
    ChoiceSweep,
    Glob,
    IntervalSweep,
    Override,
    OverrideType,
    RangeSweep,
    ValueType,
)

from irnn.spec import hydra_settings
from irnn.spec.config import ConfigError
from irnn.spec.groups import NUMERIC_GROUPS, Groups
from irnn.spec.kinds import is_text, is_whole
from irnn.spec.known import known_settings, wrong_as
from irnn.spec.rewriting import parser, quoted, rewritten, setting_of
from irnn.spec.wording import bare_word, choices_in_words, pasted, shown, unknown_key, unreadable

_SIGNS = {OverrideType.ADD: "+", OverrideType.FORCE_ADD: "++", OverrideType.DEL: "~"}
_MOST_CHECKED = 1000  # of one sweep's values here; each job is checked as a whole besides
_WHOLE = re.compile(r"([a-z_.]+)=(0|[1-9][0-9]{0,17})")


@dataclass(frozen=True)
class Given:
    """An override: as it was typed, as Hydra reads it, and what Hydra reads in it."""

    typed: str
    word: str
    parsed: Override

    @property
    def key(self) -> str:
        """What it sets."""
        return self.parsed.key_or_group

    @property
    def setting(self) -> str:
        """The one name of what it sets, whichever of its names was typed."""
        return setting_of(self.key)


def searchpath(groups: Groups) -> list[str]:
    """Give the override that lets Hydra find the folders that a user adds."""
    folders = ",".join(map(quoted, groups.folders))
    return [f"hydra.searchpath=[{folders}]"] if folders else []


def read(
    overrides: Sequence[str],
    groups: Groups,
    *,
    multirun: bool = False,
) -> list[Given]:
    """Read all overrides of a run or a sweep, and refuse those that cannot work whatever is beside them.

    Args:
        overrides: as they were typed.
        groups: where options are from.
        multirun: whether several values are a sweep.

    Raises:
        ConfigError: One of them is wrong; the message names it, and what would be right.
    """
    return settled(read_each(overrides, groups, groups.names(), multirun=multirun))


def read_each(
    overrides: Sequence[str], groups: Groups, names: set[str], *, multirun: bool = False
) -> list[Given]:
    """Read overrides that may not be all of a run's, and refuse as `read` does; `names` are the groups'."""
    return [_read(typed, groups, names, multirun) for typed in overrides]


def settled(given: Sequence[Given]) -> list[Given]:
    """Settle whether a run is tracked among all its overrides: `tracker=none` is `tracker.mode=disabled`.

    As a choice of a group a preset's mode would beat it, and a run be tracked that was asked not to be. In
    a sweep only the overrides of each job say so.

    Raises:
        ConfigError: A tracker's mode is given beside it; the message names both.
    """
    settled = list(given)
    chosen = [each for each in given if each.key == "tracker"]
    if not chosen or chosen[-1].parsed.value() != "none":
        return settled
    for each in given:
        if each.key == "tracker.mode" and each.parsed.value() != "disabled":
            raise ConfigError(
                f"{shown(each.typed)} (with tracker=none): tracker=none is tracker.mode=disabled; leave "
                "one of them out"
            )
    word = "tracker.mode=disabled"
    settled[settled.index(chosen[-1])] = Given(chosen[-1].typed, word, _parsed(word))
    return settled


def _parsed(word: str) -> Override:
    """Read a word as Hydra does; a whole number, of which a sweep may have many, without its grammar."""
    found = _WHOLE.fullmatch(word)
    if not found or found[1] not in known_settings():
        return parser().parse_override(word)
    value = int(found[2])
    return Override(OverrideType.CHANGE, found[1], ValueType.ELEMENT, value, input_line=word)


def _read(typed: str, groups: Groups, names: set[str], multirun: bool) -> Given:
    (word,) = rewritten([typed])
    try:
        typed.encode()
        given = Given(typed, word, _parsed(word))
    except Exception as error:  # whatever Hydra's grammar and functions raise about it
        key, equals, value = typed.partition("=")
        if not equals and re.fullmatch(r"[\w.-]+", typed):
            options = {name: groups.options(name) for name in sorted(names)}
            said = bare_word(typed, options, [*known_settings()])
            raise ConfigError(f"{shown(typed)}: cannot be read as key=value{said}") from error
        setting = known_settings().get(key := setting_of(key))
        text = setting is not None and is_text(setting.type)
        fault = wrong_as(key, value) if setting is not None else None
        remedy = unreadable(typed, error, is_text=text, wanted=fault[0] if fault else None)
        raise ConfigError(f"{shown(typed)}: {remedy}") from error
    if wrong := _wrong_by_itself(given, groups, names, multirun):
        raise ConfigError(f"{shown(typed)}: {wrong}")
    return given


def _wrong_by_itself(given: Given, groups: Groups, names: set[str], multirun: bool) -> str | None:
    parsed, key = given.parsed, given.key
    if parsed.is_hydra_override() or key == "hydra":
        return hydra_settings.refusal(key, multirun) or (
            hydra_settings.not_one_value(parsed) if parsed.is_sweep_override() else None
        )
    sign = _SIGNS.get(parsed.type, "")
    plain = f"{key}={given.typed.partition('=')[2]}"
    if key not in known_settings() and key not in names:
        return unknown_key(key, given.typed, [*known_settings()], sorted(names))
    if parsed.package is not None:
        return f"there is one {key} only, without @{parsed.package}; write {pasted(plain)}"
    if parsed.type is OverrideType.DEL:
        return f"nothing can be taken out of a run; leave {pasted(given.typed)} out, or give {key} a value"
    if sign == "+" or (sign and key in names):
        return f"already a setting; leave the {sign} out: {pasted(plain)}"
    if isinstance(parsed.value(), Glob):
        return f"glob() is not for this; write the values out: {pasted(f'{key}=A,B')}"
    if parsed.is_sweep_override() and not multirun:
        return _needs_multirun(given)
    values = _values(parsed)
    check = _wrong_option if key in names else _wrong_setting
    return next(filter(None, (check(key, value, given, groups) for value in values)), None)


def _needs_multirun(given: Given) -> str:
    remedy = "several values are a sweep, which needs -m (--multirun)"
    return f"{remedy}{decimal_comma_hint(given)}"


def decimal_comma_hint(given: Given) -> str:
    """Say how to write what a comma stands in and is no list of values; empty where it may be one."""
    key, _, value = given.typed.partition("=")
    setting = known_settings().get(given.setting)
    if setting and "float" in str(setting.type) and re.fullmatch(r"[+-]?\d+,\d+", value):
        written = f"{key}={value.replace(',', '.')}"
        return f"; a decimal number has a point: {pasted(written)}"
    return ""


def interval_ends(parsed: Override) -> tuple[float | None, float | None]:
    """Give both ends of an interval, whole where its setting is: Hydra makes them decimals."""
    interval: Any = parsed.value()
    setting = known_settings().get(parsed.key_or_group)
    whole = setting is not None and is_whole(setting.type)
    start, end = (
        int(each) if whole and isinstance(each, float) and each.is_integer() else each
        for each in (interval.start, interval.end)
    )
    return start, end


def _values(parsed: Override) -> Iterator[Any]:
    """Give the values that an override has, or the first ones of many; none of those yet unknown."""
    value = parsed.value()
    if isinstance(value, ChoiceSweep):
        return map(Override._convert_value, value.list[:_MOST_CHECKED])
    if isinstance(value, RangeSweep):
        try:
            return iter([*islice(value.range(), 1)])
        except Exception:  # a step of 0, of which the grid says more
            return iter(())
    if isinstance(value, IntervalSweep):
        return iter(end for end in interval_ends(parsed) if end is not None)
    return iter(() if isinstance(value, Glob) else (value,))


def _wrong_setting(key: str, value: Any, given: Given, groups: Groups) -> str | None:
    wrong = wrong_as(key, value)
    if wrong is None:
        return None
    remedy, right = wrong
    typed_key = given.typed.partition("=")[0]
    corrected = f"; did you mean {pasted(f'{typed_key}={right}')}?" if right else ""
    return f"{remedy}{corrected}"


def _wrong_option(group: str, value: Any, given: Given, groups: Groups) -> str | None:
    several = value if isinstance(value, list) and group == "experiment" else [value]
    known = groups.options(group)
    number = NUMERIC_GROUPS.get(group)
    if number and given.parsed.is_sweep_override() and type(value) in (int, float):
        wrong = wrong_as(number, value)  # a number among names
        return wrong[0] if wrong else None
    if several and all(isinstance(each, str) and each in known for each in several):
        return None
    if number and isinstance(value, str) and "${" in value:
        return f"an expression is for the setting: {pasted(f'{number}={value}')}"
    if not several or not all(isinstance(each, str) for each in several):
        return f"a group takes the name of one of its options; {choices_in_words(group, known)}"
    return f"no such option; {choices_in_words(group, known)}"
