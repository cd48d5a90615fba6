"""What a shell is offered for half a command: settings of the chosen classes too, and named values."""

from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.object_type import ObjectType
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from irnn.spec import registry
from irnn.spec.errors import ConfigError
from irnn.spec.hydra_composition import completed
from irnn.spec.kinds import is_optional, names_of
from irnn.spec.known import all_variants
from irnn.spec.options import Setting
from irnn.spec.plugin_words import without_plugins
from irnn.spec.rewriting import rewritten


class WholeLoader:
    """Loads what irnn makes of half a command: its words read as ours, settings of classes added."""

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader = loader

    def load_configuration(self, *, overrides: list[str], **kwargs: Any) -> DictConfig:
        """Compose the words before the one that is being typed."""
        words = rewritten(without_plugins(overrides)[0])
        found = self._loader.load_configuration(overrides=words, **kwargs)
        try:
            return completed(found)
        except (ConfigError, OmegaConfBaseException):  # half a command is no fault
            return found

    def get_group_options(
        self, group_name: str, results_filter: ObjectType | None = ObjectType.CONFIG, **kwargs: Any
    ) -> list[str]:
        """List what may follow `group_name=`: options of a group, or the named values of a setting."""
        if results_filter is ObjectType.CONFIG and (values := names_for(group_name.lstrip("+"))):
            return values
        found: list[str] = self._loader.get_group_options(group_name, results_filter, **kwargs)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def names_for(key: str) -> list[str]:
    """List the values that a setting can have, whatever else is chosen; empty where anything can be."""
    variants = [each for each in all_variants() if each.key == key]
    return [*dict.fromkeys(value for each in variants for value in _names(each))]


def _names(setting: Setting) -> list[str]:
    names = ["false", "true"] if setting.type is bool else names_of(setting.type)
    group, _, own = setting.key.partition(".")
    if not names and group in registry.GROUPS:
        known = registry.classes(group)
        for option in setting.only or known:
            names += known[option].values_of(own)
    return [*names, "null"] if names and is_optional(setting.type) else names
