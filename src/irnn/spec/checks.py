"""Refuse a configuration that cannot work, before anything is created."""

import math
import operator
from dataclasses import replace

from irnn.models.initialization import LayerInitialization
from irnn.spec import registry
from irnn.spec.choices import Data, Device, Dtype, KernelName, TrackerMode
from irnn.spec.config import Config, Tracker, total_updates
from irnn.spec.errors import SettingError
from irnn.spec.options import Choice, Setting, settings

MOST_PACKED = 10_000
"""Runs in a pack."""
_NOT_IN_PROJECT = "/\\#?%:"
_LONGEST_PROJECT, _LONGEST_TAG = 128, 64
"""What W&B refuses when it is started, which is too late for a run to say."""
RELATIONS = {
    "above": operator.gt,
    "at least": operator.ge,
    "below": operator.lt,
    "at most": operator.le,
}


def check(config: Config) -> None:
    """Raise ConfigError for the first setting that cannot work."""
    check_each(config)
    check_together(config)


def check_each(config: Config) -> None:
    """Raise ConfigError for the first number beyond what its setting says, whatever is beside it."""
    for setting in settings(config):
        check_bounds(setting)


def check_together(config: Config) -> None:
    """Raise ConfigError for the first setting that cannot work with the others."""
    if not config.runs_dir.strip():
        raise SettingError("runs_dir", "''", "needs a folder; is the variable IRNN_RUNS empty?")
    if config.runtime.device is Device.mps and config.runtime.dtype is Dtype.float64:
        raise SettingError("runtime.dtype", config.runtime.dtype, "an Apple GPU has float32 only")
    pack_size(config)
    ends = (*vars(config.budget).values(), goal_of(config))
    if all(end is None for end in ends):
        raise SettingError(
            "budget.updates", None, "with no other budget and no stop rule it never ends"
        )
    _check_scoring(config)
    _check_gates(config)
    for section in registry.GROUPS:
        _check_choice(config, getattr(config, section))
    _check_kernel(config)
    _check_rates(config)
    _check_stop(config)
    _check_tracker(config.tracker)


def with_data(config: Config) -> Config:
    """Look at the files that a task's data is in, and fill in what is to be known of them.

    Raises:
        SettingError: They are missing or damaged, or do not fit the settings.
    """
    task = config.task
    if (refused := task.data_refusal()) is not None:
        raise SettingError(f"task.{refused[0]}", getattr(task, refused[0]), refused[1])
    settled = task.settled()
    return config if settled is task else replace(config, task=settled)


def _check_choice(config: Config, choice: Choice) -> None:
    """Ask an option what cannot work with the rest."""
    if (refused := choice.refusal(config)) is None:
        return
    key, remedy = refused
    section, _, name = (key if "." in key else f"{choice.group}.{key}").rpartition(".")
    raise SettingError(f"{section}.{name}", getattr(getattr(config, section), name), remedy)


def check_bounds(setting: Setting) -> None:
    """Refuse a number beyond what its setting says.

    Raises:
        SettingError: It is.
    """
    value = setting.value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return
    words = " and ".join(f"{name} {bound:,}" for name, bound in setting.bounds.items())
    held = all(RELATIONS[name](value, bound) for name, bound in setting.bounds.items())
    finite = isinstance(value, int) or math.isfinite(value)  # of a huge integer, isfinite fails
    if not finite or not held:
        remedy = f"must be a number {words}" if words else "must be a finite number"
        raise SettingError(setting.key, value, f"{remedy} ({setting.doc})")


def pack_size(config: Config) -> int | None:
    """Say how many runs `sweep.pack` wants to train together: 0 is off; None, as many as are good.

    Raises:
        SettingError: It is neither auto, off nor such a number.
    """
    asked = config.sweep.pack
    if asked in ("auto", "off", "False"):  # YAML takes a bare off for false
        return None if asked == "auto" else 0
    if asked.isascii() and asked.isdigit() and 0 < int(asked) <= MOST_PACKED:
        return int(asked)
    raise SettingError(
        "sweep.pack", asked, f"must be auto, off, or a whole number from 1 to {MOST_PACKED:,}"
    )


def goal_of(config: Config) -> float | None:
    """Give the value of the task's metric at which the run is solved; None: it uses its whole budget."""
    goal: float | None = getattr(config.stop, config.task.metric.key)
    return goal


def _check_scoring(config: Config) -> None:
    task = config.task
    for key, value in vars(config.stop).items():
        if key.startswith("test_") and key != task.metric.key and value is not None:
            raise SettingError(
                f"stop.{key}",
                value,
                f"task={task.name} is scored by its {task.metric.label}; use {task.metric.goal_key}",
            )
    if task.data is Data.fixed and config.batch_size > task.train_size:
        raise SettingError(
            "batch_size", config.batch_size, f"at most task.train_size ({task.train_size:,})"
        )


def _check_gates(config: Config) -> None:
    model, init = config.model, config.init
    if model.gates > 1 and init.needs_square:
        fitting = [n for n, cls in registry.classes("init").items() if not cls.needs_square]
        raise SettingError(
            "init",
            init.name,
            f"model={model.name} has {model.gates} recurrent matrices side by side, none of "
            f"which can be an identity; use {_either('init', fitting)}",
        )


def _check_kernel(config: Config) -> None:
    model, kernel = config.model, config.runtime.kernel
    if kernel is KernelName.native and not model.has_kernel:
        raise SettingError(
            "runtime.kernel", kernel, f"model={model.name} has no kernel; use runtime.kernel=auto"
        )


def _check_rates(config: Config) -> None:
    optim, init = config.optim, config.init
    if optim.integrator_lr_scale is not None and not init.integrators(config.model.hidden_size):
        known = registry.classes("init").items()
        integrating = [
            n for n, cls in known if cls.integrators is not LayerInitialization.integrators
        ]
        raise SettingError(
            "optim.integrator_lr_scale",
            optim.integrator_lr_scale,
            f"init={init.name} has no integrating units; {_either('init', integrating)} has them",
        )
    if optim.schedule is not None and total_updates(config) is None:
        raise SettingError(
            "optim.schedule",
            optim.schedule,
            "needs budget.updates or budget.epochs, over which it falls",
        )


def _either(group: str, names: list[str]) -> str:
    words = [f"{group}={name}" for name in names]
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _check_stop(config: Config) -> None:
    least, total = config.stop.min_updates, total_updates(config)
    if least is None:
        return
    if goal_of(config) is None:
        key = config.task.metric.goal_key
        raise SettingError("stop.min_updates", least, f"needs {key}, which it delays")
    if total is not None and least > total:
        raise SettingError("stop.min_updates", least, f"at most the budget of {total:,} updates")


def _check_tracker(tracker: Tracker) -> None:
    if tracker.mode is TrackerMode.disabled:
        return
    project = tracker.project
    if len(project) > _LONGEST_PROJECT or any(sign in _NOT_IN_PROJECT for sign in project):
        raise SettingError(
            "tracker.project",
            project,
            f"W&B takes at most {_LONGEST_PROJECT} characters, and none of {' '.join(_NOT_IN_PROJECT)}",
        )
    if any(not 1 <= len(tag) <= _LONGEST_TAG for tag in tracker.tags or ()):
        raise SettingError(
            "tracker.tags", tracker.tags, f"W&B takes tags of 1 to {_LONGEST_TAG} characters"
        )
