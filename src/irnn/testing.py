"""Checks that every task, initialization, cell and optimizer must pass, ours and yours.

Call them from your own tests, as in `check_initialization(MyGain, gain=0.9)`. Each raises AssertionError with
a sentence about what does not hold.
"""

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from irnn.models.cell import Cell
from irnn.models.heads import Classification
from irnn.models.initialization import LayerInitialization, Shape
from irnn.models.initializers import PyTorch
from irnn.models.network import build
from irnn.optimizers.base import Optimizer
from irnn.runs.directory import RunDirectory
from irnn.seeding import generator, stream_key
from irnn.spec.checks import check, with_data
from irnn.spec.choices import Device
from irnn.spec.config import Budget, Checkpoint, Config, Evaluate, Runtime
from irnn.spec.errors import ConfigError
from irnn.tasks.adding import Adding
from irnn.tasks.base import Task
from irnn.training.step import Updater
from irnn.training.trainer import Trainer

__all__ = ["check_cell", "check_initialization", "check_optimizer", "check_task"]

_SMALL = {"seq_len": 20, "train_size": 64, "test_size": 64}
_SEQUENCES = 2_000
"""Over which the trivial answer's score is measured."""


def check_task(cls: type[Task], **settings: Any) -> None:
    """Check a task: sequences are a function of their position, laid out and scored as it says, and train.

    Args:
        cls: the registered class.
        **settings: of it; `seq_len` is 20 unless said otherwise.
    """
    task = cls(**{**_SMALL, **settings})
    config = _config(task=task)
    task = config.task
    _check_draws(task)
    _check_layout(task)
    _check_trivial_score(task)
    _check_resumes(config)


def check_initialization(cls: type[LayerInitialization], **settings: Any) -> None:
    """Check an initialization: weights of the right shapes, from the generator alone; it trains."""
    init = cls(**settings)
    gates = (1,) if init.needs_square else (1, 3, 4)
    for shape in (Shape(i, h, g) for i in (1, 3) for h in (2, 7, 16) for g in gates):
        with _global_randomness_untouched(f"init={init.name}"):
            made = [init.weights(shape, generator(0, "check")) for _ in range(2)]
        rows = shape.gates * shape.hidden
        expected: dict[str, tuple[int, ...]] = {
            "w_ih": (rows, shape.inputs),
            "w_hh": (rows, shape.hidden),
            "b_ih": (rows,),
            "b_hh": (rows,),
        }
        for name, size in expected.items():
            one, other = (getattr(each, name) for each in made)
            assert tuple(one.shape) == size, (
                f"init={init.name}: {name} has shape {tuple(one.shape)} for {shape}, not {size}"
            )
            assert one.dtype == torch.float64, f"init={init.name}: {name} is not float64"
            assert torch.isfinite(one).all(), f"init={init.name}: {name} is not finite for {shape}"
            assert torch.equal(one, other), (
                f"init={init.name}: {name} differs for the same generator; draw from it alone"
            )
        integrators = init.integrators(shape.hidden)
        assert 0 <= integrators <= shape.hidden, f"init={init.name}: {integrators} integrators"
    _check_resumes(_config(init=init))


def check_cell(cls: type[Cell], **settings: Any) -> None:
    """Check a cell: states of the right shape that no later input changes, gradients; it trains."""
    cell = cls(**{"hidden_size": 8, **settings})
    config = _config(model=cell)
    with _global_randomness_untouched(f"model={cell.name}"):
        layers = [_layer(cell, seed) for seed in (0, 0)]
    for (name, one), (_, other) in zip(*(each.named_parameters() for each in layers), strict=True):
        assert torch.equal(one, other), (
            f"model={cell.name}: {name} differs for the same generator; draw from it alone"
        )
    layer, inputs = layers[0], torch.rand(9, 5, 3, generator=generator(0, "inputs")).double()
    states, final = layer(inputs)
    expected = (9, 5, cell.hidden_size)
    assert tuple(states.shape) == expected, (
        f"model={cell.name}: states have shape {tuple(states.shape)}, not (T, B, H) = {expected}"
    )
    later = inputs.clone()
    later[5:] = 0.5
    assert torch.allclose(layer(later)[0][:5], states[:5]), (
        f"model={cell.name}: a state depends on later inputs"
    )
    assert torch.allclose(layer(inputs[:, 1:3])[0], states[:, 1:3]), (
        f"model={cell.name}: a sequence's states depend on the others of its batch"
    )
    middle = layer(inputs[:4])[1]
    assert torch.allclose(layer(inputs[4:], middle)[0], states[4:]), (
        f"model={cell.name}: going on from a final state gives other states than going through"
    )
    assert final is not None
    states.square().sum().backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, f"model={cell.name}: {name} has no gradient"
        assert torch.isfinite(parameter.grad).all(), f"model={cell.name}: {name}'s gradient"
    _check_resumes(config)


def check_optimizer(cls: type[Optimizer], **settings: Any) -> None:
    """Check an optimizer: it lowers a loss, leaves alone what has a rate of 0, and resumes bitwise."""
    optim = cls(**settings)
    config = _config(optim=optim)
    losses = _train_on_one_batch(config, 200)
    assert math.isfinite(losses[-1]), f"optim={optim.name}: the loss is {losses[-1]}"
    assert losses[-1] < losses[0], (
        f"optim={optim.name}: 200 updates on one batch took the loss from {losses[0]:g} to {losses[-1]:g}"
    )
    frozen = replace(config, optim=replace(optim, recurrent_lr_scale=0.0))
    model = _network(frozen)
    before = model.recurrent_matrix().detach().clone()
    _updates(frozen, model, 3)
    assert torch.equal(model.recurrent_matrix(), before), (
        f"optim={optim.name}: optim.recurrent_lr_scale=0 does not hold the recurrent matrix"
    )
    _check_resumes(config)


def _config(**chosen: Any) -> Config:
    """Make a small run, and check it as any is checked.

    Raises:
        AssertionError: It is refused.
    """
    config = Config(
        **{
            "task": Adding(seq_len=12, train_size=64, test_size=32),
            "model": _default("model")(hidden_size=8),
            "init": PyTorch(),
            **chosen,
        },
        batch_size=8,
        budget=Budget(updates=8),
        evaluate=Evaluate(every=4),
        checkpoint=Checkpoint(every=4),
        runtime=Runtime(device=Device.cpu, threads=1),
        force=True,
    )
    try:
        check(config)
        return with_data(config)
    except ConfigError as error:
        raise AssertionError(f"the smallest run is refused: {error}") from error


def _default(group: str) -> Any:
    return type(getattr(Config(), group))


def _check_draws(task: Task) -> None:
    key, positions = stream_key(0, "train"), torch.arange(32)
    with _global_randomness_untouched(f"task={task.name}"):
        together = task.draw(key, positions)
    assert torch.equal(positions, torch.arange(32)), f"task={task.name}: draw changes the positions"
    for order in (torch.tensor([31, 0, 7]), torch.tensor([7])):
        some = task.draw(key, order)
        for whole, part in zip(together, some, strict=True):
            assert torch.equal(whole[order], part), (
                f"task={task.name}: what draw makes at a position depends on the other positions"
            )
    elsewhere = task.draw(stream_key(0, "test"), positions)
    assert not all(
        torch.equal(one, other) for one, other in zip(together, elsewhere, strict=True)
    ), f"task={task.name}: held-out sequences are the training sequences; use the key"


def _check_layout(task: Task) -> None:
    drawn = task.draw(stream_key(0, "train"), torch.arange(12))
    last = task.steps if task.head.last == 0 else task.head.last
    for dtype in (torch.float32, torch.float64):
        inputs, targets = task.encode(drawn, dtype)
        shape = (task.steps, 12, task.input_size)
        assert tuple(inputs.shape) == shape, (
            f"task={task.name}: inputs have shape {tuple(inputs.shape)}, not (T, N, F) = {shape}"
        )
        assert inputs.dtype == dtype, f"task={task.name}: inputs are {inputs.dtype}, not {dtype}"
        assert torch.isfinite(inputs).all(), f"task={task.name}: an input is not finite"
        expected = (12,) if task.head.last == 1 else (12, last)
        assert tuple(targets.shape) == expected, (
            f"task={task.name}: targets have shape {tuple(targets.shape)}, not {expected} as the head reads"
        )
        if isinstance(task.head, Classification):
            inside = bool((targets >= 0).all() & (targets < task.head.classes).all())
            is_right = inside and targets.dtype == torch.int64
            assert is_right, (
                f"task={task.name}: targets must be int64 and classes 0 to {task.head.classes - 1}"
            )
        else:
            assert targets.dtype == dtype, f"task={task.name}: targets are not {dtype}"
    rows = torch.tensor([3, 11, 0, 5])
    batches, answers = task.batches(drawn, 2, torch.float32, rows)
    inputs, targets = task.encode(tuple(part[rows] for part in drawn), torch.float32)
    assert torch.equal(torch.cat(list(batches), dim=1), inputs), f"task={task.name}: batches"
    assert torch.equal(answers.flatten(0, 1), targets), f"task={task.name}: batches"


def _check_trivial_score(task: Task) -> None:
    """Measure what the best answer loses that ignores the input: one for each step."""
    count = min(_SEQUENCES, task.train_size if task.available is not None else _SEQUENCES)
    drawn = task.draw(stream_key(1, "train"), torch.arange(count))
    _, targets = task.encode(drawn, torch.float64)
    columns = targets.view(count, -1).T
    is_class = isinstance(task.head, Classification)
    loss = "cross_entropy" if is_class else "mse"
    assert task.metric.loss == loss, (
        f"task={task.name}: its head is trained by the {loss}, its metric says {task.metric.loss}"
    )
    each = [_entropy(c) if is_class else c.var().item() for c in columns]
    measured, said = sum(each) / len(each), task.metric.loss_baseline
    assert abs(measured - said) <= 0.15 * max(said, measured), (
        f"task={task.name}: metric says that the best answer which ignores the input loses {said:.4g}; over "
        f"{count:,} sequences it loses {measured:.4g}"
    )


def _entropy(classes: Tensor) -> float:
    shares = torch.bincount(classes).double() / len(classes)
    shares = shares[shares > 0]
    return float(-(shares * shares.log()).sum())


def _layer(cell: Cell, seed: int) -> Any:
    return cell.layer(
        3,
        start=PyTorch().weights,
        generator=generator(seed, "check"),
        kernel="auto",
        dtype=torch.float64,
    )


def _network(config: Config) -> Any:
    return build(config, generator(0, "init"), config.task.input_size, config.task.head)


def _updates(config: Config, model: Any, count: int) -> list[float]:
    task = config.task
    drawn = task.draw(stream_key(0, "train"), torch.arange(config.batch_size))
    inputs, targets = task.encode(drawn, torch.float32)
    updater = Updater(model, config.optim, config.clip)
    return [updater(inputs, targets).loss for _ in range(count)]


def _train_on_one_batch(config: Config, count: int) -> list[float]:
    return _updates(config, _network(config), count)


def _check_resumes(config: Config) -> None:
    """See that a run which is stopped after each update ends in the same bits as one that is not."""
    with tempfile.TemporaryDirectory() as folder:
        whole = _weights_after(config, Path(folder, "whole"), lambda _: False)
        parts = _weights_after(config, Path(folder, "parts"), lambda step: step in (3, 5))
    for name, value in whole.items():
        assert torch.isfinite(value).all(), (
            f"{name} is not finite after {config.budget.updates} updates"
        )
        assert torch.equal(value, parts[name]), (
            f"{name} differs after a run was stopped and continued: what it depends on is not in a checkpoint"
        )


def _weights_after(
    config: Config, folder: Path, stopped: Callable[[int], bool]
) -> dict[str, Tensor]:
    RunDirectory(folder).last.parent.mkdir(parents=True)

    def begun() -> Trainer:
        trainer = Trainer(config, "check", RunDirectory(folder), torch.device("cpu"))
        trainer.resume()
        return trainer

    trainer = begun()
    while not trainer.budget_is_used_up():
        trainer.update()
        if stopped(trainer.progress.step):
            trainer.save()
            trainer = begun()
    return {name: value.clone() for name, value in trainer.model.state_dict().items()}


@contextmanager
def _global_randomness_untouched(who: str) -> Iterator[None]:
    before = torch.random.get_rng_state()
    yield
    assert torch.equal(torch.random.get_rng_state(), before), (
        f"{who}: draws from PyTorch's global generator; draw from what is given"
    )
