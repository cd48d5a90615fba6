"""What is said of settings that cannot work."""

from enum import Enum
from typing import Any

from irnn.system.quoting import short


class ConfigError(ValueError):
    """A setting that cannot work; the message names key, value and what would be accepted."""

    def __init__(self, message: object) -> None:
        super().__init__(short(str(message)))


class PluginError(ConfigError):
    """A plug-in that cannot be used; the message names file and line."""


class RegistrationError(ConfigError):
    """A class that cannot be an option of its group; the message says why."""


class PresetError(ConfigError):
    """A YAML file of a user's own that cannot work; the message names file and line."""


class PublishedError(ConfigError):
    """A table of published rows that cannot be read; the message names file, line, column and value."""


class SettingError(ConfigError):
    """A setting that cannot work: its full key, its value and what would be accepted."""

    def __init__(self, key: str, value: Any, remedy: str) -> None:
        shown = "null" if value is None else str(value.value if isinstance(value, Enum) else value)
        shown = shown.lower() if isinstance(value, bool) else shown
        super().__init__(f"{key}={shown}: {remedy}")
        self.key, self.value, self.remedy = key, shown, remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as its sentence."""
        return ConfigError, self.args
