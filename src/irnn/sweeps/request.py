"""Read a sweep's command line, and refuse it before anything is created if one of its jobs cannot work."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import IntervalSweep
from omegaconf import DictConfig

from irnn.spec.bases import Sweeping
from irnn.spec.composition import Composer, explaining
from irnn.spec.config import Config, ConfigError
from irnn.spec.groups import NUMERIC_GROUPS, Groups
from irnn.spec.hydra_composition import composed
from irnn.spec.overrides import Given, decimal_comma_hint, interval_ends, read
from irnn.spec.rewriting import quoted
from irnn.spec.wording import shown
from irnn.sweeps import record
from irnn.sweeps.grid import axes, combinations, each_value_once, of_file_and_command
from irnn.sweeps.naming import sweep_folder, sweep_name
from irnn.sweeps.progress_lines import with_progress_lines
from irnn.system import screen
from irnn.system.paths import expanded

_MANY = 2_000
"""Jobs of a sweep that tells its size."""
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
    """A sweep that can work.

    Args:
        name: of the sweep.
        folder: where its record is.
        shared: the overrides that all its jobs have.
        words: all overrides as Hydra reads them, with what is decided here.
        jobs: the overrides of every job; of a search, of what it was checked with.
    """

    name: str
    folder: Path
    shared: tuple[str, ...]
    words: tuple[str, ...]
    jobs: tuple[tuple[str, ...], ...]


def read_request(overrides: Sequence[str], composer: Composer) -> Request:
    """Check a sweep: every job of a grid; of a search, every choice and both ends of every interval.

    Raises:
        ConfigError: One of its jobs cannot work.
    """
    groups = composer.groups
    given = read(overrides, groups, multirun=True)
    fixed = [each for each in given if not each.parsed.is_sweep_override()]
    by_text = {each.typed: each for each in fixed}

    def at_once(typed: Sequence[str]) -> Any:
        return composed([by_text[text].word for text in typed], groups, with_hydra=True)

    for_all = [each.word for each in fixed]
    with explaining([*by_text], at_once, groups):
        settings = composer.sweeping(fixed)
    sweeper = settings.sweeper
    _check_numbers("hydra.sweeper", sweeper)
    _check_numbers("hydra.launcher", settings.launcher)
    _check_folder(settings.launcher)
    by_command = {each.setting for each in given}
    of_file = _axes_of_file(settings, groups, given)
    from_file = [each for each in of_file if each.setting not in by_command]
    asked = of_file_and_command([each.parsed for each in of_file], [each.parsed for each in given])
    grid = str(sweeper.get("_target_")).rpartition(".")[2] in _GRIDS
    try:
        batch = combinations(axes(asked)) if grid else each_value_once(asked)
        configs = compose_all(batch, composer)
    except ConfigError as error:
        message = _as_typed(str(error), given) + _of_file(str(error), settings, from_file)
        blamed = [each for each in given if message.startswith(each.typed.partition("=")[0] + "=")]
        raise ConfigError(f"{message}{''.join(map(decimal_comma_hint, blamed))}") from error
    name = sweep_name(configs[0], [each.parsed for each in given])
    folder = sweep_folder(configs[0], name)
    record.read(folder)
    swept = {each.get_key_element() for each in asked if each.is_sweep_override()}
    shared = [word for word in for_all if word.partition("=")[0] not in swept]
    decided = [f"sweep.name={quoted(name)}", f"hydra.sweep.dir={quoted(str(folder))}"]
    words = [*(each.word for each in given), *decided]
    return Request(name, folder, tuple(shared), tuple(words), tuple(batch))


def _of_file(message: str, settings: Sweeping, from_file: Sequence[Given]) -> str:
    """Say which settings that a refusal names nobody typed: the sweep's file varies them."""
    named = [
        each.key for each in from_file if re.search(rf"(^|[ (]){re.escape(each.key)}=", message)
    ]
    return f"; {_file_of(settings)} varies {' and '.join(named)}" if named else ""


def _file_of(settings: Sweeping) -> str:
    """Name the file that says what a sweep varies: a preset may, as well as one of conf/sweep."""
    for group in ("sweep", "experiment"):
        if (chosen := settings.choices.get(group)) not in (None, "none", "null"):
            return f"{group}={chosen}"
    return "this configuration"


def _as_typed(message: str, given: Sequence[Given]) -> str:
    """Name a setting as it was typed: text as it was, and by its group, as init_scale=2 sets init.gain."""
    for each in given:
        message = message.replace(shown(each.word), shown(each.typed))
    keys = {each.typed.partition("=")[0] for each in given}
    for key in keys & NUMERIC_GROUPS.keys():
        if NUMERIC_GROUPS[key] not in keys:
            message = message.replace(f"{NUMERIC_GROUPS[key]}=", f"{key}=")
    return message


def compose_all(batch: Sequence[Sequence[str]], composer: Composer) -> list[Config]:
    """Compose the jobs of a sweep; of a large one, say how large it is, and how far this is.

    Raises:
        ConfigError: One of them cannot work.
    """
    if len(batch) >= _MANY:
        screen.complain(
            f"irnn-train: a sweep of {len(batch):,} jobs; each is checked before the first starts"
        )
    return [composer.compose(job) for job in with_progress_lines(batch, "checked")]


def _axes_of_file(settings: Sweeping, groups: Groups, given: Sequence[Given]) -> list[Given]:
    """Read what the file of a sweep varies.

    Raises:
        ConfigError: It is no setting with values.
    """
    params = settings.sweeper.get("params")
    if params is None:
        return []
    typed = next(
        (each.typed for each in given if each.key.startswith("hydra.sweeper.params")), None
    )
    source = typed or _file_of(settings)
    if not isinstance(params, Mapping | DictConfig):
        raise ConfigError(
            f"{source}: must be settings with values; write them without it, as in seed=0,1,2"
        )
    words = [f"{key}={_written(value)}" for key, value in params.items()]
    try:
        return read(words, groups, multirun=True)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from error


def _written(value: Any) -> str:
    return "null" if value is None else str(value)


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


def _check_folder(launcher: Any) -> None:
    """Refuse a folder for a cluster's files that is in nobody's home.

    Raises:
        ConfigError: It is.
    """
    folder = launcher.get("submitit_folder")
    try:
        expanded(str(folder or ""))
    except ValueError as error:
        raise ConfigError(f"hydra.launcher.submitit_folder={folder}: {error}") from error


def left_open(overrides: Sequence[str], groups: Groups) -> str | None:
    """Say which settings the file of a sweep varies and one run leaves open; None where it leaves none."""
    given = read(overrides, groups)
    if not groups.added and not any(each.key == "sweep" for each in given):
        return None  # none of irnn's own files but those of sweep varies anything
    settings = Composer(groups).sweeping(given)
    set_ = {each.setting for each in given}
    left = [each for each in _axes_of_file(settings, groups, given) if each.setting not in set_]
    if not left:
        return None
    keys = [each.typed.partition("=")[0] for each in left]
    values = [_first_value(each) for each in left]
    named = " and ".join([", ".join(keys[:-1]), keys[-1]] if keys[1:] else keys)
    one = " ".join(f"{key}={value}" for key, value in zip(keys, values, strict=True))
    return (
        f"{_file_of(settings)}: varies {named}, for which irnn-train needs -m (--multirun); "
        f"one run has one value of each, as in {one}"
    )


def _first_value(given: Given) -> str:
    """Write the first value that a sweep's file gives a setting, as it is written there."""
    if isinstance(given.parsed.value(), IntervalSweep):
        return str(interval_ends(given.parsed)[0])
    first = next(iter(axes([given.parsed]).values()))[0].partition("=")[2]
    return "none" if first == "null" and given.key != given.typed.partition("=")[0] else first
