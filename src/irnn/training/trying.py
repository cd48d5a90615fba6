"""Try what a run would call of code that may be its user's, before anything is made."""

import traceback

import torch

from irnn.config import Config, ConfigError
from irnn.models.heads import EVERY, Head, Regression
from irnn.models.initialization import Shape
from irnn.seeding import generator, stream_key


def try_out(config: Config) -> None:
    """Take two steps of a cell without a kernel, and one of an optimizer of PyTorch's.

    Of a plug-in, make two sequences of a task, and the weights that an initialization draws.

    Raises:
        ConfigError: It raised something; the message says what and where.
    """
    if config.task.source:
        try:
            _try_task(config)
        except Exception as error:  # anything at all may be raised by what a user wrote
            raise ConfigError(f"task={config.task.name}: {_said(error)}") from error
    if config.init.source:
        try:
            _try_initialization(config)
        except Exception as error:
            raise ConfigError(f"init={config.init.name}: {_said(error)}") from error
    if not config.model.has_kernel:
        try:
            _try_cell(config)
        except Exception as error:
            raise ConfigError(f"model={config.model.name}: {_said(error)}") from error
    if config.optim.is_of_torch():
        try:
            _try_optimizer(config)
        except Exception as error:  # or by what a library is given
            raise ConfigError(f"optim={config.optim.name}: {_said(error)}") from error


def _try_task(config: Config) -> None:
    task = config.task
    drawn = task.draw(stream_key(config.seed, "train"), torch.arange(2))
    inputs, targets = task.encode(drawn, torch.float32)
    last = task.steps if task.head.last == EVERY else task.head.last
    expected = {
        "inputs": (task.steps, 2, task.input_size),
        "targets": (2, last)[: 2 if last > 1 else 1],
    }
    for name, given in (("inputs", inputs), ("targets", targets)):
        if tuple(given.shape) != expected[name]:
            raise ValueError(f"its {name} have shape {tuple(given.shape)}, not {expected[name]}")
    if not torch.isfinite(inputs).all():
        raise ValueError("its inputs are not finite")
    task.head.loss(torch.zeros(_answers(task.head, last)), targets)


def _answers(head: Head, last: int) -> tuple[int, ...]:
    """Give the shape of answers to two sequences."""
    steps = (last,) if last > 1 else ()
    return (*steps, 2) if isinstance(head, Regression) else (*steps, 2, head.outputs)


def _try_initialization(config: Config) -> None:
    shape = Shape(config.task.input_size, config.model.hidden_size, config.model.gates)
    weights = config.init.weights(shape, generator(config.seed, "try"))
    rows = shape.gates * shape.hidden
    expected = {"w_ih": (rows, shape.inputs), "w_hh": (rows, shape.hidden)}
    for name, size in {**expected, "b_ih": (rows,), "b_hh": (rows,)}.items():
        given = getattr(weights, name)
        if tuple(given.shape) != size:
            raise ValueError(f"its {name} has shape {tuple(given.shape)}, not {size}")


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
