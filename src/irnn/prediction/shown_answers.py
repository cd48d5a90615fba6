"""Predictions for any task: rows for screen and file, and how well the network did."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from irnn.prediction.answers import SHOWN, InputError, Row, aligned

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.models.network import Network
    from irnn.tasks.base import Drawn, Task
    from irnn.tasks.metric import Metric

_STATES = 1 << 24  # hidden values of one forward pass


@dataclass
class Score:
    """Counts answers: how many sequences and steps, how many were right, and the loss in nats summed."""

    sequences: int = 0
    answers: int = 0
    right: int = 0
    loss: float = 0.0

    def value(self, metric: Metric) -> float:
        """Give the task's metric."""
        return (self.right if metric.name == "accuracy" else self.loss) / self.answers


@dataclass
class Table:
    """Rows that the screen shows, and the score of all."""

    rows: list[Row] = field(default_factory=list)
    score: Score = field(default_factory=Score)

    def add(self, rows: Sequence[Row]) -> None:
        """Keep as many rows as the screen shows."""
        self.rows += rows[: max(0, SHOWN - len(self.rows))]


def fields_of(task: Task) -> tuple[str, ...]:
    """Name the columns of a file of answers."""
    if task.metric.loss == "mse":
        last: tuple[str, ...] = ("error",)
    else:
        last = ("probability",) if task.head.last == 1 else ("right",)
    return ("sequence", "steps", *task.described, "target", "predicted", *last)


def answer(
    model: Network, task: Task, drawn: Drawn, names: Sequence[str], score: Score
) -> list[Row]:
    """Answer sequences, count them into `score`, and give a row for each.

    Raises:
        InputError: An answer is no number.
    """
    import torch

    from irnn.tasks.base import select

    hidden = model.recurrent.hidden_size * model.recurrent.num_layers
    at_once = max(1, min(512, _STATES // (task.steps * hidden)))
    rows: list[Row] = []
    with torch.no_grad():
        for start in range(0, len(names), at_once):
            some = select(drawn, slice(start, start + at_once))
            inputs, targets = task.encode(some, model.readout.weight.dtype)
            answers = model(inputs)
            if not bool(answers.isfinite().all()):
                raise InputError(
                    f"sequences of {task.steps:,} steps: the network overflows, its answer is no number"
                )
            loss, right, count = model.head.sums(answers, targets).tolist()
            score.sequences += len(targets)
            score.loss, score.right = score.loss + loss, score.right + int(right)
            score.answers += int(count)
            cells = task.describe(some)
            lay_out = _numbers if task.metric.loss == "mse" else _classes
            rows += lay_out(task, names[start : start + at_once], cells, answers, targets)
    return rows


def _numbers(
    task: Task, names: Sequence[str], cells: Sequence[Row], answers: Tensor, targets: Tensor
) -> list[Row]:
    """Lay answers (N,) or (K, N) and targets (N,) or (N, K) out, the last step's, a row for each sequence."""
    given = (answers if answers.dim() == 1 else answers[-1]).tolist()
    wanted = (targets if targets.dim() == 1 else targets[:, -1]).tolist()
    return [
        {"sequence": name, "steps": task.steps, **cell}
        | {"target": target, "predicted": answer, "error": answer - target}
        for name, cell, target, answer in zip(names, cells, wanted, given, strict=True)
    ]


def _classes(
    task: Task, names: Sequence[str], cells: Sequence[Row], answers: Tensor, targets: Tensor
) -> list[Row]:
    """Lay answers (N, C) or (K, N, C) and targets (N,) or (N, K) out as a row for each sequence."""
    single = targets.dim() == 1
    logits = answers[None] if single else answers
    chances, classes = logits.double().softmax(dim=-1).max(dim=-1)
    wanted = targets[:, None] if single else targets
    rows: list[Row] = []
    for place, name in enumerate(names):
        asked = wanted[place].tolist()[-task.spelled :]
        given = classes[:, place].tolist()[-task.spelled :]
        row: Row = {"sequence": name, "steps": task.steps, **cells[place]}
        row |= {"target": task.spell(asked), "predicted": task.spell(given)}
        if single:
            row["probability"] = float(chances[0, place])
        else:
            row["right"] = sum(a == b for a, b in zip(asked, given, strict=True))
        rows.append(row)
    return rows


def screen_lines(task: Task, table: Table) -> Iterator[str]:
    """The table for the screen and the scores below it."""
    names = fields_of(task)
    yield from aligned(
        [names, *([_shown(task, row, name) for name in names] for row in table.rows)]
    )
    score, metric = table.score, task.metric
    if score.sequences > SHOWN:
        yield f"… and {score.sequences - SHOWN:,} more (--output FILE writes all)"
    other = ""
    if metric.name == "accuracy":
        other = f", {metric.loss_label} {score.loss / score.answers:.6f}"
    elif metric.loss != "mse":
        other = f", {score.right:,} of {score.answers:,} answers right"
    yield (
        f"\n{score.sequences:,} sequences: {metric.label} {score.value(metric):.6f} "
        f"({metric.baseline_meaning} scores {metric.baseline:.4f}){other}"
    )


def _shown(task: Task, row: Row, name: str) -> str:
    value = row[name]
    if name == "error":
        return f"{value:+.4f}"
    if name == "right":
        return f"{value} of {task.spelled}"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def longer(task: Task, trained: Task, score: Score, beside: Score) -> str:
    """Say how much longer than in training sequences are, and the score at training's length."""
    times = task.seq_len / trained.seq_len
    values = [each.value(task.metric) for each in (score, beside)]
    assert all(map(math.isfinite, values))
    return (
        f"task.seq_len is {times:.3g} times that of training: {task.metric.label} {values[0]:.6g}, against "
        f"{values[1]:.6g} at {trained.seq_len:,}"
    )
