"""`python -m irnn.predict RUN_DIR`: let a trained network add, and show how well it does."""

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from irnn.version import ShowVersion

if TYPE_CHECKING:
    from torch import Tensor

    from irnn.config import Config
    from irnn.models.regressor import Regressor

_SHOWN = 20  # rows of a table for the screen
_STATES = 1 << 24  # hidden values of one forward pass: bounds the memory of kernels that keep them

DESCRIPTION = """\
Show that a trained network adds: sequences with their two marked numbers, the true sum and the
network's. Sequences are drawn from a stream that training never saw, or read from a file."""
FORMAT = """\
A CSV file has one row per step and the columns sequence,value,mask (steps in order; a sequence is
known by any name; sequences may differ in length). An NPY file holds an array (N, T, 2) of
(value, mask)."""


class InputError(ValueError):
    """What was asked for cannot be done; the message names place and remedy."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command: 0, or 2 with a message for what cannot be done."""
    try:
        _predict(_parser().parse_args(argv))
    except ValueError as error:
        print(f"irnn-predict: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "irnn-predict", description=DESCRIPTION, epilog=FORMAT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action=ShowVersion)
    parser.add_argument("run_dir", type=Path, help="a run folder, as made by irnn-train")
    parser.add_argument("--samples", type=int, metavar="N", help="sequences to draw (default 10)")
    parser.add_argument(
        "--seq-len", type=int, metavar="T", help="their length (default: as trained)"
    )
    parser.add_argument("--seed", type=int, default=0, help="which sequences to draw (default 0)")
    parser.add_argument("--input", type=Path, metavar="FILE", help="add these: .csv or .npy")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write all answers to a CSV file"
    )
    return parser


def _predict(arguments: argparse.Namespace) -> None:
    if arguments.input and (arguments.samples is not None or arguments.seq_len is not None):
        raise InputError("--input brings its own sequences: leave --samples and --seq-len out")
    config, model = load_run(arguments.run_dir)
    if arguments.input:
        from irnn.sequence_files import read_sequences

        names, sequences = read_sequences(arguments.input)
    else:
        names, sequences = _drawn(config, arguments)
    answers = predict(model, sequences)
    rows = [_row(*each) for each in zip(names, sequences, answers, strict=True)]
    if arguments.output:
        _write(arguments.output, rows)
    _show(config, arguments.run_dir, rows)


def load_run(folder: Path) -> tuple["Config", "Regressor"]:
    """Load the best network of a run, on the CPU.

    Raises:
        InputError: The folder is not that of a run with a checkpoint.
        ConfigError: Its configuration or checkpoint is damaged.
    """
    from irnn import tasks
    from irnn.choices import Device, KernelName
    from irnn.composition import load_config
    from irnn.models.regressor import build
    from irnn.runs import checkpoint
    from irnn.runs.directory import RunDirectory
    from irnn.seeding import generator

    import torch  # isort: skip

    directory = RunDirectory(folder)
    if not directory.config.is_file():
        raise InputError(f"{folder} is not a run folder: it has no config.yaml")
    if not directory.best.is_file():
        raise InputError(f"{folder} has no checkpoint yet: train it first")
    config = load_config(directory.config)
    runtime = replace(config.runtime, device=Device.cpu, kernel=KernelName.auto)
    model = build(
        replace(config, runtime=runtime),
        generator(config.seed, "init"),
        tasks.make(config.task).input_size,
    )
    try:
        model.load_state_dict(checkpoint.load(directory.best, torch.device("cpu"))["model"])
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{directory.best} does not fit {directory.config}: {error}") from error
    return config, model.eval()


def _drawn(config: "Config", arguments: argparse.Namespace) -> tuple[list[str], list["Tensor"]]:
    """Draw sequences from a stream of their own: [(T, 2)] and their numbers."""
    import torch

    from irnn import tasks
    from irnn.seeding import stream_key

    samples = 10 if arguments.samples is None else arguments.samples
    steps = config.task.seq_len if arguments.seq_len is None else arguments.seq_len
    if samples < 1:
        raise InputError(f"--samples {samples}: must be at least 1")
    least = 20 if config.task.marks.value == "first_ten" else 2
    if steps < least:
        raise InputError(f"--seq-len {steps}: must be at least {least}")
    if samples * steps > 1 << 28:
        raise InputError(
            f"--samples {samples} x --seq-len {steps}: at most {1 << 28:,} steps in all"
        )
    task = tasks.make(replace(config.task, seq_len=steps))
    drawn = task.draw(stream_key(arguments.seed, "predict"), torch.arange(samples))
    inputs, _ = task.encode(drawn, torch.float32)
    return [str(number) for number in range(samples)], list(inputs.transpose(0, 1))


def predict(model: "Regressor", sequences: Sequence["Tensor"]) -> list[float]:
    """Answer for each sequence (T, 2); sequences of one length go through the network together."""
    import torch

    dtype = model.readout.weight.dtype
    answers = [0.0] * len(sequences)
    lengths: dict[int, list[int]] = {}
    for place, sequence in enumerate(sequences):
        lengths.setdefault(len(sequence), []).append(place)
    hidden = model.recurrent.hidden_size * model.recurrent.num_layers
    with torch.no_grad():
        for steps, places in lengths.items():
            rows = max(1, min(512, _STATES // (steps * hidden)))
            for start in range(0, len(places), rows):
                some = places[start : start + rows]
                batch = torch.stack([sequences[place] for place in some], dim=1).to(dtype)
                for place, answer in zip(some, model(batch).tolist(), strict=True):
                    answers[place] = answer
    return answers


Row = dict[str, str | float | int | None]


def _row(name: str, sequence: "Tensor", answer: float) -> Row:
    values, mask = sequence[:, 0].double(), sequence[:, 1].double()
    marked = [(int(step), float(values[step])) for step in mask.nonzero().flatten()]
    first, second = [*marked, (None, None), (None, None)][:2]
    total = float((values * mask).sum())
    return {
        "sequence": name,
        "steps": len(sequence),
        "first_step": first[0],
        "first_value": first[1],
        "second_step": second[0],
        "second_value": second[1],
        "marks": len(marked),
        "sum": total,
        "predicted": answer,
        "error": answer - total,
    }


def _write(path: Path, rows: list[Row]) -> None:
    try:
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise InputError(f"--output {path}: {error.strerror}") from error


def _show(config: "Config", folder: Path, rows: list[Row]) -> None:
    print(f"{folder.resolve().name}: trained on T = {config.task.seq_len}\n")
    print(
        f"{'sequence':>10} {'steps':>7}   first marked     second marked       sum  predicted   error"
    )
    for row in rows[:_SHOWN]:
        pairs = [
            _marked(row[f"{which}_value"], row[f"{which}_step"]) for which in ("first", "second")
        ]
        print(
            f"{row['sequence']:>10} {row['steps']:>7}  {pairs[0]}  {pairs[1]}  "
            f"{row['sum']:8.4f}  {row['predicted']:9.4f}  {row['error']:+.4f}"
        )
    if len(rows) > _SHOWN:
        print(f"{'…':>10} and {len(rows) - _SHOWN:,} more (--output FILE writes all)")
    errors = [float(row["error"] or 0.0) for row in rows]
    mse = sum(error * error for error in errors) / len(errors)
    worst = max(abs(error) for error in errors)
    print(
        f"\n{len(rows):,} sequences: MSE {mse:.6f} (answering 1 scores 0.1667), worst error {worst:.4f}"
    )
    unusual = sum(row["marks"] != 2 for row in rows)
    if unusual:
        print(
            f"note: {unusual:,} of them do not have exactly two marks; the network never saw such"
        )


def _marked(value: object, step: object) -> str:
    return f"{value:6.4f} @ {step:<6}" if value is not None else " " * 15


if __name__ == "__main__":
    sys.exit(main())
