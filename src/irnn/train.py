"""`python -m irnn.train`: compose a run from YAML groups and train it; with -m, a sweep of many runs."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from irnn import screen

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from irnn.config import Config

SOLVED_OR_EXHAUSTED, FAILED, REFUSED, DIVERGED = 0, 1, 2, 3
_MULTIRUN = ("-m", "--multirun")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status.

    One run: 0 solved or exhausted, 1 failed, 2 refused, 3 diverged. A sweep: 0 every job has a result, of
    which diverged is one; 1 a job failed; 2 refused. 129, 130 or 143: interrupted by SIGHUP, SIGINT or
    SIGTERM.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    with screen.guarded():
        try:
            return _main(words)
        except KeyboardInterrupt:
            return _interrupted(words, 130)


def _interrupted(words: Sequence[str], status: int) -> int:
    """Say how to go on."""
    from irnn.runs.identity import is_once

    without = " ".join(["", "without", *once]) if (once := [*filter(is_once, words)]) else ""
    return _say(f"interrupted; the same command{without} continues", status)


def _main(words: list[str]) -> int:
    from irnn import composition, help  # Hydra, but not torch
    from irnn.config import ConfigError

    if "-h" in words or "--help" in words:
        screen.say(help.text())
        return SOLVED_OR_EXHAUSTED
    if "--version" in words:
        from irnn import version

        print(version.text(), flush=True)
        return SOLVED_OR_EXHAUSTED
    from irnn.sweeps.naming import in_sweep
    from irnn.sweeps.request import forgotten_multirun

    flags = {word for word in words if word.startswith("-")}
    try:
        if flags & set(_MULTIRUN):
            return _sweep(words)
        if flags:
            return _through_hydra(words)
        config = in_sweep(composition.compose_config(words))
        if forgotten_multirun(words):
            raise ConfigError("sweep=NAME asks for many runs, which needs -m (--multirun)")
    except ConfigError as error:
        return _say(error, REFUSED)
    return _attempt(lambda: config, words)


def _say(error: Exception | str, status: int) -> int:
    screen.complain(f"irnn-train: {error}")
    return status


def _attempt(make: "Callable[[], Config]", overrides: list[str]) -> int:
    """Train one run and turn how it ended into an exit status."""
    from irnn.config import ConfigError
    from irnn.runs.directory import RunDirectory
    from irnn.runs.files import StorageError
    from irnn.runs.ownership import BusyError
    from irnn.training.loop import Interrupted
    from irnn.training.session import run

    directory = None
    try:
        config = make()
        directory = RunDirectory.of(config)
        result = run(config, overrides)
    except ConfigError as error:
        return _say(error, REFUSED)
    except (BusyError, StorageError) as error:
        return _say(error, FAILED)
    except Interrupted as interruption:
        return 128 + interruption.signal_number
    except KeyboardInterrupt:  # one more, at a moment when the run would not wait for its end
        if directory is not None and directory.result.exists():
            return _say(f"interrupted; {directory.result} is written", 130)
        if directory is not None and directory.last.exists():
            return _interrupted(overrides, 130)
        return _say("interrupted before its first update", 130)
    return DIVERGED if result["status"] == "diverged" else SOLVED_OR_EXHAUSTED


def _sweep(words: list[str]) -> int:
    """Let Hydra's sweeper and launcher make many runs, once all of them are known to be able to work."""
    from irnn.composition import Composer
    from irnn.config import ConfigError
    from irnn.sweeps.launch import Stopped
    from irnn.sweeps.request import read_request
    from irnn.sweeps.task import SweepTask

    composer = Composer()
    others = [word for word in words if word.startswith("-") and word not in _MULTIRUN]
    if others:
        raise ConfigError(f"{others[0]}: not together with {_MULTIRUN[0]}; leave out one of them")
    overrides = [word for word in words if word not in _MULTIRUN]
    request = read_request(overrides, composer)
    task = SweepTask(words, composer, request.shared)
    known = [f"sweep.name={request.name}", f"hydra.sweep.dir={_quoted(str(request.folder))}"]
    try:
        ended = _call_hydra(task, [_MULTIRUN[0], *overrides, *known])
    except Stopped as stopped:
        task.conclude()
        return _interrupted(words, 128 + stopped.signal_number)
    if task.refusal is not None:
        return _say(task.refusal, REFUSED if isinstance(task.refusal, ConfigError) else FAILED)
    complete = task.conclude()
    return ended or (SOLVED_OR_EXHAUSTED if complete else FAILED)


def _quoted(text: str) -> str:
    """Write a text so that Hydra reads it as one value."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _through_hydra(words: list[str]) -> int:
    """Let Hydra do what is not just a run: --cfg, --info, --shell-completion, its own settings."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException

    from irnn import composition

    statuses: list[int] = []

    def job(composed: "DictConfig") -> None:
        chosen = list(HydraConfig.get().overrides.task)
        statuses.append(FAILED)
        statuses[-1] = _attempt(lambda: composition.to_config(composed), chosen)

    try:
        return _call_hydra(job, words) or max(statuses, default=SOLVED_OR_EXHAUSTED)
    except (ValueError, HydraException) as error:
        if statuses:
            raise
        return _say(error, REFUSED)  # flags that do not go together


def _call_hydra(task: "Callable[[DictConfig], Any]", words: list[str]) -> int:
    """Call `hydra.main` as the command line would; give the exit status that Hydra ends with."""
    import hydra

    from irnn import composition
    from irnn.groups import CONFIG_NAME, conf_dir, rewrite_numbers

    composition.register_schema()
    before = sys.argv
    # Flags first, for Hydra wants all overrides on one side.
    rest = [word for word in words if word not in _MULTIRUN]
    flag = ["--multirun"] if len(rest) < len(words) else []
    sys.argv = [sys.argv[0], *flag, *rewrite_numbers(rest)]
    command = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=CONFIG_NAME)
    try:
        command(task)()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAILED
    finally:
        sys.argv = before
    return SOLVED_OR_EXHAUSTED


if __name__ == "__main__":
    sys.exit(main())
