"""The command line of irnn-report, and what it does."""

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.live import Live

from irnn.reporting import table
from irnn.reporting.compare import Comparison, compare
from irnn.reporting.comparison_text import sentences
from irnn.reporting.formats import FORMATS, formatted
from irnn.reporting.goals import parse_threshold
from irnn.reporting.load import Cache
from irnn.reporting.provenance import warnings
from irnn.reporting.run import Loaded
from irnn.reporting.select import check_found, select
from irnn.reporting.summary import Summary, summarise_tasks
from irnn.reporting.waiting import Waiting
from irnn.reporting.write import write_report
from irnn.runs.finding import runs_root
from irnn.spec import plugin_words
from irnn.system import screen
from irnn.system.arguments import Parser, path
from irnn.version import ShowVersion

DESCRIPTION = "Report on run folders: a table on screen; with --out a page, summaries and figures."
PORT, LOOPBACK = 8421, "127.0.0.1"  # where --serve listens unless told otherwise
_PIPE_WIDTH = 1_000  # no line of a table is folded for a file or a pager


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


def report(argv: Sequence[str] | None, shown: screen.Shown) -> int:
    """Run the command within `screen.guarded()`; give its exit status, see `irnn.report.main`."""
    shown.is_all = True
    try:
        arguments = plugin_words.parse(parser(), sys.argv[1:] if argv is None else argv)
    except SystemExit as ended:  # argparse's: it has said what there is to say
        return int(ended.code or 0)
    shown.is_all = arguments.out is None
    console = screen.console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    try:
        if arguments.format and arguments.watch:
            raise ValueError("--format prints the table once; leave --watch out")
        _load_plugins(arguments.plugins)
        if arguments.serve is not None:
            return _serve(arguments, _typed(argv))
        loaded = _watch(arguments, console) if arguments.watch else _load(arguments)
        check_found(loaded, arguments.paths, arguments.where)
        summaries = summarise_tasks(loaded.runs, arguments.threshold)
        comparison = _compare(loaded, arguments)
        lines = sentences(comparison) if comparison else []
        if arguments.format:
            screen.say(formatted(arguments.format, loaded, summaries, comparison))
            lines = [*(f"warning: {line}" for line in warnings(loaded)), *lines]
        elif not (arguments.watch and screen.is_live()):
            notes = warnings(loaded)
            console.print(table.render(loaded, summaries, notes, console.width, comparison))
        if arguments.out:
            lines += _write(arguments.out, loaded, summaries, comparison, _typed(argv))
        for line in lines:
            if arguments.format:
                screen.complain(line)
            else:
                console.print(line, soft_wrap=True)
    except ValueError as error:
        screen.complain(f"irnn-report: {error}")
        return 2
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        screen.complain(f"irnn-report: {place}{error.strerror or error}")
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def _typed(argv: Sequence[str] | None) -> str:
    return shlex.join(["python", "-m", "irnn.report", *(sys.argv[1:] if argv is None else argv)])


def _serve(arguments: argparse.Namespace, command: str) -> int:
    """Show the page until somebody interrupts."""
    from irnn.reporting.live import Live
    from irnn.reporting.serve import run_link, serve

    for name in ("out", "watch", "format"):
        if getattr(arguments, name):
            raise ValueError(f"--serve shows the page; leave --{name} out")
    live = Live(
        read=Waiting(partial(_load, arguments)),
        compare=partial(_compare, arguments=arguments),
        threshold=arguments.threshold,
        command=command,
        link=run_link,
        complain=screen.complain,
    )
    serve(arguments.host, arguments.serve, live, screen.complain, screen.say)
    return 0


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
    try:
        return parse_threshold(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _load_plugins(words: Sequence[str]) -> None:
    if words:
        from irnn.spec.plugins import load

        for name in plugin_words.without_plugins(words)[1]:
            load(name)


def _load(arguments: argparse.Namespace, cache: Cache | None = None) -> Loaded:
    return select(arguments.paths, arguments.where, arguments.sweep, cache, arguments.threshold)


def _compare(loaded: Loaded, arguments: argparse.Namespace) -> Comparison | None:
    if not arguments.compare or loaded.awaited:
        return None
    a, b = arguments.compare
    return compare(loaded.runs, a, b, arguments.threshold)


def _watch(arguments: argparse.Namespace, console: Console) -> Loaded:
    """Refresh until no run is unfinished or left to start; finished runs are read once."""
    cache, read = Cache(), Waiting(partial(_load, arguments))
    shown = ""
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            loaded = read(cache)
            headline = table.headline(loaded)
            if screen.is_live():
                summaries = summarise_tasks(loaded.runs, arguments.threshold)
                live.update(
                    table.render(loaded, summaries, warnings(loaded), console.width), refresh=True
                )
            elif headline != shown:
                screen.say(headline)
                shown = headline
            if loaded.runs and not loaded.left and not any(run.awaited for run in loaded.runs):
                return loaded
            time.sleep(arguments.watch)


def _write(
    out: Path,
    loaded: Loaded,
    summaries: Sequence[Summary],
    comparison: Comparison | None,
    command: str,
) -> list[str]:
    try:
        return write_report(out, loaded, summaries, comparison, command)
    except OSError as error:
        raise ValueError(f"--out={out} cannot be written: {error.strerror or error}") from error
