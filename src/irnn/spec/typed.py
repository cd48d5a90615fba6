"""From plain values, as YAML and Hydra have them, to a `Config` whose every value is of its type."""

from collections.abc import Mapping
from dataclasses import MISSING, is_dataclass, replace
from functools import cache
from typing import Any

from irnn.spec import registry
from irnn.spec.checks import check_bounds
from irnn.spec.config import Config
from irnn.spec.errors import ConfigError, SettingError
from irnn.spec.kinds import UNCLEAR, converted, is_optional, quickly_converted, wrong_value
from irnn.spec.options import Choice, Setting, default_of, fields_of, plain

_NOT_REPLACED = (
    "nothing replaces ${...} here, where a variable of the environment may have brought it; write out "
    "what it stands for"
)


def config_of(values: Mapping[str, Any]) -> Config:
    """Make a configuration of plain values; what is not said has its default.

    Raises:
        ConfigError: A value is of a wrong type, or of no setting.
    """
    config: Config = _section(Config, values, "")
    return config


def with_values(config: Config, values: Mapping[str, Any]) -> Config | None:
    """Set values by their full keys; None where one of them is not plainly of its setting's type.

    Sections in which nothing is set are shared.

    Raises:
        SettingError: A number is beyond what its setting says.
    """
    sections: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        section, _, name = key.rpartition(".")
        kind: Any = type(getattr(config, section) if section else config)
        item = _known_fields(kind).get(name)
        if item is None or (made := quickly_converted(item.type, value)) is UNCLEAR:
            return None
        check_bounds(Setting(key, item.type, made, **item.metadata))
        sections.setdefault(section, {})[name] = made
    own = sections.pop("", {})
    inside = {
        section: replace(getattr(config, section), **changes)
        for section, changes in sections.items()
    }
    return replace(config, **own, **inside)


@cache
def _known_fields(kind: Any) -> dict[str, Any]:
    return {item.name: item for item in fields_of(kind)}


def given_or_default(values: Mapping[str, Any], group: str) -> dict[str, Any]:
    """Give the settings of an option, plain: those that are said, and the defaults of the others."""
    cls = registry.get(group, _name_of(values, group))
    defaults = {key: plain(value) for key, value in registry.given_defaults(cls).items()}
    return {"name": cls.name, **defaults, **values}


def _section(kind: Any, values: Any, prefix: str) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{prefix.rstrip('.') or 'a configuration'} must hold settings")
    group = prefix.rstrip(".")
    if issubclass(kind, Choice):
        kind = registry.get(group, _name_of(values, group))
    made = {}
    known = _known_fields(kind)
    for key, value in values.items():
        if key not in known:
            _check_foreign(kind, key, value, prefix)
        elif is_dataclass(known[key].type):
            made[key] = _section(known[key].type, value, f"{prefix}{key}.")
        else:
            made[key] = _leaf(kind, known[key], value, prefix)
    for item in known.values():
        if item.name not in made and default_of(item) is MISSING:
            raise SettingError(f"{prefix}{item.name}", None, _needs_value(kind, item))
    return kind(**made)


def _leaf(kind: Any, item: Any, value: Any, prefix: str) -> Any:
    if (done := quickly_converted(item.type, value)) is not UNCLEAR:
        return done
    setting = Setting(f"{prefix}{item.name}", item.type, value, **item.metadata)
    if value is None and issubclass(kind, Choice) and not is_optional(item.type):
        raise SettingError(setting.key, None, _needs_value(kind, item))
    if isinstance(value, str) and "${" in value:  # of a variable; what was typed is replaced by now
        raise SettingError(setting.key, value, _NOT_REPLACED)
    if wrong := wrong_value(setting, value):
        raise SettingError(setting.key, value, wrong[0])
    return converted(item.type, value)


def _needs_value(kind: Any, item: Any) -> str:
    return f"{kind.group}={kind.name} needs a value ({item.metadata.get('doc', '')})"


def _check_foreign(kind: Any, key: str, value: Any, prefix: str) -> None:
    """Let pass what is no setting here but means nothing: the name, and null for one of another option."""
    if not issubclass(kind, Choice):
        raise ConfigError(f"{prefix}{key}: no such setting")
    if key in ("name", "source"):
        return
    owners = [f"{kind.group}={name}" for name in registry.owners(kind.group, key)]
    if not owners:
        raise ConfigError(f"{prefix}{key}: no such setting")
    if value is not None:
        cls = registry.get(kind.group, registry.owners(kind.group, key)[0])
        item = next(item for item in fields_of(cls) if item.name == key)
        check_bounds(Setting(f"{prefix}{key}", item.type, value, **item.metadata))
        raise SettingError(
            f"{prefix}{key}",
            value,
            f"{kind.group}={kind.name} has no such option; {' or '.join(owners)} has it",
        )


def _name_of(values: Mapping[str, Any], group: str) -> str:
    name = values.get("name")
    if not isinstance(name, str):
        known = ", ".join(registry.classes(group))
        raise SettingError(f"{group}.name", name, f"must be one of {known}")
    return name
