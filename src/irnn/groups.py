"""The configuration groups: where their files are, and numbers in the place of their options."""

import re
from collections.abc import Sequence
from pathlib import Path

from irnn.config import ConfigError

CONFIG_NAME = "train"
NUMERIC_GROUPS = {"seq_len": "task.seq_len", "clip": "clip.max_norm", "init_scale": "init.gain"}
"""Groups in whose place a number works, and the setting that the number is for."""

_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?inf|nan", re.IGNORECASE)
_NUMERIC_SWEEP = re.compile(r"(tag\([^()]*,\s*)?(range|interval)\(.*\)")


def conf_dir() -> Path:
    """Find the configuration groups: inside the installed package, else at the checkout's top.

    Raises:
        ConfigError: There is neither.
    """
    package = Path(__file__).resolve().parent
    for candidate in (package / "conf", package.parents[1] / "conf"):
        if (candidate / f"{CONFIG_NAME}.yaml").is_file():
            return candidate
    raise ConfigError(f"no conf/{CONFIG_NAME}.yaml beside {package}: install irnn again")


def group_names() -> set[str]:
    """Name the groups that a run is composed from; those of Hydra itself have a slash."""
    return {path.name for path in conf_dir().iterdir() if path.is_dir() and path.name != "hydra"}


def options(group: str) -> list[str]:
    """Name a group's options."""
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


def rewrite_numbers(overrides: Sequence[str]) -> list[str]:
    """Let any number stand in place of an option of a numeric group, in sweeps too.

    `clip=5` becomes `clip.max_norm=5` and `seq_len=150,175` becomes `task.seq_len=150,175`: a number
    means that number, whether or not a file of its name exists. Names are left to Hydra.
    """
    return [_rewrite_number(override) for override in overrides]


def _rewrite_number(override: str) -> str:
    group, equals, value = override.partition("=")
    if not equals or group not in NUMERIC_GROUPS:
        return override
    parts = [part.strip().strip("'\"") for part in value.split(",")]
    numbers = [part for part in parts if _NUMBER.fullmatch(part)]
    rest = set(parts) - set(numbers)
    if rest <= {"none", "null"} and (numbers or rest == {"null"}):
        written = ",".join("null" if part in rest else part for part in parts)
        return f"{NUMERIC_GROUPS[group]}={written}"
    if _NUMERIC_SWEEP.fullmatch(value.strip()):
        return f"{NUMERIC_GROUPS[group]}={value}"
    return override
