"""A trained network, back from its run's folder."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from irnn.prediction.errors import InputError

if TYPE_CHECKING:
    from irnn.models.network import Network
    from irnn.spec.config import Config


def load_run(folder: Path, *, changed_code: bool = False) -> tuple["Config", "Network"]:
    """Load the best network of a run, on the CPU.

    Args:
        folder: of the run.
        changed_code: whether the code of its task or model may be another than it was trained with.

    Raises:
        InputError: The folder is not that of a run with a checkpoint, or damaged.
        PluginError: The code has changed.
    """
    from irnn.models.network import build
    from irnn.runs import checkpoint
    from irnn.runs.directory import RunDirectory
    from irnn.runs.identity import run_id
    from irnn.runs.reading import UnreadableError, read_yaml
    from irnn.seeding import generator
    from irnn.spec.choices import Device, KernelName
    from irnn.spec.config import ConfigError
    from irnn.spec.saved import changed_code as changed
    from irnn.spec.saved import load_config, refuse_changed_code

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
    if not changed_code:
        refuse_changed_code(directory.config, config)
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
    # A folder may have another name by now, or an id of an older irnn; with other code the id is another.
    saved_by = content.get("run_id")
    known = (None, run_id(config), folder.resolve().name)
    if saved_by not in known and not changed(directory.config, config):
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
