"""What a network answers to sequences of a file, without right answers: rows for screen and file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from irnn.prediction.answers import SHOWN, InputError, Row, aligned, printable

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.tasks.base import Task


@dataclass(frozen=True)
class FileAnswer:
    """What a network answered to one sequence.

    Args:
        name: of the sequence.
        steps: T.
        given: numbers, or numbers of classes, of the last K steps that are answered, (K,).
        chances: of classes, their probabilities, (K,); None of numbers.
    """

    name: str
    steps: int
    given: Tensor
    chances: Tensor | None

    def rows(self, task: Task) -> Iterator[Row]:
        """Lay the answers out, a row for each step that is answered."""
        first = self.steps - len(self.given)
        chances = None if self.chances is None else self.chances.tolist()
        for place, answer in enumerate(self.given.tolist()):
            row: Row = {"sequence": self.name, "steps": self.steps}
            if task.head.last != 1:
                row["step"] = first + place
            row["predicted"] = answer if chances is None else task.spell([answer])
            if chances is not None:
                row["probability"] = chances[place]
            yield row

    def shown(self, task: Task) -> tuple[str, ...]:
        """Give the cells of the screen: name, steps, and the last answers as the task spells them."""
        name = printable(self.name)
        if self.chances is None:
            return name, str(self.steps), f"{float(self.given[-1]):.4f}"
        cells = name, str(self.steps), task.spell(self.given[-task.spelled :].tolist())
        return (*cells, f"{float(self.chances[-1]):.4f}") if task.head.last == 1 else cells


def fields_of(task: Task) -> tuple[str, ...]:
    """Name the columns of a file of answers without targets."""
    step = () if task.head.last == 1 else ("step",)
    chance = () if task.metric.loss == "mse" else ("probability",)
    return ("sequence", "steps", *step, "predicted", *chance)


def refuse_short(task: Task, names: Sequence[str], sequences: Sequence[Tensor]) -> None:
    """Refuse sequences (T, F) with fewer steps than are answered.

    Raises:
        InputError: It names the first.
    """
    for name, sequence in zip(names, sequences, strict=True):
        if len(sequence) < task.head.last:
            raise InputError(
                f"--input: sequence {name} has {len(sequence)} steps; it needs {task.head.last} at least, "
                "which are answered"
            )


def answered(task: Task, names: Sequence[str], steps: int, given: Tensor) -> list[FileAnswer]:
    """Take the answers (N,), (K, N), (N, C) or (K, N, C) to sequences of one length apart.

    Raises:
        InputError: An answer is no number.
    """
    answers = given[None] if task.head.last == 1 else given
    finite = answers.isfinite().transpose(0, 1).flatten(1).all(dim=1)
    if not bool(finite.all()):
        name = names[int(finite.logical_not().nonzero()[0])]
        raise InputError(
            f"sequence {name} of {steps:,} steps: the network overflows, its answer is no number; "
            "leave it out"
        )
    if task.metric.loss == "mse":
        return [FileAnswer(name, steps, answers[:, n], None) for n, name in enumerate(names)]
    chances, classes = answers.double().softmax(dim=-1).max(dim=-1)
    return [FileAnswer(name, steps, classes[:, n], chances[:, n]) for n, name in enumerate(names)]


def screen_lines(task: Task, answers: Sequence[FileAnswer]) -> Iterator[str]:
    """The table for the screen; of a sequence that is answered at many steps, the last answers."""
    header: tuple[str, ...] = ("sequence", "steps", "predicted")
    if task.head.last == 1 and task.metric.loss != "mse":
        header += ("probability",)
    lines = [header, *(each.shown(task) for each in answers[:SHOWN])]
    yield from aligned(lines)
    if len(answers) > SHOWN:
        yield f"… and {len(answers) - SHOWN:,} more (--output FILE writes all)"
    if task.head.last != 1:
        yield "The last answers of each are shown; --output FILE writes those of all steps."


def longer(task: Task, answers: Sequence[FileAnswer]) -> list[str]:
    """Say how many sequences are longer than in training, if any."""
    lengths = [each.steps for each in answers if each.steps > task.steps]
    if not lengths:
        return []
    return [
        f"{len(lengths):,} of them are longer than the {task.steps:,} steps of training, up to "
        f"{max(lengths):,} or {max(lengths) / task.steps:.3g} times"
    ]
