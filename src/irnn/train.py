"""`python -m irnn.train`: compose a run from YAML groups and train it; with -m, a Hydra multirun."""

import sys
from collections.abc import Sequence
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
    words = list(sys.argv[1:] if argv is None else argv)
    from irnn import composition, help  # Hydra, but not torch
    from irnn.config import ConfigError

    if "-h" in words or "--help" in words:
        print(help.text())
        return SOLVED_OR_EXHAUSTED
    try:
        if any(word.startswith(("-", "hydra.", "hydra/")) for word in words):
            return _through_hydra(words)
        config = composition.compose_config(words)
    except ConfigError as error:
        return _refuse(error)
    return _guarded(config, words)


def _refuse(error: Exception, status: int = REFUSED) -> int:
    print(f"irnn-train: {error}", file=sys.stderr)
    return status


def _guarded(config: "Config", overrides: list[str]) -> int:
    """Train one run, and turn how it ended into an exit status."""
    from irnn.config import ConfigError
    from irnn.runs.directory import BusyError
    from irnn.runs.files import StorageError
    from irnn.training.loop import Interrupted
    from irnn.training.session import run

    try:
        result = run(config, overrides)
    except ConfigError as error:
        return _refuse(error)
    except (BusyError, StorageError) as error:
        return _refuse(error, FAILED)
    except Interrupted as interruption:
        return 128 + interruption.signal_number
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        return 130
    return DIVERGED if result["status"] == "diverged" else SOLVED_OR_EXHAUSTED


def objective(result: dict[str, Any]) -> float:
    """Tell a sweeper how good a run was: its best held-out MSE, finite whatever happened."""
    best = result["best_test_mse"]
    return DIVERGED_OBJECTIVE if result["status"] == "diverged" or best is None else float(best)


def _through_hydra(words: list[str]) -> int:
    """Let Hydra run what is more than one run (or none: --cfg, --info, --shell-completion)."""
    import hydra
    from hydra.core.hydra_config import HydraConfig

    from irnn import composition
    from irnn.training.loop import Interrupted
    from irnn.training.session import run

    overrides = [word for word in words if not word.startswith("-") and "=" in word]
    multirun = any(word in ("-m", "--multirun") for word in words)
    if multirun:
        composition.check_sweep(overrides)
    composition.register_schema()

    def job(composed: "DictConfig") -> float:
        chosen = list(HydraConfig.get().overrides.task)
        return objective(run(composition.to_config(composed), chosen))

    sys.argv = [sys.argv[0], *composition.rewrite_numbers(words)]
    command = hydra.main(
        version_base="1.3",
        config_path=str(composition.conf_dir()),
        config_name=composition.CONFIG_NAME,
    )
    try:
        command(job)()
    except Interrupted as interruption:
        return 128 + interruption.signal_number
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAILED
    return SOLVED_OR_EXHAUSTED


if __name__ == "__main__":
    sys.exit(main())
