"""Published rows to plot beside one's own, each with its source (`published.csv`)."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

# What the labels of the table mean, for readers of the page.
LABELS = {
    "paper": "stated by the paper",
    "derived": "computed from published raw data or read from a published plot",
}


@dataclass(frozen=True)
class PublishedRow:
    """One published result: updates to a threshold at T, or how many runs solved, or both.

    `updates` is None when the source reports none, or that no run got there.
    """

    source: str
    model: str
    hidden: str
    seq_len: int
    marks: str
    batch: int
    optimizer: str
    threshold: str
    updates: int | None
    solved: int | None
    runs: int | None
    label: str
    task: str

    @property
    def never(self) -> bool:
        """Whether the source says that no run reached the threshold."""
        return self.solved == 0

    @property
    def outcome(self) -> str:
        """The result in words."""
        words = [f"{self.updates:,} updates"] if self.updates else []
        if self.solved is not None and self.runs is not None:
            words.append(f"{self.solved} of {self.runs} runs")
        return ", ".join(words)


def rows_of(task: str) -> tuple[PublishedRow, ...]:
    """Give the rows of one task; a threshold of theirs is a mean squared error."""
    return tuple(row for row in published_rows() if row.task == task)


@cache
def published_rows() -> tuple[PublishedRow, ...]:
    """Read the packaged table of published results."""
    text = files("irnn.reporting").joinpath("published.csv").read_text(encoding="utf-8")
    return tuple(_row(record) for record in csv.DictReader(text.splitlines()))


def _row(record: dict[str, str]) -> PublishedRow:
    def whole(name: str) -> int | None:
        return int(record[name]) if record[name] else None

    return PublishedRow(
        source=record["source"],
        model=record["model"],
        hidden=record["hidden"],
        seq_len=int(record["T"]),
        marks=record["marks"],
        batch=int(record["batch"]),
        optimizer=record["optimizer"],
        threshold=record["threshold"],
        updates=whole("updates_to_threshold"),
        solved=whole("solved"),
        runs=whole("runs"),
        label=record["label"],
        task=record["task"],
    )
