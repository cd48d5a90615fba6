"""`python -m irnn.train`: compose a run from YAML groups and train it; with -m, a sweep of many runs.

In Python, `irnn.train(config)` trains one run: see `irnn.api.training.train`.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from irnn.system import screen

if TYPE_CHECKING:
    from irnn.api import Run
    from irnn.spec.command import Command
    from irnn.spec.config import Config

SOLVED_OR_EXHAUSTED, FAILED, REFUSED, DIVERGED = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status.

    One run: 0 solved or exhausted, 1 failed, 2 refused, 3 diverged. A sweep: 0 every job has a result, of
    which diverged is one; 1 a job failed; 2 refused. 129, 130 or 143: interrupted by SIGHUP, SIGINT or
    SIGTERM. Where a text is all that is asked for (--help, --version, --cfg): 1 if it could not be written.
    """
    from irnn.system import exhausted
    from irnn.system.machine import forget_binding

    words = list(sys.argv[1:] if argv is None else argv)
    forget_binding()  # before PyTorch is loaded, here or in a job
    with screen.guarded() as shown:
        status = exhausted.exit_status(partial(_interruptible, words, shown), "irnn-train")
    return shown.status(status)


def _interruptible(words: list[str], shown: screen.Shown) -> int:
    try:
        return _main(words, shown)
    except KeyboardInterrupt:
        return _interrupted(words, 130)


def _interrupted(words: Sequence[str], status: int) -> int:
    """Say how to go on."""
    from irnn.runs.identity import is_once

    without = " ".join(["", "without", *once]) if (once := [*filter(is_once, words)]) else ""
    return _say(f"interrupted; the same command{without} continues", status)


def _main(words: list[str], shown: screen.Shown) -> int:
    from irnn.system.machine import working_folder_refusal

    if (refusal := working_folder_refusal()) is not None:
        return _say(refusal, REFUSED)
    if "--version" in words and not {"-h", "--help"} & set(words):
        from irnn import version

        shown.is_all = True
        screen.say(version.text())
        return SOLVED_OR_EXHAUSTED
    from irnn.spec import composition  # Hydra, but not torch
    from irnn.spec.command import flags_of, read_command
    from irnn.spec.config import ConfigError

    if "-h" in words or "--help" in words:
        return _help([word for word in words if word not in ("-h", "--help")], shown)
    from irnn.sweeps.naming import in_sweep
    from irnn.sweeps.request import left_open

    try:
        command = read_command(words)
        if command.show:
            shown.is_all = True
            return _show(command)
        if command.multirun:
            return _sweep(command)
        config = in_sweep(composition.compose_config(command.overrides, command.groups))
        if refusal := left_open(command.overrides, command.groups):
            raise ConfigError(refusal)
    except ConfigError as error:
        return _say(error, REFUSED)
    return _attempt(config, [*command.overrides, *flags_of(command.groups)])


def _help(words: Sequence[str], shown: screen.Shown) -> int:
    """Show the help page, with the options of the plug-ins that are named beside it."""
    from irnn.spec import help
    from irnn.spec.config import ConfigError
    from irnn.spec.groups import Groups
    from irnn.spec.plugins import with_plugins

    try:
        _, groups = with_plugins(words, Groups())
    except ConfigError as error:
        return _say(error, REFUSED)
    shown.is_all = True
    screen.say(help.text(groups))
    return SOLVED_OR_EXHAUSTED


def _say(error: Exception | str, status: int) -> int:
    screen.complain(f"irnn-train: {error}")
    return status


def _attempt(config: "Config", overrides: list[str]) -> int:
    """Train one run and turn how it ended into an exit status."""
    from irnn.system.machine import refusal_of

    if (refusal := refusal_of()) is not None:
        return _say(refusal, REFUSED)
    from irnn.runs import layout
    from irnn.runs.directory import RunDirectory
    from irnn.runs.files import StorageError
    from irnn.runs.finding import others_than
    from irnn.runs.ownership import BusyError
    from irnn.spec.config import ConfigError
    from irnn.system.helpers import HelperError
    from irnn.training.loop import Interrupted
    from irnn.training.session import run

    directory = None
    try:
        directory = RunDirectory.of(config)
        result = run(config, overrides)
    except ConfigError as error:
        return _say(error, REFUSED)
    except (BusyError, StorageError, HelperError) as error:
        return _say(error, FAILED)
    except Interrupted as interruption:
        return 128 + interruption.signal_number
    except KeyboardInterrupt:  # one more, at a moment when the run would not wait for its end
        if directory is not None and directory.result.exists():
            return _say(f"interrupted; {directory.result} is written", 130)
        if directory is not None and directory.last.exists():
            return _interrupted(overrides, 130)
        return _say("interrupted before its first update", 130)
    if next(iter(others_than(directory.path)), None) is None:
        screen.say(_what_next(config, directory.path, overrides))
    return DIVERGED if result["status"] == layout.DIVERGED else SOLVED_OR_EXHAUSTED


def _what_next(config: "Config", folder: Path, overrides: Sequence[str]) -> str:
    """Say what can be typed after the first run of a folder."""
    import shlex

    from irnn.runs.finding import runs_root
    from irnn.runs.identity import is_once
    from irnn.system.paths import as_argument

    usual = config.runs_dir == runs_root()
    same = [word for word in overrides if not is_once(word) and not word.startswith("seed=")]
    own = [
        word.removeprefix("plugins=").strip("[]") for word in same if word.startswith("plugins=")
    ]
    named = ["--plugins", *own] if own else []
    commands = (
        ["irnn-predict", folder.name if usual else as_argument(folder), *named],
        ["irnn-train", "-m", *same, "seed=0,1,2,3,4"],
        ["irnn-report", *([] if usual else [as_argument(config.runs_dir)]), "--out", "report"],
    )
    return "next: " + "\n      ".join(map(shlex.join, commands))


def _sweep(command: "Command") -> int:
    """Let Hydra's sweeper and launcher make many runs, once all of them are known to be able to work."""
    from irnn.spec.composition import Composer
    from irnn.spec.config import ConfigError
    from irnn.spec.hydra_composition import multirun
    from irnn.sweeps.launch import Stopped
    from irnn.sweeps.request import read_request
    from irnn.sweeps.task import SweepTask
    from irnn.system import exhausted

    composer = Composer(command.groups)
    request = read_request(command.overrides, composer)
    task = SweepTask(command.words, composer, request.shared)
    ended = SOLVED_OR_EXHAUSTED
    try:
        multirun(task, request.words, command.groups)
    except Stopped as stopped:
        task.conclude()
        return _interrupted(command.words, 128 + stopped.signal_number)
    except SystemExit as exit_:
        ended = exit_.code if isinstance(exit_.code, int) else FAILED
    except Exception as error:  # of a sweeper or launcher that is not irnn's
        ended = _say(exhausted.in_words(error), FAILED if task.jobs else REFUSED)
        if not task.jobs:
            return ended
    if task.refusal is not None:
        return _say(task.refusal, REFUSED if isinstance(task.refusal, ConfigError) else FAILED)
    complete = task.conclude()
    return ended or (SOLVED_OR_EXHAUSTED if complete else FAILED)


def _show(command: "Command") -> int:
    """Let Hydra show settings instead of running anything."""
    from irnn.spec.composition import Composer
    from irnn.spec.show import show
    from irnn.sweeps.request import read_request

    show(command, lambda: read_request(command.overrides, Composer(command.groups)).jobs)
    return SOLVED_OR_EXHAUSTED


class _CallableModule(ModuleType):
    """The class of this module, which is the command and the function `irnn.train` (decision 24)."""

    def __call__(self, config: "Config | Sequence[str]", *, progress: bool = True) -> "Run":
        from irnn.api.training import train

        return train(config, progress=progress)


if __name__ == "__main__":
    sys.exit(main())
sys.modules[__name__].__class__ = _CallableModule
