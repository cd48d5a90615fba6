"""The command line of irnn-predict."""

import argparse
from collections.abc import Sequence

from irnn.spec import plugin_words
from irnn.system.arguments import Parser, path, whole
from irnn.version import ShowVersion

DESCRIPTION = """\
Show what a trained network answers: sequences of its task with the right answer and the network's.
Sequences are drawn from a stream that training never saw, or read from a file (--input)."""
FORMAT = """\
A CSV file has one row per step: the column sequence, any name, the columns of the task, and step where
the rows are in another order; sequences may differ in length. Commas, semicolons or tabs part the
columns. An NPY file holds an array (N, T, F), sequences first. A pipe will do for both. By task:

{tasks}

Tasks of a plug-in are listed with --plugins."""


class _Parser(Parser):
    """Says of every task what its files hold, also of those that plug-ins add."""

    def format_help(self) -> str:
        """Ask the tasks once help is asked for."""
        from irnn.prediction.formats import help_lines

        self.epilog = FORMAT.format(tasks="\n".join(help_lines()))
        return super().format_help()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read a command line; `plugins` are words as irnn-train takes them.

    Raises:
        SystemExit: argparse has said what is wrong, or all there is to say.
        PluginError: A plug-in that help is asked for with cannot be used.
    """
    if {"-h", "--help"} & {*argv}:
        from irnn.spec.groups import Groups
        from irnn.spec.plugins import with_plugins

        named = Parser(add_help=False)
        plugin_words.add_option(named, "")
        found, words = named.parse_known_args(argv)
        with_plugins([*words, *(f"plugins={each}" for each in found.plugins)], Groups())
    return plugin_words.parse(parser(), argv)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    parser = _Parser(
        "irnn-predict",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=ShowVersion)
    parser.add_argument(
        "run",
        metavar="RUN",
        nargs="?",
        help="a run folder, as made by irnn-train, or a run id in IRNN_RUNS",
    )
    parser.add_argument("--samples", type=whole, metavar="N", help="sequences to draw (default 10)")
    parser.add_argument(
        "--seq-len", type=whole, metavar="T", help="their length (default: as trained)"
    )
    parser.add_argument("--seed", type=whole, default=0, help="which sequences to draw (default 0)")
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
