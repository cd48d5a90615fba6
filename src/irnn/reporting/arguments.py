"""The command line of irnn-report, described without what a report needs: --help answers at once."""

import argparse
import sys
from collections.abc import Sequence

from irnn.runs.finding import runs_root
from irnn.spec import plugin_words
from irnn.system.arguments import Parser, path
from irnn.version import ShowVersion

DESCRIPTION = "Report on run folders: a table on screen; with --out a page, summaries and figures."
PORT, LOOPBACK = 8421, "127.0.0.1"  # where --serve listens unless told otherwise
FORMATS = ("json", "csv", "markdown", "latex")


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        SystemExit: There is nothing more to do, or nothing that can be done; it has been said why.
    """
    return plugin_words.parse(parser(), sys.argv[1:] if argv is None else argv)


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    root = runs_root()
    parser = Parser(prog="irnn-report", description=DESCRIPTION)
    parser.add_argument("--version", action=ShowVersion)
    parser.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        default=[root],
        help="a runs root, a run folder, a record, a glob, a run id in IRNN_RUNS, or @FILE with one of "
        f"them a line (default: {root.replace('%', '%%')})",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=path,
        help="write report.html, summary.csv, summary.parquet and figures/ into DIR",
    )
    parser.add_argument(
        "--compare",
        metavar=("A", "B"),
        nargs=2,
        help="two conditions to compare, as in optim=adam optim=sgd",
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="print the table so, and nothing else, to standard output; notes go to standard error",
    )
    parser.add_argument(
        "--serve",
        metavar="PORT",
        nargs="?",
        type=_port,
        const=PORT,
        help=f"show the page to a browser on this machine and keep it up to date (default port: {PORT})",
    )
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        default=LOOPBACK,
        help="with --serve: the address to listen on; anything but loopback shows your runs to others "
        f"(default: {LOOPBACK})",
    )
    parser.add_argument(
        "--threshold",
        metavar="SCORE",
        type=_threshold,
        help="a run succeeds beyond this held-out score: below an MSE, above an accuracy (default: at its "
        "own goal, stop.test_mse and the like)",
    )
    parser.add_argument(
        "--watch", metavar="SECONDS", type=_seconds, help="refresh the table until all runs finish"
    )
    parser.add_argument(
        "--where",
        metavar="KEY=VALUE",
        nargs="+",
        action="extend",
        default=[],
        help="keep only runs with these settings; KEY=1,2 accepts either",
    )
    plugin_words.add_option(
        parser,
        "code that the runs' task is of, as in irnn-train: reports need it for published rows only",
    )
    parser.add_argument(
        "--sweep",
        metavar="NAME",
        help="keep only the runs of this sweep (PATH/.sweeps/NAME), or else of this tracker.group",
    )
    return parser


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is no port; give a number from 0 to 65535")
    return port


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.1 and 86400 seconds")
    return seconds


def _threshold(text: str) -> float:
    from irnn.reporting.goals import parse_threshold

    try:
        return parse_threshold(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
