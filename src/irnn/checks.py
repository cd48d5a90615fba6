"""Refuse a configuration that cannot work, before anything is created."""

import math
import operator
from dataclasses import replace
from typing import Any

from irnn import tasks
from irnn.choices import Data, Device, Dtype, InitName, ModelName
from irnn.config import Config, ConfigError, total_updates
from irnn.options import Setting, plain, settings

RELATIONS = {
    "above": operator.gt,
    "at least": operator.ge,
    "below": operator.lt,
    "at most": operator.le,
}
GATED = (ModelName.lstm, ModelName.gru)
SQUARE_STARTS = (InitName.identity, InitName.split_identity)


class SettingError(ConfigError):
    """A setting that cannot work: its full key, its value and what would be accepted."""

    def __init__(self, key: str, value: Any, remedy: str) -> None:
        shown = "null" if value is None else str(plain(value))
        shown = shown.lower() if isinstance(value, bool) else shown
        super().__init__(f"{key}={shown}: {remedy}")
        self.key, self.value, self.remedy = key, shown, remedy

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes as its sentence."""
        return ConfigError, self.args


def check(config: Config) -> None:
    """Raise ConfigError for the first setting that cannot work."""
    choices = ("task", "model", "init", "optim")
    sections = {section: getattr(config, section).name for section in choices}
    for setting in settings(config):
        _check_bounds(setting)
        section = setting.key.split(".")[0]
        if setting.only:
            _check_belongs(setting, section, sections[section].value)
    if not config.runs_dir.strip():
        raise SettingError("runs_dir", "''", "needs a folder; is the variable IRNN_RUNS empty?")
    if config.runtime.device is Device.mps and config.runtime.dtype is Dtype.float64:
        raise SettingError("runtime.dtype", config.runtime.dtype, "an Apple GPU has float32 only")
    ends = (*vars(config.budget).values(), goal_of(config))
    if all(end is None for end in ends):
        raise SettingError(
            "budget.updates", None, "with no other budget and no stop rule it never ends"
        )
    _check_task(config)
    _check_model(config)
    _check_start(config)
    _check_optim(config)
    _check_stop(config)


def with_data(config: Config) -> Config:
    """Look at the files that a task's data is in, and fill in what is to be known of them.

    Raises:
        SettingError: They are missing or damaged, or do not fit the settings.
    """
    task = tasks.make(config.task)
    if (refused := task.data_refusal()) is not None:
        raise SettingError(f"task.{refused[0]}", getattr(config.task, refused[0]), refused[1])
    settled = task.settled()
    return config if settled is config.task else replace(config, task=settled)


def _check_bounds(setting: Setting) -> None:
    value = setting.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    words = " and ".join(f"{name} {bound:,}" for name, bound in setting.bounds.items())
    held = all(RELATIONS[name](value, bound) for name, bound in setting.bounds.items())
    finite = isinstance(value, int) or math.isfinite(value)  # of a huge integer, isfinite fails
    if not finite or not held:
        remedy = f"must be a number {words}" if words else "must be a finite number"
        raise SettingError(setting.key, value, f"{remedy} ({setting.doc})")


def _check_belongs(setting: Setting, section: str, name: str) -> None:
    if name in setting.only and setting.value is None and not setting.optional:
        raise SettingError(setting.key, None, f"{section}={name} needs a value ({setting.doc})")
    if name not in setting.only and setting.value is not None:
        owners = " or ".join(f"{section}={owner}" for owner in setting.only)
        raise SettingError(
            setting.key, setting.value, f"{section}={name} has no such option; {owners} has it"
        )


def goal_of(config: Config) -> float | None:
    """Give the value of the task's metric at which the run is solved; None: it uses its whole budget."""
    goal: float | None = getattr(config.stop, tasks.make(config.task).metric.key)
    return goal


def _check_task(config: Config) -> None:
    task = config.task
    if (refused := tasks.make(task).refusal()) is not None:
        raise SettingError(f"task.{refused[0]}", getattr(task, refused[0]), refused[1])
    metric = tasks.make(task).metric
    for key, value in vars(config.stop).items():
        if key.startswith("test_") and key != metric.key and value is not None:
            raise SettingError(
                f"stop.{key}",
                value,
                f"task={task.name.value} is scored by its {metric.label}; use {metric.stop_key}",
            )
    if task.data is Data.fixed and config.batch_size > task.train_size:
        raise SettingError(
            "batch_size", config.batch_size, f"at most task.train_size ({task.train_size:,})"
        )


def _check_model(config: Config) -> None:
    if config.model.name in GATED and config.init.name in SQUARE_STARTS:
        gates = {ModelName.lstm: 4, ModelName.gru: 3}[config.model.name]
        raise SettingError(
            "init",
            config.init.name,
            f"model={config.model.name.value} has {gates} recurrent matrices side by side, none of "
            "which can be an identity; use init=pytorch, init=gaussian or init=orthogonal",
        )


def _check_start(config: Config) -> None:
    init, steps = config.init, config.task.seq_len
    if init.name is not InitName.split_identity:
        return
    if config.model.hidden_size < 2:
        raise SettingError(
            "model.hidden_size", config.model.hidden_size, "split_identity needs at least 2"
        )
    if init.firings is None and init.threshold_low is None:
        raise SettingError("init.firings", None, "it or init.threshold_low needs a value")
    if init.firings is not None and init.threshold_low is not None:
        raise SettingError(
            "init.threshold_low", init.threshold_low, "init.firings sets the thresholds already"
        )
    if init.firings is not None and init.firings >= steps:
        raise SettingError("init.firings", init.firings, f"must be below task.seq_len ({steps})")


def _check_optim(config: Config) -> None:
    optim = config.optim
    if optim.nesterov and not optim.momentum:
        raise SettingError("optim.nesterov", True, "it needs optim.momentum above 0")
    if optim.integrator_lr_scale is not None and config.init.name not in SQUARE_STARTS:
        raise SettingError(
            "optim.integrator_lr_scale",
            optim.integrator_lr_scale,
            f"init={config.init.name.value} has no integrating units; init=identity or "
            "init=split_identity has them",
        )
    if optim.schedule is not None and total_updates(config) is None:
        raise SettingError(
            "optim.schedule",
            optim.schedule,
            "needs budget.updates or budget.epochs, over which it falls",
        )


def _check_stop(config: Config) -> None:
    least, total = config.stop.min_updates, total_updates(config)
    if least is None:
        return
    if goal_of(config) is None:
        key = tasks.make(config.task).metric.stop_key
        raise SettingError("stop.min_updates", least, f"needs {key}, which it delays")
    if total is not None and least > total:
        raise SettingError("stop.min_updates", least, f"at most the budget of {total:,} updates")
