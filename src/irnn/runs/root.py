"""The folder that all runs are in."""

import stat
from pathlib import Path

from irnn.spec.config import Config, ConfigError
from irnn.system.paths import expanded


def runs_root(config: Config) -> Path:
    """Give the folder of all runs, which need not be there yet.

    Raises:
        ConfigError: No run can be in a folder of that name.
    """
    said = f"runs_dir={config.runs_dir}"
    try:
        root = expanded(config.runs_dir)
    except ValueError as error:
        raise ConfigError(f"{said}: {error}") from error
    try:
        found: int | None = root.stat().st_mode  # asked once: another process may make it meanwhile
    except FileNotFoundError:
        found = 0 if root.is_symlink() else None  # None: it will be made
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{said}: {why}; give runs_dir= or IRNN_RUNS another folder") from error
    if found is not None and not stat.S_ISDIR(found):
        raise ConfigError(f"{said}: is not a folder; give runs_dir= or IRNN_RUNS one")
    return root
