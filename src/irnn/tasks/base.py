"""What a task is: sequences as a pure function of position, how they are laid out, read out and scored.

Tasks are described without torch, which is imported where sequences are made: screens, reports and wrong
settings are answered at once.
"""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from irnn.spec.choices import Data
from irnn.spec.options import Choice, option
from irnn.tasks import marked
from irnn.tasks.input_file import Cells, InputFile
from irnn.tasks.published_rows import PublishedRow, read, table_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from irnn.models.heads import Head
    from irnn.seeding import StreamKey
    from irnn.tasks.metric import Metric

    Drawn = tuple[Tensor, ...]
    """Sequences in a task's compact form: tensors whose first axis is the sequence, (N, ...)."""


@dataclass(frozen=True, kw_only=True)
class Task(Choice, ABC):
    """A long-dependency task, as training and prediction know it.

    A subclass says what its sequences are. Fixed and fresh sets, shuffling, held-out sets and their
    memory are the same for every task and belong to `irnn.tasks.data`.
    """

    group: ClassVar[str] = "task"
    input_size: ClassVar[int]
    """F, the input features of one step."""
    goal: ClassVar[float | None] = None
    """The metric's value at which a run is solved, unless `stop` says otherwise; None: it uses its budget."""
    answer_name: ClassVar[str] = "target"
    """Column of predictions that has the right answer: "sum"."""
    spelled: ClassVar[int] = 1
    """How many of the last answers of a sequence are shown, where they are classes."""

    seq_len: int = option(150, "steps in a sequence", at_least=2, at_most=10**7)
    data: Data = option(Data.fixed, "fixed: a training set; fresh: never the same sequence twice")
    train_size: int = option(
        100_000, "training sequences; also what an epoch is", at_least=1, at_most=10**8
    )
    test_size: int = option(10_000, "held-out sequences", at_least=1, at_most=10**8)

    @property
    def title(self) -> str:
        """Give what pictures are headed with: "Adding problem"."""
        return self.name.replace("_", " ").capitalize()

    @property
    def learned(self) -> str:
        """Say what a network does that solved it, in the words of a verdict: "the network adds"."""
        return f"the network has learned {self.name}"

    @property
    def steps(self) -> int:
        """Give T, the steps of a sequence; `seq_len` unless a task has more than it is named by."""
        return self.seq_len

    def data_refusal(self) -> tuple[str, str] | None:
        """Say which setting the files of this machine do not fit, and why, for data that is in files.

        Asked where a run is to be made, and not where one is looked at. The folder is a setting `root`:
        where files are is no part of what a run is, so a run id leaves it out, and `irnn-predict --data`
        says another. What they hold is, as the setting that `settled` fills in.
        """
        return None

    def settled(self) -> Task:
        """Give the task with the digest of data that is in files; asked after `data_refusal`."""
        return self

    def facts(self) -> dict[str, str]:
        """Name what is to be recorded and shown of a task besides its settings."""
        return {}

    @classmethod
    def published(cls) -> tuple[PublishedRow, ...]:
        """Give what others published of the task: `published/NAME.csv` beside the file of the class.

        Raises:
            PublishedError: The table cannot be read.
        """
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        return read(table_of(Path(file), cls.name)) if file else ()

    @property
    def available(self) -> int | None:
        """Say how many held-out sequences there are; None is as many as are asked for."""
        return None

    @property
    @abstractmethod
    def metric(self) -> Metric:
        """Say how the task is scored, and what the trivial answer scores."""

    @property
    @abstractmethod
    def head(self) -> Head:
        """Say which steps are answered, with what, and what an answer costs."""

    @abstractmethod
    def draw(self, key: StreamKey, positions: Tensor) -> Drawn:
        """Make the sequences at `positions` (N,) of the random stream `key`, on the device of `positions`.

        A task whose data is in files tells by `key.stream` which of its sets is wanted: "train", "test",
        "calibration" or "predict".

        The sequence at a position is a function of (settings, key, position) and of nothing else: not of
        the other positions, their order or their number.

        Args:
            key: from `irnn.seeding.stream_key`.
            positions: (N,) int64, at least 0.
        """

    @abstractmethod
    def encode(self, drawn: Drawn, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Lay sequences out for a network, time-major: inputs (T, N, F) and targets (N,) or (N, K)."""

    def batches(
        self, drawn: Drawn, count: int, dtype: torch.dtype, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Cut sequences, or the chosen rows, into K batches: inputs (K, T, B, F), targets (K, B, ...)."""
        if rows is not None:
            drawn = select(drawn, rows)
        inputs, targets = self.encode(drawn, dtype)
        steps, sequences, features = inputs.shape
        size = sequences // count
        cut = inputs.view(steps, count, size, features).transpose(0, 1).contiguous()
        return cut, targets.view(count, size, *targets.shape[1:])

    @classmethod
    def lacking(cls) -> list[str]:
        """Name the methods that it would need, also where one has an earlier version's arguments."""
        found = super().lacking()
        try:
            inspect.signature(cls.describe).bind("self", "inputs", "drawn")
        except TypeError:
            found.append("describe(self, inputs, drawn)")
        return found

    @property
    def described(self) -> tuple[str, ...]:
        """Name the columns in which predictions describe a sequence: marked steps, where there are such."""
        return marked.columns(self.input_file) if self.input_file.marks else ()

    def describe(self, inputs: Tensor, drawn: Drawn | None) -> list[Cells]:
        """Describe sequences to readers of predictions: for each the columns of `described`.

        Args:
            inputs: (T, N, F), as the network reads them.
            drawn: in their compact form, N of them; None where they are of a file.
        """
        kind = self.input_file
        return marked.cells(inputs, kind) if kind.marks else [{} for _ in range(inputs.shape[1])]

    def screen_cells(self, cells: Cells) -> dict[str, str]:
        """Write what `describe` gave of a sequence for a screen, by the heading of each column."""
        kind = self.input_file
        return (
            marked.screen_cells(cells, kind)
            if kind.marks
            else {k: str(v) for k, v in cells.items()}
        )

    def targets_of(self, inputs: Tensor) -> Tensor | None:
        """Give the right answers to any sequences (T, N, F), also of a file: (N,) or (N, K).

        None, where a task does not say: then sequences of a file are answered without.
        """
        return None

    def spell(self, classes: Sequence[int]) -> str:
        """Write classes as a reader knows them: of one sequence, the last `spelled` that are answered."""
        return " ".join(map(str, classes))

    @property
    def input_file(self) -> InputFile:
        """Say what files of sequences hold that predictions read: F numbers a step, columns x1 to xF."""
        return InputFile(tuple(f"x{number}" for number in range(1, self.input_size + 1)))

    def from_file(self, sequences: Sequence[Tensor]) -> list[Tensor]:
        """Turn sequences (T, F) of a file into what the network reads, (T, F) in the same order.

        Raises:
            ValueError: They are not what `input_file` says; the message has the remedy.
        """
        return list(sequences)

    def draws_in_place(self, positions: Tensor) -> bool:
        """Say whether `draw` needs no more memory than what it gives, so that a set is made in one go."""
        return False


def select(drawn: Drawn, rows: Tensor | slice) -> Drawn:
    """Take some of the sequences."""
    return tuple(tensor[rows] for tensor in drawn)
