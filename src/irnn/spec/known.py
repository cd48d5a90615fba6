"""Every setting that there is: those of all runs, and those of every option of a group."""

from enum import Enum
from functools import cache
from typing import Any

from irnn.spec import registry
from irnn.spec.config import Config
from irnn.spec.kinds import wrong_value
from irnn.spec.options import Setting, default_of, fields_of, settings


def known_settings() -> dict[str, Setting]:
    """Give every setting by its full key, in the order of a configuration."""
    return _first_ones(registry.version())


def wrong_as(key: str, value: Any) -> tuple[str, str | None] | None:
    """Say why a setting can never have a value, whatever else is chosen: see `kinds.wrong_value`.

    Null may stand for a setting that the chosen option lacks.
    """
    variants = _variants(registry.version())[key]
    if value is None and variants[0].only:
        return None
    faults = [wrong_value(each, value) for each in variants]
    return faults[0] if all(faults) else None


@cache
def _first_ones(version: int) -> dict[str, Setting]:
    return {key: variants[0] for key, variants in _variants(version).items()}


@cache
def _variants(version: int) -> dict[str, tuple[Setting, ...]]:
    """Gather the settings: several of a key where options have one of the same name and another type."""
    found: dict[str, tuple[Setting, ...]] = {}
    for setting in settings(Config()):
        section, _, rest = setting.key.partition(".")
        if section not in registry.GROUPS:
            found[setting.key] = (setting,)
        elif rest == "name":
            found |= _of_group(section, setting)
    return found


def _of_group(group: str, name: Setting) -> dict[str, tuple[Setting, ...]]:
    classes = registry.classes(group)
    names: Any = Enum("Name", {each: each for each in classes})  # type: ignore[misc]
    found: dict[str, tuple[Setting, ...]] = {
        name.key: (Setting(name.key, names, names[name.value], name.doc),)
    }
    base = next(item.type for item in fields_of(Config) if item.name == group)
    shared = [item.name for item in fields_of(base)]
    for cls in classes.values():
        for item in fields_of(cls):
            key = f"{group}.{item.name}"
            only = () if item.name in shared else registry.owners(group, item.name)
            new = Setting(key, item.type, default_of(item), **item.metadata, only=only)
            before = found.get(key, ())
            if all((new.type, new.bounds) != (each.type, each.bounds) for each in before):
                found[key] = (*before, new)
    return found
