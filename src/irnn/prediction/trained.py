"""A trained network, back from its run's folder."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from irnn.prediction.answers import InputError

if TYPE_CHECKING:
    from irnn.models.network import Network
    from irnn.spec.config import Config


def load_run(folder: Path) -> tuple["Config", "Network"]:
    """Load the best network of a run, on the CPU.

    Raises:
        InputError: The folder is not that of a run with a checkpoint, or damaged.
    """
    from irnn.models.network import build
    from irnn.runs import checkpoint
    from irnn.runs.directory import RunDirectory
    from irnn.runs.identity import run_id
    from irnn.runs.reading import UnreadableError, read_yaml
    from irnn.seeding import generator
    from irnn.spec.choices import Device, KernelName
    from irnn.spec.config import ConfigError
    from irnn.spec.saved import load_config

    import torch  # isort: skip

    directory = RunDirectory(folder)
    try:
        read_yaml(directory.config)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder} is not a run folder: it has no config.yaml") from None
    except UnreadableError as error:
        raise InputError(f"{folder}: {error}") from error
    if not directory.best.exists():
        raise InputError(f"{folder} has no checkpoint yet: train it first")
    config = load_config(directory.config)
    _check_size(directory.best, config)
    runtime = replace(config.runtime, device=Device.cpu, kernel=KernelName.auto)
    try:
        content = checkpoint.load(directory.best, torch.device("cpu"))
        saved = content["model"]
    except (ConfigError, KeyError) as error:  # what a library says about it is for programmers
        raise InputError(
            f"{directory.best} is damaged, or no checkpoint of irnn; train the run again with force=true"
        ) from error
    task = config.task
    weights = generator(config.seed, "init")
    model = build(replace(config, runtime=runtime), weights, task.input_size, task.head)
    try:
        model.load_state_dict(saved)
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{directory.best} does not fit {directory.config}: its weights have other names or shapes; "
            "one of the two files is of another run"
        ) from error
    # A folder may have another name by now, or an id of an older irnn.
    saved_by = content.get("run_id")
    if saved_by not in (None, run_id(config), folder.resolve().name):
        raise InputError(
            f"{directory.best} is of run {saved_by}, and {directory.config} is not: put the run's own file "
            "back, or train it again with force=true"
        )
    return config, model.eval()


def _check_size(checkpoint: Path, config: "Config") -> None:
    """Refuse a checkpoint that is no file, or smaller than the network that it should hold."""
    if not checkpoint.is_file():
        raise InputError(f"{checkpoint} is not a file")
    least = config.model.hidden_size**2 * config.model.num_layers * 4
    if checkpoint.stat().st_size < least:
        raise InputError(
            f"{checkpoint} does not fit config.yaml, or is cut short: {config.model.hidden_size:,} hidden "
            f"units need {least:,} bytes at least; train the run again with force=true"
        )
