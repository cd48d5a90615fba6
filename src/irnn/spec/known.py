"""Every setting that there is: those of all runs, and those of every option of a group."""

from dataclasses import replace
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


def all_variants() -> list[Setting]:
    """Give every setting, once for each thing that options mean by its name."""
    return [each for variants in _variants(registry.version()).values() for each in variants]


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
    """Gather the settings: several of a key where options mean different things by the same name."""
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
    base: Any = next(item.type for item in fields_of(Config) if item.name == group)
    shared = [item.name for item in fields_of(base)]
    owners: dict[str, list[tuple[Setting, list[str]]]] = {}
    for cls in (base, *classes.values()):
        for item in fields_of(cls):
            new = Setting(f"{group}.{item.name}", item.type, default_of(item), **item.metadata)
            known = owners.setdefault(new.key, [])
            alike = [names for each, names in known if _means_the_same(each, new)]
            if alike:
                alike[0].append(cls.name)
            else:
                known.append((new, [cls.name]))
    for key, variants in owners.items():
        is_shared = key.partition(".")[2] in shared
        found[key] = tuple(
            replace(each, only=() if is_shared and place == 0 else tuple(names))
            for place, (each, names) in enumerate(variants)
        )
    return found


def _means_the_same(one: Setting, other: Setting) -> bool:
    return (one.type, one.bounds, one.doc) == (other.type, other.bounds, other.doc)
