"""From overrides, as they are typed, to a checked `Config`: one run, or the many of a sweep."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import OverrideType
from omegaconf import DictConfig, OmegaConf

from irnn.spec.checks import check, check_each, check_together, with_data
from irnn.spec.config import Config, ConfigError
from irnn.spec.groups import Groups
from irnn.spec.hydra_composition import OURS, completed, composed
from irnn.spec.known import known_settings
from irnn.spec.overrides import Given, read
from irnn.spec.plugins import with_plugins
from irnn.spec.refusals import Attempt, explained
from irnn.spec.registry import GROUPS
from irnn.spec.typed import config_of, with_values

_NAMES = [f"{group}.name" for group in GROUPS]


@contextmanager
def explaining(
    overrides: Sequence[str], attempt: Attempt | None = None, groups: Groups = OURS
) -> Iterator[None]:
    """Say in a few lines what is wrong with overrides, whatever comes of them.

    Args:
        overrides: as they were typed; each can work by itself.
        attempt: tries some of them; by default, composes and checks one run.
        groups: where options are from.

    Raises:
        ConfigError: They cannot work; the message is for the user.
    """
    try:
        yield
    except Exception as error:  # the kind is anything that is said about what a user gave
        tried = attempt or Composer(groups).attempt
        raise explained(error, overrides, tried, groups) from error


def compose_config(overrides: Sequence[str], groups: Groups = OURS) -> Config:
    """Compose one run from overrides and check it.

    Raises:
        ConfigError: It cannot work; the message is for the user.
    """
    overrides, groups = with_plugins(overrides, groups)
    words = [given.word for given in read(overrides, groups)]
    with explaining(overrides, groups=groups):
        return with_data(to_config(composed(words, groups)))


def to_config(found: DictConfig) -> Config:
    """Turn what Hydra composed into a checked `Config`; keys that no option has are refused."""
    config = config_of(_plain(completed(found)))
    check(config)
    return config


def _plain(found: DictConfig) -> dict[str, Any]:
    values = OmegaConf.to_container(found, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


@dataclass(frozen=True)
class _Base:
    """What the groups of jobs give, before anything is set by value."""

    values: dict[str, Any]
    config: Config | None
    """The same, checked value by value; None where that is refused, and a job may yet set it right."""
    words: frozenset[str]
    """What stands in values that are made from others, and the keys of these values."""

    def ties(self, key: str) -> bool:
        """Whether another value may be made from this one, or this one from another."""
        return any(
            key == word or key.startswith(f"{word}.") or word.startswith(f"{key}.")
            for word in self.words
        )


class Composer:
    """Compose the many runs of a sweep: what their groups give once, what is set by value for each.

    Hydra sets values after it has composed the groups, so the result is the same as `compose_config`'s,
    which takes a tenth of a second; this takes some ten microseconds. Whatever is not a plain choice of a
    group or a plain value of a setting goes that way.
    """

    def __init__(self, groups: Groups = OURS) -> None:
        self.groups = groups
        self._names = groups.names()
        self._given: dict[str, Given] = {}
        self._bases: dict[tuple[str, ...], _Base | None] = {}
        self._composed: dict[tuple[str, ...], Config] = {}

    def compose(self, overrides: Sequence[str]) -> Config:
        """Compose one run of a sweep and check it.

        Raises:
            ConfigError: It cannot work; the message is for the user.
        """
        key = tuple(overrides)
        if key not in self._composed:
            self._read(key)
            with explaining(key, self.attempt, self.groups):
                self._composed[key] = self.attempt(key)
        return self._composed[key]

    def attempt(self, overrides: Sequence[str]) -> Config:
        """Compose one run and check it; whatever Hydra raises comes through."""
        given = self._read(overrides)
        try:
            config = self._quickly(given)
        except Exception:  # the long way says better what is wrong
            config = None
        if config is None:
            config = to_config(composed([each.word for each in given], self.groups))
        return with_data(config)

    def _read(self, overrides: Sequence[str]) -> list[Given]:
        new = [text for text in overrides if text not in self._given]
        if new:
            self._given.update(zip(new, read(new, self.groups, names=self._names), strict=True))
        return [self._given[text] for text in overrides]

    def _quickly(self, given: Sequence[Given]) -> Config | None:
        """Compose and check what the shortcut is right for; None for what it is not."""
        chosen, values = self._split(given)
        if chosen is None or (base := self._base(tuple(chosen))) is None:
            return None
        if tied := {key for key in values if base.ties(key)}:
            words = [each.word for each in given if each.key in tied]
            if (base := self._base((*chosen, *words))) is None:
                return None
            values = {key: value for key, value in values.items() if key not in tied}
        config = None if base.config is None else with_values(base.config, values)
        if config is not None:
            check_together(config)
        else:
            config = config_of(_with_plain_values(base.values, values))
            check(config)
        return config

    def _split(self, given: Sequence[Given]) -> tuple[list[str] | None, dict[str, Any]]:
        """Tell choices of groups from values of settings; None if there is anything else."""
        chosen: list[str] = []
        values: dict[str, Any] = {}
        known = known_settings()
        for each in given:
            override, key, value = each.parsed, each.key, each.parsed.value()
            plain = value is None or isinstance(value, (str, int, float))
            if override.type is not OverrideType.CHANGE or not plain or "${" in each.word:
                return None, {}
            if key in self._names:
                chosen.append(each.word)
            elif key in known and key not in _NAMES:
                values[key] = value
            else:
                return None, {}
        return chosen, values

    def _base(self, chosen: tuple[str, ...]) -> _Base | None:
        """Compose choices of groups, and values that others are made from; None if that is not to be seen."""
        if chosen not in self._bases:
            found = composed(chosen, self.groups)
            words = {*_words_of_references(OmegaConf.to_container(found, resolve=False))}
            relative = any("${." in word for word in words)
            self._bases[chosen] = None if relative else _checked_base(found, frozenset(words))
        return self._bases[chosen]


def _checked_base(found: DictConfig, words: frozenset[str]) -> _Base:
    values = _plain(completed(found))
    try:
        config = config_of(values)
        check_each(config)
    except ConfigError:
        return _Base(values, None, words)
    return _Base(values, config, words)


def _with_plain_values(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Set values by their full keys."""
    changed = dict(base)
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        if section:
            changed[section] = {**changed[section], name: value}
        else:
            changed[name] = value
    return changed


def _words_of_references(node: Any, key: str = "") -> Iterator[str]:
    """Give the keys of values that are made from others, and all words in these; the environment is none."""
    if isinstance(node, dict):
        for name, item in node.items():
            yield from _words_of_references(item, f"{key}.{name}" if key else str(name))
    elif isinstance(node, list):
        for item in node:
            yield from _words_of_references(item, key)
    elif isinstance(node, str) and "${" in node and not node.startswith("${oc.env:"):
        yield from (key, *re.findall(r"\$\{\.|[A-Za-z_][\w.]*", node))
