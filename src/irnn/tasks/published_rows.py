"""What others published of a task, each row with its source: `published/NAME.csv` beside the task's file."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from irnn.spec import registry
from irnn.spec.errors import PublishedError
from irnn.tasks.metric import LABELS

SOURCES = {
    "paper": "stated by the paper",
    "code": "read in a public repository",
    "derived": "computed from published raw data or read from a published plot",
    "unverified": "widely quoted, not read at the source",
}
"""What a row's label means."""


@dataclass(frozen=True)
class PublishedRow:
    """One published result: a final score, or updates to a threshold, or how many runs got there.

    Args:
        source: paper or repository, with the table or figure.
        model: as the source calls it, with what distinguishes it.
        hidden: units.
        seq_len: `task.seq_len` (T).
        variant: which form of the task, as settings where there are such: "marks=halves".
        batch: sequences in a batch.
        optimizer: as the source calls it.
        metric: of `threshold` and `value`: "mse", "cross_entropy" or "accuracy".
        threshold: what `updates` were counted to, or `runs` were to get past.
        updates: the first update beyond the threshold; none: not reported, or no run got there.
        solved: how many of `runs` got past the threshold.
        runs: how many were tried.
        value: the score at the end, or the best one; an accuracy is a share, 0.97.
        label: how it is known: paper, code, derived or unverified, see `SOURCES`.
        note: a remark that a reader needs in order to compare.
    """

    source: str
    model: str
    hidden: str
    seq_len: int
    variant: str
    batch: int | None
    optimizer: str
    metric: str
    threshold: str
    updates: int | None
    solved: int | None
    runs: int | None
    value: float | None
    label: str
    note: str

    @property
    def never(self) -> bool:
        """Whether the source says that no run got past the threshold."""
        return self.solved == 0

    @property
    def outcome(self) -> str:
        """The result in words: "14,000 updates to MSE < 0.05", "accuracy 0.97"."""
        words = [f"{self.updates:,} updates"] if self.updates else []
        if self.solved is not None and self.runs is not None:
            words.append(f"{self.solved} of {self.runs} runs")
        sign = ">" if self.metric == "accuracy" else "<"
        goal = f"to {LABELS[self.metric]} {sign} {self.threshold}"
        parts = [f"{', '.join(words) or 'never'} {goal}"] if self.threshold else []
        if self.value is not None:
            parts.append(f"{LABELS[self.metric]} {self.value:.4g}")
        return "; ".join(parts)


COLUMNS = tuple(item.name for item in fields(PublishedRow))


def read(path: Path) -> tuple[PublishedRow, ...]:
    """Read a table; one that is not there has no rows.

    Raises:
        PublishedError: It cannot be read.
    """
    if not path.is_file():
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PublishedError(f"{path}: {error}") from error
    table = csv.DictReader(text.splitlines())
    if tuple(table.fieldnames or ()) != COLUMNS:
        raise PublishedError(f"{path}, line 1: the columns must be {','.join(COLUMNS)}")
    return tuple(_row(record, f"{path}, line {table.line_num}") for record in table)


def rows_of(task: str) -> tuple[PublishedRow, ...]:
    """Give the rows of a task by its name; of a plug-in's task only where the plug-in is loaded.

    Raises:
        PublishedError: The table cannot be read.
    """
    known = registry.loaded("task", task)
    if known is not None:
        rows: tuple[PublishedRow, ...] = known.published()
        return rows
    return read(table_of(Path(__file__), task))


def table_of(file: Path, task: str) -> Path:
    """Say where the rows of a task are whose class is in a file."""
    return file.parent / "published" / f"{task}.csv"


def _row(record: Mapping[str, str], where: str) -> PublishedRow:
    if None in record or None in record.values():
        raise PublishedError(f"{where}: needs {len(COLUMNS)} values, a comma between two")

    def number(column: str, *, needed: bool = False, above: int = 0) -> float | None:
        text = record[column]
        try:
            value = float(text) if text or needed else None
        except ValueError:
            value = -1.0
        if value is not None and not above <= value < float("inf"):
            raise PublishedError(f"{where}: {column}={text} must be a number of at least {above}")
        return value

    def whole(column: str, *, above: int = 0) -> int | None:
        value = number(column, above=above)
        if value is not None and value != int(value):
            raise PublishedError(f"{where}: {column}={record[column]} must be a whole number")
        return None if value is None else int(value)

    for column, known in (("metric", LABELS), ("label", SOURCES)):
        if record[column] not in known:
            one_of = ", ".join(known)
            raise PublishedError(f"{where}: {column}={record[column]} must be one of {one_of}")
    for column in ("source", "model", "seq_len"):
        if not record[column]:
            raise PublishedError(f"{where}: {column} must be given")
    number("threshold")
    if not any(record[column] for column in ("threshold", "value")):
        raise PublishedError(
            f"{where}: must have a value, or a threshold and what it took to pass it"
        )
    if bool(record["threshold"]) != any(record[each] for each in ("updates", "solved")):
        raise PublishedError(f"{where}: threshold goes with updates, or with solved and runs")
    if bool(record["solved"]) != bool(record["runs"]):
        raise PublishedError(f"{where}: solved goes with runs")
    return PublishedRow(
        source=record["source"],
        model=record["model"],
        hidden=record["hidden"],
        seq_len=whole("seq_len", above=1) or 0,
        variant=record["variant"],
        batch=whole("batch", above=1),
        optimizer=record["optimizer"],
        metric=record["metric"],
        threshold=record["threshold"],
        updates=whole("updates", above=1),
        solved=whole("solved"),
        runs=whole("runs", above=1),
        value=number("value"),
        label=record["label"],
        note=record["note"],
    )
