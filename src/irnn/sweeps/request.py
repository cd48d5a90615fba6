"""Read a sweep's command line, and refuse it before anything is created if one of its jobs cannot work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from irnn.composition import Composer, composing
from irnn.config import ConfigError
from irnn.groups import CONFIG_NAME, rewrite_numbers
from irnn.sweeps import record
from irnn.sweeps.grid import axes, combinations, each_value_once
from irnn.sweeps.naming import sweep_folder, sweep_name

_GRIDS = ("GridSweeper", "BasicSweeper")
_NUMBERS: dict[str, tuple[Callable[[int], bool], str]] = {
    "n_jobs": (lambda n: n != 0, "at least 1, or -1 for all cores"),
    "n_trials": (lambda n: n >= 1, "a whole number of trials, at least 1"),
    "n_startup_trials": (lambda n: n >= 0, "a whole number of trials, at least 0"),
    "seed": (lambda n: n >= 0, "a whole number, at least 0"),
}
"""What the sweepers and launchers of this project count with."""


@dataclass(frozen=True)
class Request:
    """A sweep that can work: its name, where its record is, and the overrides that all its jobs have."""

    name: str
    folder: Path
    shared: tuple[str, ...]


def read_request(overrides: Sequence[str], composer: Composer) -> Request:
    """Check a sweep: every job of a grid; of a search, every choice and both ends of every interval.

    Raises:
        ConfigError: One of its jobs cannot work.
    """
    words = rewrite_numbers(overrides)
    with composing(overrides):
        parser = OverridesParser.create(config_loader=GlobalHydra.instance().config_loader())
        parsed = parser.parse_overrides(words)
        for_all = [each.input_line or "" for each in parsed if not each.is_sweep_override()]
        composed = compose(CONFIG_NAME, overrides=for_all, return_hydra_config=True)
        sweeper: Any = composed.hydra.sweeper
        _check_numbers("hydra.sweeper", sweeper)
        _check_numbers("hydra.launcher", composed.hydra.launcher)
        params = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
        asked = parser.parse_overrides([*rewrite_numbers(params), *words])
        if str(sweeper.get("_target_")).rpartition(".")[2] in _GRIDS:
            batch = combinations(axes(asked))
        else:
            batch = each_value_once(asked)
    configs = [composer.compose(job) for job in batch]
    name = sweep_name(configs[0], parsed)
    folder = sweep_folder(configs[0], name)
    record.read(folder)
    swept = {each.get_key_element() for each in asked if each.is_sweep_override()}
    shared = [word for word in for_all if word.partition("=")[0] not in swept]
    return Request(name, folder, tuple(shared))


def _check_numbers(key: str, chosen: Any) -> None:
    """Refuse what this project's sweepers and launchers cannot count with.

    Raises:
        ConfigError: It is no whole number, or one that means nothing.
    """
    if not str(chosen.get("_target_")).startswith("hydra_plugins.irnn_plugins."):
        return
    for name, (allowed, remedy) in _NUMBERS.items():
        value = chosen.get(name)
        if value is not None and not (type(value) is int and allowed(value)):
            raise ConfigError(f"{key}.{name}={value}: must be {remedy}")


def forgotten_multirun(overrides: Sequence[str]) -> bool:
    """Whether a file of a sweep is asked for, but as one run that leaves some of its settings open."""
    if not any(
        word.startswith("sweep=") and word not in ("sweep=null", "sweep=none") for word in overrides
    ):
        return False
    words = rewrite_numbers(overrides)
    with composing(overrides):
        composed = compose(CONFIG_NAME, overrides=words, return_hydra_config=True)
    given = {word.partition("=")[0].lstrip("+") for word in words}
    return not set(composed.hydra.sweeper.get("params") or {}) <= given
