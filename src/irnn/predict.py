"""`python -m irnn.predict RUN`: let a trained network answer, and show how well it does."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from irnn.prediction.answers import (
    Answers,
    Errors,
    InputError,
    Row,
    Tally,
    Write,
    answered,
    fields_of,
    screen_lines,
    writing,
)
from irnn.prediction.command import parse
from irnn.prediction.drawn import check_drawn, check_memory, chunks
from irnn.prediction.trained import load_run
from irnn.system import exhausted, screen
from irnn.system.machine import forget_binding, refusal_of, working_folder_refusal

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.models.network import Network
    from irnn.spec.config import Config
    from irnn.tasks.adding import Adding
    from irnn.tasks.base import Task

    Places = list[int]
    Blocks = Iterator[tuple[list[str], Iterable[tuple[Places, Tensor]]]]

_STATES = 1 << 24  # hidden values of one forward pass: bounds the memory of kernels that keep them


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command: 0, 2 for what cannot be done, 1 without memory, or a screen to show answers."""
    forget_binding()  # before PyTorch is loaded
    with screen.guarded() as shown:
        remedy = "ask for fewer or shorter sequences"
        status = exhausted.caught(partial(_main, argv, shown), "irnn-predict", remedy)
    return shown.status(status)


def _main(argv: Sequence[str] | None, shown: screen.Shown) -> int:
    shown.is_all = True
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
        shown.is_all = arguments.output is None
        _predict(arguments)
    except SystemExit as ended:  # argparse's: it has said what there is to say
        return int(ended.code or 0)
    except ValueError as error:
        screen.complain(f"irnn-predict: {error}")
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        screen.complain(f"irnn-predict: {place}{error.strerror or error}")
    except KeyboardInterrupt:
        return 130
    else:
        return 0
    return 2


def _predict(arguments: argparse.Namespace) -> None:
    if (refusal := working_folder_refusal() or refusal_of()) is not None:
        raise InputError(refusal)
    if arguments.input and (arguments.samples is not None or arguments.seq_len is not None):
        raise InputError("--input brings its own sequences: leave --samples and --seq-len out")
    from irnn.runs.finding import find_run
    from irnn.spec.groups import Groups
    from irnn.spec.plugins import with_plugins
    from irnn.tasks.adding import Adding

    folder = find_run(arguments.run)
    with_plugins(arguments.plugins, Groups())
    config, model = load_run(folder, changed_code=arguments.changed_code)
    if arguments.data is not None or not arguments.input:
        config = _with_data(config, arguments.data)
    task = config.task
    if not isinstance(task, Adding):
        (_answer_file if arguments.input else _show)(folder, config, model, arguments)
        return
    notes: list[str] = []
    if arguments.input:
        from irnn.prediction.sequence_files import by_length

        names, sequences, notes = _read(arguments.input, task, model)
        longest = max(map(len, sequences))
        blocks: Blocks = iter([(names, by_length(sequences))])
    else:
        longest, samples = check_drawn(config, arguments)
        blocks = _drawn(config, arguments.seed, samples, longest)
    check_memory(model, longest)
    tally = Tally(config.task.seq_len)
    output = arguments.output
    with writing(output, fields_of(task)) if output else nullcontext() as write:
        for names, some in blocks:
            _answer(model, task, names, some, tally, write)
    screen.say(f"{folder.absolute().name}: trained on T = {config.task.seq_len}\n")
    for line in screen_lines(tally, task):
        screen.say(line)
    at_trained = None
    if not arguments.input and longest > config.task.seq_len:
        at_trained = _at_trained(config, model, arguments.seed, min(samples, 1000))
    for note in [*notes, *tally.notes(at_trained)]:
        screen.say(f"note: {note}")


def _with_data(config: "Config", folder: str | None) -> "Config":
    """See that the files are there which a task's sequences are in; `folder` may say where they are now."""
    at = getattr(config.task, "root", None)
    if folder is not None:
        if at is None:
            raise InputError(f"--data {folder}: task={config.task.name} reads no files")
        moved: dict[str, Any] = {"root": folder}
        config = replace(config, task=replace(config.task, **moved))
    if (refused := config.task.data_refusal()) is not None:
        given = f"task.root={at}" if folder is None else f"--data {folder}"
        raise InputError(
            f"{given}: {refused[1]}; --data DIR says where the files of this run's training are"
        )
    return config


def _read(
    path: Path, task: "Task", model: "Network"
) -> tuple[list[str], list["Tensor"], list[str]]:
    """Read a file as its task describes it: names, sequences (T, F) for the network, and notes."""
    from irnn.prediction.sequence_files import read_sequences

    names, sequences, notes = read_sequences(path, _largest(model), task.input_file)
    try:
        return names, task.from_file(sequences), notes
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error


def _answer_file(
    folder: Path, config: "Config", model: "Network", arguments: argparse.Namespace
) -> None:
    """Show what a network answers to the sequences of a file, in their order."""
    from irnn.prediction import file_answers
    from irnn.prediction.sequence_files import by_length

    task, output = config.task, arguments.output
    names, sequences, notes = _read(arguments.input, task, model)
    check_memory(model, max(map(len, sequences)))
    file_answers.refuse_short(task, names, sequences)
    found: dict[int, file_answers.FileAnswer] = {}
    with writing(output, file_answers.fields_of(task)) if output else nullcontext() as write:
        for places, some in by_length(sequences):
            called = [names[place] for place in places]
            given = file_answers.answered(task, called, len(some), _outputs(model, some))
            found.update(zip(places, given, strict=True))
        answers = [found[place] for place in range(len(names))]
        if write is not None:
            for each in answers:
                write([*each.rows(task)])
    screen.say(f"{folder.absolute().name}: trained on T = {config.task.seq_len}\n")
    for line in file_answers.screen_lines(task, answers):
        screen.say(line)
    for note in [*notes, *file_answers.longer(task, answers)]:
        screen.say(f"note: {note}")


def _show(folder: Path, config: "Config", model: "Network", arguments: argparse.Namespace) -> None:
    """Show what a network answers to drawn sequences of a task without marks."""
    from irnn.prediction import shown_answers

    steps, samples = check_drawn(config, arguments)
    trained = config.task
    task = replace(config.task, seq_len=steps)
    check_memory(model, task.steps)
    table, output = shown_answers.Table(), arguments.output
    with writing(output, shown_answers.fields_of(task)) if output else nullcontext() as write:
        for names, drawn in chunks(task, arguments.seed, samples):
            rows = shown_answers.answer(model, task, drawn, names, table.score)
            table.add(rows)
            if write is not None:
                write(rows)
    screen.say(f"{folder.absolute().name}: trained on T = {config.task.seq_len}")
    for name, fact in task.facts().items():
        screen.say(f"{name} {fact}")
    screen.say("")
    for line in shown_answers.screen_lines(task, table):
        screen.say(line)
    if steps > config.task.seq_len:
        beside = shown_answers.Score()
        for names, drawn in chunks(trained, arguments.seed, min(samples, 1000)):
            shown_answers.answer(model, trained, drawn, names, beside)
        screen.say(f"note: {shown_answers.longer(task, trained, table.score, beside)}")


def _answer(
    model: "Network",
    task: "Adding",
    names: Sequence[str],
    blocks: Iterable[tuple["Places", "Tensor"]],
    tally: Tally,
    write: Write | None,
) -> None:
    """Answer sequences in blocks of one length, and show and write them in the order of their names."""
    rows: list[Row] = [{}] * len(names)
    wanted = write is not None or tally.room > 0
    for places, some in _answers(model, task, names, blocks):
        tally.add(some)
        for place, row in zip(places, some.rows(task) if wanted else (), strict=False):
            rows[place] = row
    if wanted:
        tally.show(rows)
    if write is not None:
        write(rows)


def _answers(
    model: "Network",
    task: "Adding",
    names: Sequence[str],
    blocks: Iterable[tuple["Places", "Tensor"]],
) -> Iterator[tuple["Places", Answers]]:
    for places, sequences in blocks:
        given = _outputs(model, sequences)
        yield places, answered([names[place] for place in places], sequences, given, task)


def _at_trained(config: "Config", model: "Network", seed: int, samples: int) -> Errors:
    """Measure the error at the length of training, on as many sequences, to hold another against."""
    task = cast("Adding", config.task)
    errors = Errors()
    for names, blocks in _drawn(config, seed, samples, config.task.seq_len):
        for _, some in _answers(model, task, names, blocks):
            errors.add(some)
    return errors


def _largest(model: "Network") -> float:
    """The largest number that the network's precision holds."""
    import torch

    return torch.finfo(model.readout.weight.dtype).max


def _drawn(config: "Config", seed: int, samples: int, steps: int) -> "Blocks":
    """Draw sequences from a stream of their own, some at a time: their numbers, and one block (T, N, 2)."""
    import torch

    task = replace(config.task, seq_len=steps)
    for names, drawn in chunks(task, seed, samples):
        inputs, _ = task.encode(drawn, torch.float32)
        yield names, [([*range(len(names))], inputs)]


def _outputs(model: "Network", sequences: "Tensor") -> "Tensor":
    """Answer sequences (T, N, F) as the head does, (N, ...) or (K, N, ...), some at a time."""
    import torch

    hidden = model.recurrent.hidden_size * model.recurrent.num_layers
    rows = max(1, min(512, _STATES // (len(sequences) * hidden)))
    sequences = sequences.to(model.readout.weight.dtype)
    with torch.no_grad():
        blocks = [
            sequences[:, start : start + rows] for start in range(0, sequences.shape[1], rows)
        ]
        axis = 0 if model.head.last == 1 else 1
        return torch.cat([model(block.contiguous()) for block in blocks], dim=axis)


def predict(model: "Network", sequences: Sequence["Tensor"]) -> list[float]:
    """Answer for each sequence (T, 2); sequences of one length go through the network together."""
    from irnn.prediction.sequence_files import by_length

    answers = [0.0] * len(sequences)
    for places, some in by_length(sequences):
        for place, answer in zip(places, _outputs(model, some).tolist(), strict=True):
            answers[place] = answer
    return answers


if __name__ == "__main__":
    sys.exit(main())
