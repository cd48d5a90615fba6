"""From overrides, as they are typed, to a checked `Config`: one run, or the many of a sweep."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hydra.core.override_parser.types import OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig
from yaml import YAMLError

from irnn.spec.bases import Base, Sweeping, base_of, resolved
from irnn.spec.checks import check, check_together, with_data
from irnn.spec.config import Config
from irnn.spec.errors import PresetError, SettingError
from irnn.spec.groups import Groups
from irnn.spec.hydra_composition import OURS, completed, composed
from irnn.spec.known import known_settings
from irnn.spec.overrides import Given, read_each, settled
from irnn.spec.plugins import with_plugins
from irnn.spec.refusals import Attempt, explained
from irnn.spec.registry import GROUPS
from irnn.spec.typed import config_of, with_values

_NAMES = [f"{group}.name" for group in GROUPS]
_OF_FILES = (HydraException, YAMLError, PresetError)
"""What is wrong in the files of choices, whatever is set by value."""


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
    return Composer(groups).compose(overrides)


def to_config(found: DictConfig) -> Config:
    """Turn what Hydra composed into a checked `Config`; keys that no option has are refused."""
    config = config_of(resolved(completed(found)))
    check(config)
    return config


class Composer:
    """Compose runs of the same groups: what their choices give once, what is set by value for each.

    Hydra sets values after it has composed the groups, so the result is that of one composition of all,
    which takes a tenth of a second; this takes some ten microseconds. Whatever is not a plain choice of a
    group or a plain value of a setting goes that way.
    """

    def __init__(self, groups: Groups = OURS) -> None:
        self.groups = groups
        self._names = groups.names()
        self._given: dict[str, Given] = {}
        self._bases: dict[tuple[str, ...], Base | Exception | None] = {}
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
        config = self._quickly(given)
        if config is None:
            config = to_config(composed([each.word for each in given], self.groups))
        return with_data(config)

    def sweeping(self, given: Sequence[Given]) -> Sweeping:
        """Say what a sweep is told by what all its jobs share; whatever Hydra raises comes through."""
        chosen, values = self._split(given)
        base = None if chosen is None else self._base(tuple(chosen), is_all=not values)
        if base is not None and base.sweeping is not None:
            return base.sweeping
        hydra = composed([each.word for each in given], self.groups, with_hydra=True).hydra
        return Sweeping(hydra.sweeper, hydra.launcher, hydra.runtime.choices)

    def _read(self, overrides: Sequence[str]) -> list[Given]:
        new = [text for text in overrides if text not in self._given]
        if new:
            self._given.update(zip(new, read_each(new, self.groups, self._names), strict=True))
        return settled([self._given[text] for text in overrides])

    def _quickly(self, given: Sequence[Given]) -> Config | None:
        """Compose and check what the shortcut is right for; None for what it is not."""
        chosen, values = self._split(given)
        if chosen is None or (base := self._base(tuple(chosen), is_all=not values)) is None:
            return None
        if tied := {key for key in values if base.ties(key)}:
            words = [each.word for each in given if each.key in tied]
            values = {key: value for key, value in values.items() if key not in tied}
            if (base := self._base((*chosen, *words), is_all=not values)) is None:
                return None
        try:
            config = None if base.config is None else with_values(base.config, values)
        except SettingError:  # of several, the first in the order of settings is to be named
            config = None
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

    def _base(self, chosen: tuple[str, ...], *, is_all: bool) -> Base | None:
        """Give what choices of groups give; None for what the shortcut is not right for.

        Args:
            chosen: the choices, and values that others are made from.
            is_all: whether nothing else is given. What is missing here may be in the rest.
        """
        if chosen not in self._bases:
            try:
                self._bases[chosen] = base_of(chosen, self.groups)
            except Exception as error:  # anything at all may be said about what a user gives
                self._bases[chosen] = error
        found = self._bases[chosen]
        if not isinstance(found, Exception):
            return found
        if is_all or isinstance(found, _OF_FILES):
            raise found
        return None


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
