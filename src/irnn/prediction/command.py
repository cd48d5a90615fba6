"""The command line of irnn-predict."""

import argparse
from collections.abc import Sequence

from irnn.spec import plugin_words
from irnn.system.arguments import Parser, path
from irnn.version import ShowVersion

DESCRIPTION = """\
Show what a trained network answers: sequences of its task with the right answer and the network's.
Sequences are drawn from a stream that training never saw, or read from a file (--input)."""
FORMAT = """\
A CSV file has one row per step and the columns sequence,value,mask, and step where the rows are in
another order; a sequence is known by any name; sequences may differ in length. Commas, semicolons or
tabs part the columns. An NPY file holds an array (N, T, 2) of (value, mask). A pipe will do for both.
So it is for adding and multiplication. Other tasks have other columns: temporal_order (A B c d e f) and
copy_memory (0 to 7, "." for a blank, delimiter) have sequence,symbol, or an array (N, T, F) of zeros and
one 1 a step; pixels has sequence,pixel, or (N, T), of grey values 0 to 255, row by row; a task of your
own has sequence,x1,x2,..., or (N, T, F), unless its input_file says otherwise."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line; `plugins` are words as irnn-train takes them.

    Raises:
        SystemExit: argparse has said what is wrong.
    """
    return plugin_words.parse(parser(), argv)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = Parser(
        "irnn-predict", description=DESCRIPTION, epilog=FORMAT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action=ShowVersion)
    parser.add_argument(
        "run",
        metavar="RUN",
        nargs="?",
        help="a run folder, as made by irnn-train, or a run id in IRNN_RUNS",
    )
    parser.add_argument("--samples", type=int, metavar="N", help="sequences to draw (default 10)")
    parser.add_argument(
        "--seq-len", type=int, metavar="T", help="their length (default: as trained)"
    )
    parser.add_argument("--seed", type=int, default=0, help="which sequences to draw (default 0)")
    parser.add_argument(
        "--data",
        metavar="DIR",
        help="where the task's files are, as task.root (default: as trained)",
    )
    plugin_words.add_option(
        parser,
        "code that the run's options are of; plugins=FOLDER, as irnn-train has it, will do too",
    )
    parser.add_argument(
        "--changed-code",
        action="store_true",
        help="answer although the code of the run's task or model is another than it was trained with",
    )
    parser.add_argument(
        "--input", type=path, metavar="FILE", help="answer the sequences of a file: CSV or NPY"
    )
    parser.add_argument(
        "--output", type=path, metavar="FILE", help="write all answers to a CSV file"
    )
    return parser
