"""From overrides to a configuration and to its data; and back to overrides."""

import re
import threading
from typing import TYPE_CHECKING, Any, cast

from irnn.spec.config import Config, ConfigError
from irnn.spec.options import leaves, plain

if TYPE_CHECKING:
    from torch import Tensor

_SIMPLE = re.compile(r"[A-Za-z_][\w./-]*")
_HYDRA = threading.RLock()
"""Hydra composes for one thread at a time."""


def compose(*overrides: str) -> Config:
    """Compose the configuration of one run, from what `irnn-train` takes on its command line.

    Args:
        overrides: each as one word: `"seq_len=200"`, `"init=identity"`, `"optim.lr=3e-4"`.

    Raises:
        ConfigError: It cannot work; the message names key, value and what would be accepted.
    """
    from irnn.spec.command import read_command
    from irnn.spec.composition import compose_config
    from irnn.sweeps.naming import in_sweep
    from irnn.sweeps.request import left_open

    for word in overrides:
        if not isinstance(word, str):
            raise ConfigError(f"{word!r}: an override is a text, as in compose('seq_len=200')")
    with _HYDRA:
        command = read_command(overrides)
        if command.multirun or command.show:
            raise ConfigError("a configuration is of one run; sweeps are for irnn-train -m")
        config = in_sweep(compose_config(command.overrides, command.groups))
        if refusal := left_open(command.overrides, command.groups):
            raise ConfigError(refusal)
    return config


def sequences(config: Config, count: int, *, stream: str = "test") -> "tuple[Tensor, Tensor]":
    """Make the first sequences that a run with this configuration is trained or tested on.

    Args:
        config: the run.
        count: N.
        stream: "train", "test" or any other name: each is a random stream of its own.

    Returns:
        Inputs (T, N, F), time first, and targets (N,), or (N, K) where the last K steps are answered.

    Raises:
        ConfigError: `count` is not positive, or more than there are held out.
    """
    import torch

    from irnn.models.network import DTYPES
    from irnn.seeding import stream_key

    if count < 1:
        raise ConfigError(f"count={count}: must be at least 1")
    task = config.task
    if stream in ("test", "predict") and task.available is not None and count > task.available:
        raise ConfigError(f"count={count}: there are {task.available:,} held out")
    drawn = task.draw(stream_key(config.seed, stream), torch.arange(count))
    return task.encode(drawn, DTYPES[config.runtime.dtype])


def overrides_of(config: Config) -> list[str]:
    """Give overrides that compose this configuration, for a run's `provenance.json`."""
    from omegaconf import OmegaConf

    from irnn.spec.groups import Groups
    from irnn.spec.hydra_composition import composed
    from irnn.spec.plugins import with_plugins
    from irnn.spec.registry import GROUPS, sources_of

    sections = plain(config)
    choices = [f"{group}={sections[group]['name']}" for group in GROUPS]
    words = {source.plugin for source in sources_of(config).values()} - {""}
    plugins = [f"plugins=[{','.join(sorted(words))}]"] if words else []
    with _HYDRA:
        found = OmegaConf.to_container(
            composed(choices, with_plugins(plugins, Groups())[1]), enum_to_str=True, resolve=True
        )
    before: dict[str, Any] = leaves(cast(dict[str, Any], found))
    changed = {
        key: value
        for key, value in leaves(sections).items()
        if not key.endswith(".source") and (key not in before or before[key] != value)
    }
    return [*plugins, *choices, *(f"{key}={_written(value)}" for key, value in changed.items())]


def _written(value: Any) -> str:
    """Write a value as Hydra's grammar reads it."""
    from irnn.spec.rewriting import quoted

    if isinstance(value, str):
        return value if _SIMPLE.fullmatch(value) else quoted(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_written, value))}]"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return repr(value)
