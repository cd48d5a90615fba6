"""Checks that every task, initialization, cell and optimizer must pass, ours and yours.

Call them from your own tests, as in `check_initialization(MyGain, gain=0.9)`. Each raises AssertionError with
a sentence about what does not hold.
"""

import math
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from irnn.models.cell import Cell
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
from irnn.tasks.base import Task
from irnn.testing.sequences import (
    check_draws,
    check_layout,
    check_predictions,
    check_trivial_score,
    global_randomness_untouched,
)
from irnn.training.step import Updater
from irnn.training.trainer import Trainer

__all__ = ["check_cell", "check_initialization", "check_optimizer", "check_task"]

_SMALL = {"seq_len": 20, "train_size": 64, "test_size": 64}


def check_task(cls: type[Task], **settings: Any) -> None:
    """Check a task: sequences depend on their position alone, are laid out and scored as it says; it trains.

    Args:
        cls: the registered class.
        **settings: of it; `seq_len` is 20 unless said otherwise.

    Raises:
        AssertionError: Something does not hold; the message says what.
    """
    task = cls(**{**_SMALL, **settings})
    config = _config(task=task)
    task = config.task
    check_draws(task)
    check_layout(task)
    check_trivial_score(task)
    check_predictions(task)
    _check_resumes(config)


def check_initialization(cls: type[LayerInitialization], **settings: Any) -> None:
    """Check an initialization: weights of the right shapes, from the generator alone; it trains.

    Args:
        cls: the registered class.
        **settings: of it.

    Raises:
        AssertionError: Something does not hold; the message says what.
    """
    init = cls(**settings)
    gates = (1,) if init.needs_square else (1, 3, 4)
    for shape in (Shape(i, h, g) for i in (1, 3) for h in (2, 7, 16) for g in gates):
        with global_randomness_untouched(f"init={init.name}"):
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
    """Check a cell: states of the right shape that no later input changes, gradients; it trains.

    Args:
        cls: the registered class.
        **settings: of it; `hidden_size` is 8 unless said otherwise.

    Raises:
        AssertionError: Something does not hold; the message says what.
    """
    cell = cls(**{"hidden_size": 8, **settings})
    config = _config(model=cell)
    with global_randomness_untouched(f"model={cell.name}"):
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
    """Check an optimizer: it lowers a loss, leaves alone what has a rate of 0, and resumes bitwise.

    Args:
        cls: the registered class.
        **settings: of it.

    Raises:
        AssertionError: Something does not hold; the message says what.
    """
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
            "task": _default("task")(seq_len=12, train_size=64, test_size=32),
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
