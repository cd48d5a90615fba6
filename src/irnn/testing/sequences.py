"""What `check_task` asks of a task's sequences: how they are drawn, laid out and scored."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from irnn.models.heads import Classification
from irnn.prediction.answers import columns
from irnn.seeding import stream_key
from irnn.tasks.base import Task

_SEQUENCES = 2_000
"""Over which the trivial answer's score is measured."""


def check_draws(task: Task) -> None:
    """See that a sequence is a function of its stream and its position alone."""
    key, positions = stream_key(0, "train"), torch.arange(32)
    with global_randomness_untouched(f"task={task.name}"):
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


def check_layout(task: Task) -> None:
    """See that inputs and targets have the shapes and types that the network and the head read."""
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


def check_trivial_score(task: Task) -> None:
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
    measured, stated = sum(each) / len(each), task.metric.loss_baseline
    assert abs(measured - stated) <= 0.15 * max(stated, measured), (
        f"task={task.name}: metric says that the best answer that ignores the input loses {stated:.4g}; over "
        f"{count:,} sequences it loses {measured:.4g}"
    )


def _entropy(classes: Tensor) -> float:
    shares = torch.bincount(classes).double() / len(classes)
    shares = shares[shares > 0]
    return float(-(shares * shares.log()).sum())


def check_predictions(task: Task) -> None:
    """See that predictions can show sequences and answers as the task says, and read files of it."""
    kind, drawn = task.input_file, task.draw(stream_key(0, "predict"), torch.arange(5))
    assert len(kind.features) == task.input_size, (
        f"task={task.name}: input_file names {len(kind.features)} features of {task.input_size}"
    )
    inputs, targets = task.encode(drawn, torch.float64)
    names, described = columns(task, known=True), task.described
    assert len({*names}) == len(names), f"task={task.name}: a column is there twice: {names}"
    cells = task.describe(inputs, drawn)
    assert len(cells) == 5, f"task={task.name}: describe gives {len(cells)} rows for 5 sequences"
    for row in cells:
        assert {*row} == {*described}, (
            f"task={task.name}: describe gives {sorted(row)}, not described = {sorted(described)}"
        )
        shown = task.screen_cells(row).values()
        assert all(isinstance(cell, str) for cell in shown), f"task={task.name}: screen_cells"
    if isinstance(task.head, Classification):
        assert isinstance(task.spell([0]), str), f"task={task.name}: spell must write classes"
    if (found := task.targets_of(inputs)) is not None:
        assert torch.allclose(found, targets), (
            f"task={task.name}: targets_of gives other right answers than encode"
        )


@contextmanager
def global_randomness_untouched(who: str) -> Iterator[None]:
    """See that nothing within draws from PyTorch's global generator."""
    before = torch.random.get_rng_state()
    yield
    assert torch.equal(torch.random.get_rng_state(), before), (
        f"{who}: draws from PyTorch's global generator; draw from what is given"
    )
