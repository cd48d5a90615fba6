"""The configuration that a run's folder holds, read back."""

from pathlib import Path
from typing import Any

from omegaconf.errors import OmegaConfBaseException

from irnn.runs.layout import SOURCE
from irnn.runs.reading import read_yaml
from irnn.spec.checks import check
from irnn.spec.config import Config, ConfigError
from irnn.spec.errors import PluginError
from irnn.spec.options import Choice
from irnn.spec.registry import GROUPS, classes
from irnn.spec.typed import config_of


def load_config(path: Path) -> Config:
    """Read a run folder's `config.yaml`.

    Raises:
        ConfigError: It is not a configuration of this version of irnn.
    """
    try:
        content = read_yaml(path)
        if not isinstance(content, dict):
            raise ValueError("it holds no settings")
        _check_plugins(content, path)
        config = config_of(content)
        check(config)
    except PluginError:
        raise
    except (
        OmegaConfBaseException,
        ValueError,
        AssertionError,
        OSError,
        RecursionError,
    ) as error:
        why = str(error).strip().partition("\n")[0]  # below, OmegaConf names its own types
        raise ConfigError(f"{path}: not a configuration that this irnn knows ({why})") from error
    return config


def _check_plugins(content: dict[str, Any], path: Path) -> None:
    """Refuse options of plug-ins that were not named: code in a run's folder is not executed.

    Raises:
        PluginError: There is one.
    """
    for group in GROUPS:
        section = content.get(group)
        name = section.get("name") if isinstance(section, dict) and "source" in section else None
        if name is not None and name not in classes(group):
            raise PluginError(
                f"{path}: {group}={name} is of a plug-in; name it: --plugins=FOLDER, in Python "
                "load_run(..., plugins=FOLDER), or the variable IRNN_PLUGINS. A copy of its code is in "
                f"{path.parent / SOURCE}: look at it first, nothing executes it by itself"
            )


def changed_code(path: Path, config: Config) -> list[tuple[Choice, str]]:
    """Give the options whose code is another than when `config.yaml` was written, with the digest of then."""
    content = read_yaml(path)
    chosen: list[Choice] = [getattr(config, group) for group in GROUPS]
    then = [(each, content[each.group].get("source", "")) for each in chosen]
    return [(each, source) for each, source in then if each.source != source]


def refuse_changed_code(path: Path, config: Config) -> None:
    """Refuse to answer with other code than a run's `config.yaml` was written with.

    That of its task and of its model: those of its initialization and optimizer have no part in an answer.

    Raises:
        PluginError: The code has changed.
    """
    for chosen, then in changed_code(path, config):
        if chosen.group in ("task", "model"):
            raise PluginError(
                f"{path.parent.name}: the code of {chosen.group}={chosen.name} has changed since it was "
                f"trained ({then or 'none'} then, {chosen.source or 'none'} now): the answers would be "
                "another network's. --changed-code (in Python changed_code=True) answers all the same; a "
                f"copy of the code as it was is in {path.parent / SOURCE}: look at it first, then name the "
                "folder in there with --plugins"
            )
