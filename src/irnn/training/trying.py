"""Try what a run would call of code that may be its user's, before anything is made."""

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from irnn.models.heads import EVERY, Head, Regression
from irnn.models.initialization import Shape
from irnn.seeding import generator, stream_key
from irnn.spec.config import Config, ConfigError
from irnn.system.shared import whole_process

SEQUENCES = 16
"""Of a task; enough to meet most of its classes."""


class _UnusableError(Exception):
    """What was given cannot be used; the message says what it is and what was expected."""


def try_out(config: Config) -> None:
    """Take two steps of a cell without a kernel, and one of an optimizer of PyTorch's.

    Of a plug-in, make a few sequences of a task, and the weights that an initialization draws.

    Raises:
        ConfigError: It raised something or gave what cannot be used; the message says what and where.
    """
    tried = (
        (config.task, bool(config.task.source), _try_task),
        (config.init, bool(config.init.source), _try_initialization),
        (config.model, not config.model.has_kernel, _try_cell),
        (config.optim, config.optim.is_of_torch(), _try_optimizer),
    )
    for choice, wanted, attempt in tried:
        if not wanted:
            continue
        try:
            attempt(config)
        except Exception as error:  # anything at all may be raised by what a user wrote
            reason = _explained(error, type(choice))
            raise ConfigError(f"{choice.group}={choice.name}: {reason}") from error


def _try_task(config: Config) -> None:
    task, key = config.task, stream_key(config.seed, "train")
    positions = torch.arange(SEQUENCES)
    with _global_generator_untouched("draw"):
        drawn = task.draw(key, positions)
        backwards = task.draw(key, positions.flip(0))
    if not isinstance(drawn, tuple) or not all(isinstance(each, Tensor) for each in drawn):
        raise _UnusableError(f"draw gives {_kind(drawn)}, not a tuple of tensors")
    for there, back in zip(drawn, backwards, strict=True):
        if len(there) != SEQUENCES:
            raise _UnusableError(f"draw gives {len(there)} sequences for {SEQUENCES} positions")
        if not torch.equal(there, back.flip(0)):
            raise _UnusableError(
                "draw depends on more than key and position: in another order others come"
            )
    inputs, targets = task.encode(drawn, torch.float32)
    last = task.steps if task.head.last == EVERY else task.head.last
    _expect("inputs", inputs, (task.steps, SEQUENCES, task.input_size))
    _expect("targets", targets, (SEQUENCES, last)[: 2 if last > 1 else 1])
    if inputs.dtype != torch.float32:
        raise _UnusableError(
            f"its inputs are {inputs.dtype}; encode is given the dtype, torch.float32 here"
        )
    try:
        task.head.loss(torch.zeros(_answers(task.head, last)), targets)
    except Exception as error:
        raise _UnusableError(
            f"its targets ({targets.dtype}) cannot be scored: {_first(error)}"
        ) from error


def _answers(head: Head, last: int) -> tuple[int, ...]:
    """Give the shape of answers to the sequences that are tried."""
    steps = (last,) if last > 1 else ()
    outputs = () if isinstance(head, Regression) else (head.outputs,)
    return (*steps, SEQUENCES, *outputs)


def _try_initialization(config: Config) -> None:
    shape = Shape(config.task.input_size, config.model.hidden_size, config.model.gates)
    with _global_generator_untouched("it"):
        weights = config.init.weights(shape, generator(config.seed, "try"))
    rows = shape.gates * shape.hidden
    expected = {"w_ih": (rows, shape.inputs), "w_hh": (rows, shape.hidden)}
    for name, size in {**expected, "b_ih": (rows,), "b_hh": (rows,)}.items():
        _expect(name, getattr(weights, name), size)


def _try_cell(config: Config) -> None:
    model, features = config.model, config.task.input_size
    draw = generator(config.seed, "try")
    layer = model.layer(features, start=config.init.weights, generator=draw)
    states, _ = layer(torch.zeros(2, 3, features))
    expected = (2, 3, model.hidden_size)
    if tuple(states.shape) != expected:
        raise _UnusableError(
            f"its states have shape {tuple(states.shape)}, not (T, B, H) = {expected}"
        )


def _try_optimizer(config: Config) -> None:
    like = [torch.nn.Parameter(torch.ones(size)) for size in ((2, 3), (3,))]
    for each in like:
        each.grad = torch.ones_like(each)
    config.optim.make(like).step()


def _expect(name: str, given: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(given, Tensor):
        raise _UnusableError(f"its {name}: {_kind(given)}, not a tensor")
    if tuple(given.shape) != shape:
        raise _UnusableError(f"its {name}: of shape {tuple(given.shape)}, not {shape}")
    if not torch.isfinite(given).all():
        raise _UnusableError(f"its {name}: not all finite")


@contextmanager
def _global_generator_untouched(who: str) -> Iterator[None]:
    with whole_process:
        before = torch.random.get_rng_state()
        yield
        touched = not torch.equal(torch.random.get_rng_state(), before)
    if touched:
        raise _UnusableError(
            f"{who} draws from PyTorch's global generator, so that no run could be repeated; "
            "draw from what is given"
        )


def _kind(given: Any) -> str:
    return "None" if given is None else f"a {type(given).__name__}"


def _first(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "")


def _explained(error: Exception, cls: type) -> str:
    """Say what was raised, and in which line of the class's own file, or of which class."""
    try:
        file = inspect.getfile(cls)
        line = inspect.getsourcelines(cls)[1]
    except (OSError, TypeError):  # it was typed into a notebook
        file, line = cls.__module__, 0
    frames = traceback.extract_tb(error.__traceback__)
    for frame in frames:
        line = (frame.lineno or line) if frame.filename == file else line
    what = (
        _first(error)
        if isinstance(error, _UnusableError)
        else f"{type(error).__name__}: {_first(error)}"
    )
    return f"{what} ({file}:{line})"
