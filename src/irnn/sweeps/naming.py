"""The name of a sweep, and the folder that its record is in."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hydra.core.override_parser.types import Override

from irnn.runs.finding import runs_folder
from irnn.runs.layout import NOT_SCIENCE, SWEEPS
from irnn.spec.config import Config, ConfigError
from irnn.spec.groups import GROUP_OF
from irnn.spec.rewriting import setting_of

_FITTING = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")


def sweep_name(config: Config, parsed: Sequence[Override]) -> str:
    """Give the name that was asked for, or make one.

    A made name says what varies, and its hash what does not: asking again for the same sweep, or for more
    values of the same settings, is asking for the same sweep. The seed counts as varying even when one is
    given.

    Raises:
        ConfigError: The name asked for is none for a folder.
    """
    if config.sweep.name is not None:
        if not _FITTING.fullmatch(config.sweep.name):
            raise ConfigError(
                f"sweep.name={config.sweep.name}: must be letters, digits and ._+-, at most 100, and not "
                "begin with a dot: it names a folder"
            )
        return config.sweep.name
    last = {setting_of(override.key_or_group): override for override in parsed}  # which counts
    varying: dict[str, None] = {}
    fixed = []
    for override in last.values():
        key = override.get_key_element()
        if override.is_sweep_override():
            varying[key] = None
        elif key == "sweep" or not (
            override.is_hydra_override() or key.partition(".")[0] in (*NOT_SCIENCE, "seed")
        ):
            fixed.append(_written(override))
    file = str(last["sweep"].value()) if "sweep" in last else None
    content = json.dumps([sorted({*varying, "seed"}), sorted(fixed)])
    digest = hashlib.sha256(content.encode()).hexdigest()[:6]
    readable = file or "-".join(GROUP_OF.get(key, key.rpartition(".")[2]) for key in varying)
    return f"{re.sub('[^A-Za-z0-9._-]', '', readable)[:60].lstrip('.-') or 'runs'}-{digest}"


def _written(override: Override) -> str:
    """Write what does not vary, no clipping as `clip=none`: so the sweeps that there are have their names."""
    key = override.get_key_element()
    if key in GROUP_OF and override.value() is None:
        return f"{GROUP_OF[key]}=none"
    return str(override.input_line)


def sweep_folder(config: Config, name: str) -> Path:
    """Name the folder of a sweep's record.

    Raises:
        ConfigError: `runs_dir` cannot be one.
    """
    return runs_folder(config) / SWEEPS / name


def in_sweep(config: Config) -> Config:
    """Group a run's tracker by its sweep, unless a group was given."""
    if config.sweep.name is None or config.tracker.group is not None:
        return config
    return replace(config, tracker=replace(config.tracker, group=config.sweep.name))
