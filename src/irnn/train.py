"""`python -m irnn.train`: compose a run from YAML groups and train it; with -m, a Hydra multirun."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from irnn.config import Config

SOLVED_OR_EXHAUSTED, FAILED, REFUSED, DIVERGED = 0, 1, 2, 3
DIVERGED_OBJECTIVE = 1e6
"""What a sweeper is told about a diverged run: worse than any that ran, and finite."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit status.

    0 solved or exhausted, 1 failed, 2 refused, 3 diverged, 130 or 143 interrupted by SIGINT or SIGTERM.
    """
    try:
        return _main(argv)
    except KeyboardInterrupt:
        print("irnn-train: interrupted; the same command continues", file=sys.stderr)
        return 130


def _main(argv: Sequence[str] | None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    from irnn import composition, help  # Hydra, but not torch
    from irnn.config import ConfigError

    if "-h" in words or "--help" in words:
        print(help.text())
        return SOLVED_OR_EXHAUSTED
    try:
        if any(word.startswith("-") for word in words):
            return _through_hydra(words)
        config = composition.compose_config(words)
    except ConfigError as error:
        return _say(error, REFUSED)
    return _attempt(lambda: config, words)[0]


def _say(error: Exception, status: int) -> int:
    print(f"irnn-train: {error}", file=sys.stderr)
    return status


def _attempt(make: "Callable[[], Config]", overrides: list[str]) -> tuple[int, float]:
    """Train one run; turn how it ended into an exit status and what a sweeper is told."""
    from irnn.config import ConfigError
    from irnn.runs.files import StorageError
    from irnn.runs.ownership import BusyError
    from irnn.training.loop import Interrupted
    from irnn.training.session import run

    try:
        result = run(make(), overrides)
    except ConfigError as error:
        return _say(error, REFUSED), DIVERGED_OBJECTIVE
    except (BusyError, StorageError) as error:
        return _say(error, FAILED), DIVERGED_OBJECTIVE
    except Interrupted as interruption:
        return 128 + interruption.signal_number, DIVERGED_OBJECTIVE
    except KeyboardInterrupt:
        return _say(RuntimeError("interrupted before its first update"), 130), DIVERGED_OBJECTIVE
    diverged = result["status"] == "diverged"
    return DIVERGED if diverged else SOLVED_OR_EXHAUSTED, objective(result)


def objective(result: dict[str, Any]) -> float:
    """Tell a sweeper how good a run was: its best held-out MSE, finite whatever happened."""
    best = result["best_test_mse"]
    return DIVERGED_OBJECTIVE if result["status"] == "diverged" or best is None else float(best)


class _Stopped(KeyboardInterrupt):
    """A job was interrupted: the sweep ends."""


def _through_hydra(words: list[str]) -> int:
    """Let Hydra run what is more than one run (or none: --cfg, --info, --shell-completion).

    A diverged job is a result of a sweep; one that is refused or fails is told, and the others go on.
    """
    import hydra
    from hydra.core.hydra_config import HydraConfig

    from irnn import composition

    multirun = any(word in ("-m", "--multirun") for word in words)
    if multirun:
        composition.check_sweep([word for word in words if not word.startswith("-")])
    composition.register_schema()
    statuses: list[int] = []

    def job(composed: "DictConfig") -> float:
        chosen = list(HydraConfig.get().overrides.task)
        status, told = _attempt(lambda: composition.to_config(composed), chosen)
        statuses.append(status)
        if status >= 128:
            raise _Stopped
        return told

    rest = [word for word in words if word not in ("-m", "--multirun")]
    flag = ["--multirun"] if multirun else []  # first, for Hydra wants all overrides on one side
    sys.argv = [sys.argv[0], *flag, *composition.rewrite_numbers(rest)]
    command = hydra.main(
        version_base="1.3",
        config_path=str(composition.conf_dir()),
        config_name=composition.CONFIG_NAME,
    )
    try:
        command(job)()
    except _Stopped:
        return statuses[-1]
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAILED
    if not multirun:
        return max(statuses, default=SOLVED_OR_EXHAUSTED)
    failed = [status for status in statuses if status in (FAILED, REFUSED)]
    if failed:
        print(f"irnn-train: {len(failed)} of {len(statuses)} jobs failed", file=sys.stderr)
    return FAILED if failed else SOLVED_OR_EXHAUSTED


if __name__ == "__main__":
    sys.exit(main())
