"""Try what a run would call of a cell or an optimizer that may be its user's, before anything is made."""

import traceback

import torch

from irnn.config import Config, ConfigError
from irnn.seeding import generator


def try_out(config: Config) -> None:
    """Take two steps of a cell without a kernel, and one of an optimizer of PyTorch's.

    Raises:
        ConfigError: It raised something; the message says what and where.
    """
    if not config.model.has_kernel:
        try:
            _try_cell(config)
        except Exception as error:  # anything at all may be raised by what a user wrote
            raise ConfigError(f"model={config.model.name}: {_said(error)}") from error
    if config.optim.is_of_torch():
        try:
            _try_optimizer(config)
        except Exception as error:  # or by what a library is given
            raise ConfigError(f"optim={config.optim.name}: {_said(error)}") from error


def _try_cell(config: Config) -> None:
    model, features = config.model, config.task.input_size
    draw = generator(config.seed, "try")
    layer = model.layer(features, start=config.init.weights, generator=draw)
    states, _ = layer(torch.zeros(2, 3, features))
    expected = (2, 3, model.hidden_size)
    if tuple(states.shape) != expected:
        raise ValueError(f"its states have shape {tuple(states.shape)}, not (T, B, H) = {expected}")


def _try_optimizer(config: Config) -> None:
    like = [torch.nn.Parameter(torch.ones(size)) for size in ((2, 3), (3,))]
    for each in like:
        each.grad = torch.ones_like(each)
    config.optim.make(like).step()


def _said(error: Exception) -> str:
    """Say what was raised, and in which line of which file."""
    first = next(iter(str(error).splitlines()), "")
    at = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {first} ({at.filename}:{at.lineno})"
