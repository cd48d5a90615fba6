"""What choices of groups give before anything is set by value, kept while nothing changes that it is made of.

Hydra takes a tenth of a second to compose them.
"""

import copy
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from irnn.spec import registry
from irnn.spec.checks import check_each
from irnn.spec.config import Config, ConfigError
from irnn.spec.groups import CONFIG_NAME, Groups, conf_dir
from irnn.spec.hydra_composition import composed
from irnn.spec.typed import config_of

_MOST_KEPT = 256
_SETTLED = 2_000_000_000
"""Nanoseconds within which two changes of a file may leave it with the same time, on some disks."""
_VARIABLE = re.compile(r"\$\{oc\.env:(\w+)(?:,[^${}]*)?\}")
_RESOLVER = re.compile(r"\$\{(?!over:)[^${}:]+:")
"""What works a value out by other means than arithmetic, but for `_VARIABLE`."""


@dataclass(frozen=True)
class Sweeping:
    """What Hydra's sweeper and launcher are told, and which options of groups are chosen."""

    sweeper: Any
    launcher: Any
    choices: Any


@dataclass(frozen=True)
class Base:
    """What choices of groups give, before anything is set by value.

    Args:
        values: of every setting.
        words: what stands in values that are made from others, and the keys of these values.
        sweeping: None where some of it is made from other values.
        variables: those of the environment that values are made from; None where it is not to be seen what
            they are made from.
        config: the values, checked one by one; None where one is refused, which a job may yet set right.
    """

    values: dict[str, Any]
    words: frozenset[str]
    sweeping: Sweeping | None
    variables: dict[str, str | None] | None
    config: Config | None = None

    def ties(self, key: str) -> bool:
        """Whether another value may be made from this one, or this one from another."""
        return any(
            key == word or key.startswith(f"{word}.") or word.startswith(f"{key}.")
            for word in self.words
        )


_kept: dict[Any, Base] = {}


def base_of(chosen: Sequence[str], groups: Groups) -> Base | None:
    """Compose choices of groups, and values that others are made from.

    Whatever Hydra raises comes through.

    Returns:
        None where it is not to be seen which values are made from which.
    """
    groups = _without_idle_folders(chosen, groups)
    made_of = _made_of(chosen, groups)
    base = None if made_of is None else _kept.get(made_of)
    if base is None or base.variables != _variables(base.variables or ()):
        base = _composed(chosen, groups)
        if base is not None and base.variables is not None and made_of is not None:
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[made_of] = base
    if base is None:
        return None
    values = copy.deepcopy(base.values)  # what is done to one run's reaches no other
    return replace(base, values=values, config=_checked(values))


def _without_idle_folders(chosen: Sequence[str], groups: Groups) -> Groups:
    """Leave out what a user adds if all that is chosen has a file of ours: of two of a name, ours counts."""
    words = (word.partition("=") for word in chosen)
    idle = all(option in Groups().files(group) for group, _, option in words)
    if groups.config_name == CONFIG_NAME and idle:
        return replace(groups, folders=(), plugin_folders=())
    return groups


def _made_of(chosen: Sequence[str], groups: Groups) -> Any:
    """Tell what is composed from any other, but for the environment.

    Returns:
        None for a folder that a user adds, and for files that may yet change unseen: these are read anew.
    """
    if groups.added:
        return None
    try:
        stamps = [*_stamps(str(conf_dir()))]
    except OSError:  # what an editor is just saving, or locks with a link to nowhere
        return None
    newest = max(time_ns for _, *times, _, _ in stamps for time_ns in times)
    if newest > time.time_ns() - _SETTLED:
        return None
    any_order = sorted(chosen, key=lambda word: word.partition("=")[0])
    return (*any_order, groups, registry.version(), tuple(sorted(stamps)))


def _stamps(folder: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Give each YAML file with what changes when it does."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _stamps(entry.path)
            elif entry.is_dir():
                raise OSError(f"{entry.path} is a link, which may lead in a circle")
            elif entry.name.endswith(".yaml"):
                seen = entry.stat()
                yield entry.path, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino


def _variables(names: Iterable[str]) -> dict[str, str | None]:
    return {name: os.environ.get(name) for name in names}


def _composed(chosen: Sequence[str], groups: Groups) -> Base | None:
    found = composed(chosen, groups, with_hydra=True)
    sweeping = _sweeping(found)
    with open_dict(found):
        del found["hydra"]
    made = _texts(OmegaConf.to_container(found, resolve=False), "${")
    others = {key: text for key, text in made.items() if not _VARIABLE.fullmatch(text)}
    words = {*others, *re.findall(r"\$\{\.|[A-Za-z_][\w.]*", " ".join(others.values()))}
    if "${." in words:
        return None
    names = sorted({name for text in made.values() for name in _VARIABLE.findall(text)})
    known = not any(_RESOLVER.search(_VARIABLE.sub("", text)) for text in made.values())
    variables = _variables(names) if known else None
    return Base(resolved(found), frozenset(words), sweeping, variables)


def _sweeping(found: DictConfig) -> Sweeping | None:
    hydra = found.hydra
    parts = (hydra.sweeper, hydra.launcher, hydra.runtime.choices)
    settings = Sweeping(*(OmegaConf.to_container(part, resolve=False) for part in parts))
    is_open = any(_texts(vars(settings), mark) for mark in ("${", "???"))
    return None if is_open else settings


def _texts(node: Any, mark: str, key: str = "") -> dict[str, str]:
    """Give the texts that a mark stands in, by their full keys."""
    if isinstance(node, str):
        return {key: node} if mark in node else {}
    inside: Iterable[tuple[Any, Any]] = node.items() if isinstance(node, dict) else ()
    inside = enumerate(node) if isinstance(node, list) else inside
    found: dict[str, str] = {}
    for name, item in inside:
        found |= _texts(item, mark, f"{key}.{name}" if key else f"{name}")
    return found


def resolved(found: DictConfig) -> dict[str, Any]:
    """Give what was composed as plain values."""
    values = OmegaConf.to_container(found, resolve=True, throw_on_missing=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _checked(values: dict[str, Any]) -> Config | None:
    try:
        config = config_of(values)
        check_each(config)
    except ConfigError:
        return None
    return config
