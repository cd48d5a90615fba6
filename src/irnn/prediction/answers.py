"""What a network answered to sequences of a task: rows for screen and file, in the task's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from irnn.prediction.errors import InputError
from irnn.tasks import marked

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.tasks.base import Drawn, Task
    from irnn.tasks.input_file import Cells, InputFile


def columns(task: Task, *, known: bool) -> tuple[str, ...]:
    """Name the columns of a row for each sequence; `known` says whether the right answers are."""
    once, number = task.head.last == 1, task.metric.loss == "mse"
    if not known:
        return ("sequence", "steps", "predicted", *(["probability"] if once and not number else []))
    measure = "error" if number else "probability" if once else "right"
    return ("sequence", "steps", *task.described, task.answer_name, "predicted", measure)


def written_columns(task: Task, *, known: bool) -> tuple[str, ...]:
    """Name the columns of a file: without right answers, a row for each step that is answered."""
    if known or task.head.last == 1:
        return columns(task, known=known)
    chance = () if task.metric.loss == "mse" else ("probability",)
    return ("sequence", "steps", "step", "predicted", *chance)


class Sequences(NamedTuple):
    """Some sequences of one length.

    Args:
        places: of each among all that are asked about, N, from 0.
        names: N.
        inputs: (T, N, F), as the network reads them.
        targets: (N,) or (N, K), as the task draws them; None for sequences of a file.
        drawn: in the task's compact form; None for sequences of a file.
    """

    places: Sequence[int]
    names: Sequence[str]
    inputs: Tensor
    targets: Tensor | None = None
    drawn: Drawn | None = None


@dataclass(frozen=True)
class Answers:
    """What a network answered to N sequences of one length, at the last K steps.

    Args:
        task: whose words they are shown in.
        names: of the sequences, N.
        steps: T.
        given: numbers in float64, or classes, (K, N).
        chances: of classes, their probabilities, (K, N); None of numbers.
        targets: the right answers, (K, N); None where nobody knows them.
        cells: describes each sequence, N; None if no row is wanted.
        sums: loss, right answers and answers, as `Head.sums` adds them up.
        unusual: how many sequences have another number of marks, and how many have values, that training
            never has.
    """

    task: Task
    names: Sequence[str]
    steps: int
    given: Tensor
    chances: Tensor | None
    targets: Tensor | None
    cells: Sequence[Cells] | None
    sums: tuple[float, int, int]
    unusual: tuple[int, int]

    def row(self, place: int) -> Cells:
        """Lay out a sequence and its answers, the last ones, in the cells of `columns`."""
        row: Cells = {"sequence": self.names[place], "steps": self.steps}
        given = self._lists[0][place]
        if self.targets is None:
            row["predicted"] = self._written(given)
        else:
            assert self.cells is not None
            wanted = self._lists[2][place]
            row |= self.cells[place]
            row |= {self.task.answer_name: self._written(wanted), "predicted": self._written(given)}
        if self.chances is None:
            if self.targets is not None:
                row["error"] = given[-1] - wanted[-1]
        elif self.task.head.last == 1:
            row["probability"] = self._lists[1][place][-1]
        elif self.targets is not None:
            row["right"] = sum(a == b for a, b in zip(wanted, given, strict=True))
        return row

    def written_rows(self, place: int) -> Iterator[Cells]:
        """Lay out what a file has of a sequence, in the cells of `written_columns`."""
        if self.targets is not None or self.task.head.last == 1:
            yield self.row(place)
            return
        given = self.given[:, place].tolist()
        chances = None if self.chances is None else self.chances[:, place].tolist()
        for number, answer in enumerate(given):
            row: Cells = {"sequence": self.names[place], "steps": self.steps}
            row["step"] = self.steps - len(given) + number
            row["predicted"] = answer if chances is None else self.task.spell([answer])
            yield row if chances is None else row | {"probability": chances[number]}

    def _written(self, answers: list[Any]) -> float | str:
        """Write the last answers of a sequence: a number, or classes as the task spells them."""
        return float(answers[-1]) if self.chances is None else self.task.spell(answers)

    @cached_property
    def _lists(self) -> tuple[list[Any], list[Any], list[Any]]:
        """Give the last answers, probabilities and right answers, for each sequence those that are shown."""
        shown = self.task.spelled if self.chances is not None else 1
        given, chances, targets = (
            [] if each is None else each[-shown:].T.tolist()
            for each in (self.given, self.chances, self.targets)
        )
        return given, chances, targets


def answered(task: Task, some: Sequences, outputs: Tensor, *, rows: bool) -> Answers:
    """Hold what a network gives for sequences against the right answers, where they are known.

    Args:
        task: of the sequences.
        some: N of them.
        outputs: as its head gives them: (N,), (K, N), (N, C) or (K, N, C).
        rows: whether rows will be asked for.

    Raises:
        InputError: An answer is no number.
    """
    _refuse_overflow(task, some, outputs)
    inputs, once, number = some.inputs, task.head.last == 1, task.metric.loss == "mse"
    targets = task.targets_of(inputs.double())
    targets = some.targets if targets is None else targets
    if number:
        outputs = outputs.double()
    sums = (0.0, 0, 0)
    if targets is not None:
        loss, right, count = task.head.sums(outputs, targets).tolist()
        sums, targets = (loss, int(right), int(count)), task.head.aligned(targets)
    chances = None
    if not number:
        chances, outputs = outputs.double().softmax(dim=-1).max(dim=-1)
    if once:  # K = 1
        outputs = outputs[None]
        chances, targets = (None if each is None else each[None] for each in (chances, targets))
    described = task.describe(inputs, some.drawn) if rows and targets is not None else None
    unusual = _unusual(task.input_file, inputs)
    return Answers(
        task, some.names, len(inputs), outputs, chances, targets, described, sums, unusual
    )


def _unusual(kind: InputFile, inputs: Tensor) -> tuple[int, int]:
    """Count sequences (T, N, F) with another number of marks, and with values, that training never has."""
    marks = outside = 0
    if kind.marks:
        marks = int((marked.counts(inputs, kind) != kind.marked).sum())
    if kind.trained:
        low, high = kind.trained
        values = inputs[..., [kind.features.index(name) for name in kind.values]]
        outside = int(((values < low) | (values > high)).any(dim=2).any(dim=0).sum())
    return marks, outside


def _refuse_overflow(task: Task, some: Sequences, outputs: Tensor) -> None:
    """Refuse answers that are no numbers.

    Raises:
        InputError: It names the first sequence that has one.
    """
    finite = outputs.isfinite() if task.head.last == 1 else outputs.isfinite().transpose(0, 1)
    if bool(finite.all()):
        return
    place = int(finite.reshape(len(some.names), -1).all(dim=1).logical_not().nonzero()[0])
    why = ""
    if (trained := task.input_file.trained) is not None:
        largest = float(some.inputs[:, place].abs().max())
        why = (
            f" (the largest value is {largest:.3g}; training has {trained[0]:g} to {trained[1]:g})"
        )
    remedy = "leave it out" if some.drawn is None else "ask for shorter ones"
    raise InputError(
        f"sequence {some.names[place]} of {len(some.inputs):,} steps: the network overflows, its answer "
        f"is no number{why}; {remedy}"
    )
