"""What files of sequences hold and what answers show, as each task says: for --help and docs/predict.md."""

import textwrap
from collections.abc import Iterator
from dataclasses import MISSING

from irnn.prediction.answers import columns
from irnn.spec import registry
from irnn.spec.options import default_of, fields_of
from irnn.tasks.base import Task
from irnn.tasks.input_file import InputFile


def tasks() -> list[Task]:
    """Give every task with its default settings; left out is one that has to be given some."""
    known = registry.classes("task").values()
    return [c() for c in known if all(default_of(item) is not MISSING for item in fields_of(c))]


def files() -> list[tuple[InputFile, list[str]]]:
    """Give what files of sequences hold, with the names of the tasks that are asked so."""
    found: list[tuple[InputFile, list[str]]] = []
    for task in tasks():
        kind = task.input_file  # which a plug-in may have given a list: it is not hashed
        names = next((names for known, names in found if known == kind), None)
        if names is None:
            found.append((kind, names := []))
        names.append(task.name)
    return found


def help_lines() -> Iterator[str]:
    """Say for each task what a step is in a CSV file, and what an array is."""
    for kind, names in files():
        header, row = kind.example
        yield f"  {', '.join(names)}"
        message = f"{header} as in {row}; or {kind.shape}"
        message += f"; symbols {' '.join(kind.features)}" * kind.one_hot
        indent = " " * 6
        yield textwrap.fill(message, 98, initial_indent=indent, subsequent_indent=indent)


def file_table() -> Iterator[tuple[str, ...]]:
    """Give the rows of the table of files: tasks, columns, a row that could be there, array."""
    for kind, names in files():
        header, row = kind.example
        symbols = f", symbols {' '.join(f'`{each}`' for each in kind.features)}" * kind.one_hot
        yield (
            ", ".join(f"`{name}`" for name in names),
            f"`{header}`",
            f"`{row}`",
            kind.shape + symbols,
        )


def answer_table() -> Iterator[tuple[str, ...]]:
    """Give the rows of the table of answers: task, columns, what stands below."""
    for task in tasks():
        shown = ", ".join(f"`{name}`" for name in columns(task, known=True))
        yield f"`{task.name}`", shown, f"{task.metric.label}, {_beside(task)}"


def _beside(task: Task) -> str:
    metric = task.metric
    if metric.loss == "mse":
        return "worst error"
    return metric.loss_label if metric.name == "accuracy" else "answers right"
