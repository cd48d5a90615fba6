"""`python -m irnn.predict RUN`: let a trained network answer, and show how well it does."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from irnn.prediction.answers import Answers, Sequences, answered, written_columns
from irnn.prediction.command import parse
from irnn.prediction.drawn import check_drawn, check_memory, drawn_sequences
from irnn.prediction.errors import InputError
from irnn.prediction.forward import outputs
from irnn.prediction.score import Tally
from irnn.prediction.shown import SHOWN, screen_lines
from irnn.prediction.table_file import Write, writing
from irnn.prediction.trained import load_run
from irnn.system import exhausted, screen
from irnn.system.machine import forget_binding, refusal_of, working_folder_refusal

if TYPE_CHECKING:
    from irnn.models.network import Network
    from irnn.spec.config import Config
    from irnn.tasks.base import Task
    from irnn.tasks.input_file import Cells


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command: 0, 2 for what cannot be done, 1 without memory, or a screen to show answers."""
    forget_binding()  # before PyTorch is loaded
    with screen.guarded() as shown:
        remedy = "ask for fewer or shorter sequences"
        refusals = (ValueError, OSError)
        status = exhausted.exit_status(
            partial(_main, argv, shown), "irnn-predict", remedy, refusals
        )
    return shown.status(status)


def _main(argv: Sequence[str] | None, shown: screen.Shown) -> int:
    shown.is_all = True
    arguments = parse(sys.argv[1:] if argv is None else argv)
    shown.is_all = arguments.output is None
    _predict(arguments)
    return 0


def _predict(arguments: argparse.Namespace) -> None:
    if (refusal := working_folder_refusal() or refusal_of()) is not None:
        raise InputError(refusal)
    if arguments.input and (arguments.samples is not None or arguments.seq_len is not None):
        raise InputError("--input brings its own sequences: leave --samples and --seq-len out")
    from irnn.runs.finding import find_run
    from irnn.spec.groups import Groups
    from irnn.spec.plugins import with_plugins

    folder = find_run(arguments.run)
    with_plugins(arguments.plugins, Groups())
    config, model = load_run(folder, changed_code=arguments.changed_code)
    if arguments.data is not None or not arguments.input:
        config = _with_data(config, arguments.data)
    task, notes = config.task, list[str]()
    if arguments.input:
        sequences, notes = _read(arguments.input, task, model)
    else:
        steps, samples = check_drawn(config, arguments)
        task = replace(task, seq_len=steps)
        check_memory(model, task.steps)
        sequences = drawn_sequences(task, model, arguments.seed, samples)
    first = next(sequences)
    known = first.targets is not None or task.targets_of(first.inputs) is not None
    tally = Tally(config.task)
    with writing(arguments.output, written_columns(task, known=known)) as write:
        rows = _answer(model, task, chain([first], sequences), tally, write)
    at_trained = None
    if not arguments.input and task.steps > config.task.steps:
        beside = Tally(config.task)
        drawn = drawn_sequences(config.task, model, arguments.seed, min(samples, 1000))
        _answer(model, config.task, drawn, beside, None)
        at_trained = beside.total
    screen.say(f"{folder.absolute().name}: trained on T = {config.task.seq_len}")
    for name, fact in task.facts().items():
        screen.say(f"{name} {fact}")
    screen.say("")
    for line in screen_lines(task, rows, tally.total.sequences, known=known):
        screen.say(line)
    if verdict := tally.verdict(task):
        screen.say(f"\n{verdict}")
    for note in [*notes, *tally.notes(at_trained)]:
        screen.say(f"note: {note}")


def _with_data(config: "Config", folder: str | None) -> "Config":
    """See that the files are there which a task's sequences are in; `folder` may say where they are now."""
    if folder is not None:
        if not hasattr(config.task, "root"):
            raise InputError(f"--data {folder}: task={config.task.name} reads no files")
        moved: dict[str, Any] = {"root": folder}
        config = replace(config, task=replace(config.task, **moved))
    if (refused := config.task.data_refusal()) is not None:
        key, why = refused
        given = f"task.{key}={getattr(config.task, key)}" if folder is None else f"--data {folder}"
        raise InputError(
            f"{given}: {why}; --data DIR says where the files of this run's training are"
        )
    return config


def _read(path: Path, task: "Task", model: "Network") -> "tuple[Iterator[Sequences], list[str]]":
    """Read a file as its task describes it: sequences as the network reads them, and notes."""
    import torch

    from irnn.prediction.sequence_files import by_length, read_sequences

    largest = torch.finfo(model.readout.weight.dtype).max
    names, sequences, notes = read_sequences(path, task.input_file, largest)
    try:
        read = task.from_file(sequences)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    for name, sequence in zip(names, read, strict=True):
        if len(sequence) < task.head.last:
            raise InputError(
                f"{path}: sequence {name} has {len(sequence)} steps; it needs {task.head.last} at least, "
                "which are answered"
            )
    check_memory(model, max(map(len, read)))
    return by_length(names, read), notes


def _answer(
    model: "Network",
    task: "Task",
    sequences: "Iterable[Sequences]",
    tally: Tally,
    write: Write | None,
) -> "list[Cells]":
    """Answer sequences, write them in their order, and give the rows that the screen shows."""
    shown: list[Cells] = []
    waiting: dict[int, tuple[Answers, int]] = {}
    following = 0
    for some in sequences:
        wanted = write is not None or some.places[0] < SHOWN
        answers = answered(task, some, outputs(model, some.inputs), rows=wanted)
        tally.add(answers)
        if not wanted:
            continue
        waiting |= {place: (answers, n) for n, place in enumerate(some.places)}
        while (found := waiting.pop(following, None)) is not None:
            if following < SHOWN:
                shown.append(found[0].row(found[1]))
            if write is not None:
                write([*found[0].written_rows(found[1])])
            following += 1
    return shown


if __name__ == "__main__":
    sys.exit(main())
