"""From overrides, as they are typed, to a checked `Config`."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, make_dataclass, replace
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from irnn.checks import check
from irnn.config import Config, ConfigError
from irnn.groups import CONFIG_NAME, conf_dir, group_names, rewrite_numbers
from irnn.options import settings
from irnn.refusals import explained

_ABOUT_OVERRIDES = (
    HydraException,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    AssertionError,
    OverflowError,
)  # what Hydra is known to raise about an override that it did not expect


def register_schema() -> None:
    """Make the dataclasses the schema that Hydra composes onto, and `${over:A,B}` mean A / B in YAML."""
    OmegaConf.register_new_resolver("over", lambda a, b: a / b, replace=True)
    ConfigStore.instance().store(name="schema", node=_writable(OmegaConf.structured(Config)))


def _writable(node: DictConfig) -> DictConfig:
    """Thaw a frozen dataclass's node and all below it, so that YAML can be merged onto them."""
    OmegaConf.set_readonly(node, False)
    for key in node:
        child = node._get_node(key)
        if isinstance(child, DictConfig):
            _writable(child)
    return node


@contextmanager
def _finding_groups() -> Iterator[None]:
    """Let Hydra's `compose` find conf/, also while `hydra.main` is at work."""
    outer, GlobalHydra.instance().hydra = GlobalHydra.instance().hydra, None
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = outer


@contextmanager
def composing(overrides: Sequence[str]) -> Iterator[None]:
    """Let Hydra's `compose` find conf/, and explain what it refuses.

    Raises:
        ConfigError: The overrides cannot work; the message is for the user.
    """
    register_schema()
    try:
        with _finding_groups():
            yield
    except _ABOUT_OVERRIDES as error:
        raise explained(error, overrides) from error


def compose_config(overrides: Sequence[str]) -> Config:
    """Compose one run from overrides and check it.

    Raises:
        ConfigError: It cannot work; the message is for the user.
    """
    with composing(overrides):
        return to_config(compose(CONFIG_NAME, overrides=rewrite_numbers(overrides)))


def to_config(composed: DictConfig) -> Config:
    """Turn what Hydra composed into a checked `Config`; keys that the schema lacks are refused."""
    config = OmegaConf.to_object(_typed(composed))
    assert isinstance(config, Config)
    check(config)
    return config


def _typed(composed: DictConfig) -> DictConfig:
    values = OmegaConf.to_container(composed, resolve=True)
    merged = OmegaConf.merge(_writable(OmegaConf.structured(Config)), values)
    assert isinstance(merged, DictConfig)
    return merged


def load_config(path: Path) -> Config:
    """Read a run folder's `config.yaml`.

    Raises:
        ConfigError: It is not a configuration of this version of irnn.
    """
    try:
        loaded = OmegaConf.load(path)
        assert isinstance(loaded, DictConfig)
        return to_config(loaded)
    except (
        OmegaConfBaseException,
        YAMLError,
        ValueError,
        AssertionError,
        OSError,
        RecursionError,
    ) as error:
        raise ConfigError(f"{path}: not a configuration that this irnn knows ({error})") from error


class Composer:
    """Compose the many runs of a sweep: what their groups give once, what is set by value for each.

    Hydra sets values after it has composed the groups, so the result is the same as `compose_config`'s,
    which takes a tenth of a second. Whatever is not a plain choice of a group or a plain value of a
    setting goes that way.
    """

    def __init__(self) -> None:
        self._parser = OverridesParser.create()
        self._known = {setting.key for setting in settings(Config())}
        self._groups = group_names()
        self._parsed: dict[str, Override] = {}
        self._bases: dict[tuple[str, ...], tuple[Config, DictConfig] | None] = {}
        self._sections: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._composed: dict[tuple[str, ...], Config] = {}
        scalars = [field for field in fields(Config) if not is_dataclass(field.type)]
        self._scalars = OmegaConf.structured(
            make_dataclass("Scalars", [(item.name, item.type, item.default) for item in scalars])
        )

    def compose(self, overrides: Sequence[str]) -> Config:
        """Compose one run of a sweep and check it.

        Raises:
            ConfigError: It cannot work; the message is for the user.
        """
        key = tuple(overrides)
        if key not in self._composed:
            self._composed[key] = self._quickly(key) or compose_config(key)
        return self._composed[key]

    def _quickly(self, overrides: Sequence[str]) -> Config | None:
        """Compose what the shortcut is right for; None for what it is not, or what is refused."""
        try:
            chosen, values = self._split(rewrite_numbers(overrides))
            if chosen is None or (base := self._base(tuple(chosen))) is None:
                return None
            config = self._with_values(tuple(chosen), *base, values)
        except _ABOUT_OVERRIDES:
            return None
        check(config)
        return config

    def _split(self, overrides: Sequence[str]) -> tuple[list[str] | None, dict[str, Any]]:
        """Tell choices of groups from values of settings; None if there is anything else."""
        chosen: list[str] = []
        values: dict[str, Any] = {}
        for text in overrides:
            if text not in self._parsed:
                self._parsed[text] = self._parser.parse_override(text)
            override = self._parsed[text]
            key, value = override.key_or_group, override.value()
            plain = value is None or isinstance(value, (str, int, float))
            if (
                override.type is not OverrideType.CHANGE
                or override.is_sweep_override()
                or override.package is not None
                or not plain
                or "${" in text
            ):
                return None, {}
            if key in self._groups:
                chosen.append(text)
            elif key in self._known:
                values[key] = value
            else:
                return None, {}
        return chosen, values

    def _base(self, chosen: tuple[str, ...]) -> tuple[Config, DictConfig] | None:
        """Compose choices of groups; None if a value depends on another, which may yet be set."""
        if chosen not in self._bases:
            with _finding_groups():
                composed = compose(CONFIG_NAME, overrides=list(chosen))
            if _has_references(OmegaConf.to_container(composed, resolve=False)):
                self._bases[chosen] = None
            else:
                typed = _typed(composed)
                config = OmegaConf.to_object(typed)
                assert isinstance(config, Config)
                self._bases[chosen] = config, typed
        return self._bases[chosen]

    def _with_values(
        self, chosen: tuple[str, ...], base: Config, typed: DictConfig, values: Mapping[str, Any]
    ) -> Config:
        sections: dict[str, dict[str, Any]] = {}
        for key, value in values.items():
            section, dot, name = key.partition(".")
            sections.setdefault(section if dot else "", {})[name or key] = value
        changes: dict[str, Any] = {}
        for section, settings_there in sections.items():
            # True and 1 are equal, but not the same setting.
            kept = (chosen, section, *((name, repr(v)) for name, v in settings_there.items()))
            if kept not in self._sections:
                node = copy.deepcopy(typed[section] if section else self._scalars)
                for name, value in settings_there.items():
                    OmegaConf.update(node, name, value)
                self._sections[kept] = (
                    {section: OmegaConf.to_object(node)}
                    if section
                    else {name: node[name] for name in settings_there}
                )
            changes.update(self._sections[kept])
        return replace(base, **changes)


def _has_references(node: Any) -> bool:
    """Whether a value is made from another setting; the environment is none."""
    if isinstance(node, dict):
        return any(_has_references(item) for item in node.values())
    return isinstance(node, str) and "${" in node and not node.startswith("${oc.env:")
