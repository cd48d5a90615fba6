"""What a network answered: rows for the screen and for a CSV file, and how well it did."""

import csv
import math
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from irnn.runs.layout import CONFIG
from irnn.system.atomic import replacing
from irnn.system.table_cells import neutral

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.tasks.adding import Adding

SHOWN = 20  # rows of a table for the screen
FIELDS = (
    "sequence",
    "steps",
    "first_step",
    "first_value",
    "second_step",
    "second_value",
    "marks",
    "sum",
    "predicted",
    "error",
)
"""Columns of a file of answers; of another task with marks, its own word stands for `sum`."""

Row = dict[str, str | float | int | None]
Write = Callable[[Sequence[Row]], None]


class InputError(ValueError):
    """What was asked for cannot be done; the message names place and remedy."""


def fields_of(task: "Adding") -> tuple[str, ...]:
    """Name the columns of a file of answers."""
    return tuple(task.answer_name if name == "sum" else name for name in FIELDS)


@dataclass(frozen=True)
class Answers:
    """What a network answered to N sequences of one length.

    Args:
        names: of the sequences, N.
        steps: T.
        marks: how many steps are marked, (N,).
        places: the first two marked steps, (N, 2); -1 where there are fewer.
        marked: their values, (N, 2) float64.
        targets: the right answers, (N,) float64.
        given: the network's, (N,) float64.
        outside: whether values lie beyond 0 to 1, (N,).
    """

    names: Sequence[str]
    steps: int
    marks: "Tensor"
    places: "Tensor"
    marked: "Tensor"
    targets: "Tensor"
    given: "Tensor"
    outside: "Tensor"

    @property
    def errors(self) -> "Tensor":
        """Give answer minus target, (N,)."""
        return self.given - self.targets

    def rows(self, task: "Adding") -> list[Row]:
        """Lay the answers out, a row for each sequence."""
        fields = fields_of(task)
        places = [[step if step >= 0 else None for step in pair] for pair in self.places.tolist()]
        values = [
            [None if math.isnan(value) else value for value in pair]
            for pair in self.marked.tolist()
        ]
        columns = (self.marks, self.targets, self.given, self.errors)
        numbers = zip(*(column.tolist() for column in columns), strict=True)
        return [
            dict(zip(fields, (name, self.steps, s[0], v[0], s[1], v[1], *rest), strict=True))
            for name, s, v, rest in zip(self.names, places, values, numbers, strict=True)
        ]


def answered(names: Sequence[str], sequences: "Tensor", given: "Tensor", task: "Adding") -> Answers:
    """Hold answers (N,) against what sequences (T, N, 2) of (value, mask) ask for.

    Raises:
        InputError: An answer is no number.
    """
    import torch

    values, mask = sequences[..., 0].double(), sequences[..., 1].double()
    given = given.double()
    if not bool(given.isfinite().all()):
        place = int(given.isfinite().logical_not().nonzero()[0])
        raise InputError(
            f"sequence {names[place]} of {len(sequences):,} steps: the network overflows, its answer is no "
            f"number (the largest value is {float(values[:, place].abs().max()):.3g}; training has 0 to 1); "
            "leave it out"
        )
    is_marked = mask != 0
    marks = is_marked.sum(dim=0)
    owners, steps = is_marked.T.nonzero(as_tuple=True)  # in the order of sequences, then steps
    rank = torch.arange(len(owners)) - (marks.cumsum(0) - marks)[owners]
    owners, steps, rank = owners[rank < 2], steps[rank < 2], rank[rank < 2]
    places = torch.full((len(names), 2), -1)
    marked = torch.full((len(names), 2), math.nan, dtype=torch.float64)
    places[owners, rank] = steps
    marked[owners, rank] = values[steps, owners]
    return Answers(
        names, len(sequences), marks, places, marked, task.targets_of(values, mask), given,
        outside=((values < 0) | (values > 1)).any(dim=0),
    )  # fmt: skip


@dataclass
class Errors:
    """How well some sequences were answered: their number, squared errors summed, the longest."""

    count: int = 0
    squares: float = 0.0
    worst: float = 0.0
    longest: int = 0

    def add(self, some: Answers) -> None:
        """Count answers in."""
        errors = some.errors
        self.count += len(errors)
        self.squares += float(errors.square().sum())
        self.worst = max(self.worst, float(errors.abs().max()))
        self.longest = max(self.longest, some.steps)

    @property
    def mse(self) -> float:
        """The mean squared error."""
        return self.squares / self.count


@dataclass
class Tally:
    """Counts answers without keeping more than the screen shows; `trained` is the length of training."""

    trained: int
    shown: list[Row] = field(default_factory=list)
    total: Errors = field(default_factory=Errors)
    longer: Errors = field(default_factory=Errors)
    others: Errors = field(default_factory=Errors)
    unmarked: int = 0
    outside: int = 0

    @property
    def room(self) -> int:
        """How many more rows the screen shows."""
        return SHOWN - len(self.shown)

    def show(self, rows: Sequence[Row]) -> None:
        """Keep as many rows as the screen shows."""
        self.shown += rows[: self.room]

    def add(self, some: Answers) -> None:
        """Count answers in."""
        self.total.add(some)
        (self.longer if some.steps > self.trained else self.others).add(some)
        self.unmarked += int((some.marks != 2).sum())
        self.outside += int(some.outside.sum())

    def notes(self, at_trained: Errors | None = None) -> list[str]:
        """Say what of the sequences the network never saw, and the error that it makes there.

        `at_trained` are errors on sequences of the length of training, where these have none.
        """
        notes = []
        if self.longer.count:
            beside = self.others if self.others.count else at_trained
            longest = self.longer.longest
            notes.append(
                f"{self.longer.count:,} of them are longer than the {self.trained:,} steps of training, "
                f"up to {longest:,} or {longest / self.trained:.3g} times: MSE {self.longer.mse:.6g}"
                + (f", against {beside.mse:.6g} up to {self.trained:,} steps" if beside else "")
            )
        if self.unmarked:
            notes.append(
                f"{self.unmarked:,} of them do not have exactly two marks; the network never saw such"
            )
        if self.outside:
            notes.append(
                f"{self.outside:,} of them have values outside 0 to 1; the network never saw such"
            )
        return notes


def screen_lines(tally: Tally, task: "Adding") -> Iterator[str]:
    """The table for the screen and the errors below it."""
    answer = task.answer_name
    yield (
        f"{'sequence':>10} {'steps':>7}   first marked     second marked  {answer:>8}  predicted   error"
    )
    for row in tally.shown:
        pairs = [_marked(row[f"{n}_value"], row[f"{n}_step"]) for n in ("first", "second")]
        name = printable(str(row["sequence"]))
        yield (
            f"{name:>10} {row['steps']:>7}  {pairs[0]}  {pairs[1]}  "
            f"{row[answer]:8.4f}  {row['predicted']:9.4f}  {row['error']:+.4f}"
        )
    total, metric = tally.total, task.metric
    if total.count > SHOWN:
        yield f"{'…':>10} and {total.count - SHOWN:,} more (--output FILE writes all)"
    yield (
        f"\n{total.count:,} sequences: {metric.label} {total.mse:.6f} "
        f"({metric.baseline_meaning} scores {metric.baseline:.4f}), "
        f"worst error {total.worst:.4f}"
    )


def aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """Write rows of cells, the first of them the names of the columns, in columns of one width."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))


def printable(name: str) -> str:
    """Write a sequence's name so that it does nothing to a screen."""
    return "".join(c if c.isprintable() else "?" for c in name)


def _marked(value: object, step: object) -> str:
    return f"{value:6.4f} @ {step:<6}" if value is not None else " " * 15


def check_target(path: Path, fields: Sequence[str] = FIELDS) -> Path:
    """Give the file to write answers to; refuse what is something else than a table of answers.

    Raises:
        InputError: It is a folder, another file, or would be taken for a file of a run.
    """
    try:
        target = path.resolve()
        if target.is_dir():
            raise InputError(f"--output {path}: is a folder; name a file in it")
        if target.is_file() and target.stat().st_size:
            with target.open("rb") as stream:
                if not stream.readline(1000).startswith(",".join(fields).encode()):
                    raise InputError(
                        f"--output {path}: there is another file, which is left as it is; give another name"
                    )
        folders = (target.parent, target.parent.parent)
        if target.suffix != ".csv" and any((f / CONFIG).exists() for f in folders):
            raise InputError(f"--output {path}: a run's folder; end the name in .csv")
    except (OSError, RuntimeError) as error:
        raise output_error(path, error) from error
    return target


def output_error(path: Path, error: Exception) -> InputError:
    """Say why answers cannot be written."""
    reason = getattr(error, "strerror", None) or error
    return InputError(f"--output {path}: {reason}")


@contextmanager
def writing(path: Path, fields: Sequence[str] = FIELDS) -> Iterator[Write]:
    """Write answers beside `path` and rename them into place; a pipe or device is written to as it is.

    Raises:
        InputError: It cannot be written; an older table of that name is still whole.
    """
    target = check_target(path, fields)
    try:
        if target.exists() and not stat.S_ISREG(target.stat().st_mode):
            with target.open("w", newline="", encoding="utf-8") as stream:
                yield _writer(stream, fields)
            return
        with replacing(target) as beside, beside.open("w", newline="", encoding="utf-8") as stream:
            yield _writer(stream, fields)
            stream.flush()
    except OSError as error:
        raise output_error(path, error) from error


def _writer(stream: TextIO, fields: Sequence[str]) -> Write:
    writer = csv.DictWriter(stream, fields)
    writer.writeheader()

    def write(rows: Sequence[Row]) -> None:
        writer.writerows({**row, "sequence": neutral(row["sequence"])} for row in rows)

    return write
