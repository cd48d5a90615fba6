"""What irnn-report does."""

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
from irnn.reporting.formats import formatted
from irnn.reporting.load import Cache
from irnn.reporting.provenance import warnings
from irnn.reporting.run import Loaded
from irnn.reporting.select import check_found, select
from irnn.reporting.summary import Summary, summarise_tasks
from irnn.reporting.waiting import Waiting
from irnn.reporting.write import write_report
from irnn.spec import plugin_words
from irnn.system import screen

_PIPE_WIDTH = 1_000  # no line of a table is folded for a file or a pager


def report(arguments: argparse.Namespace, argv: Sequence[str] | None, shown: screen.Shown) -> int:
    """Do what was asked for within `screen.guarded()`; give the exit status.

    Raises:
        ValueError, OSError: It cannot be done; the message is for the user.
    """
    shown.is_all = arguments.out is None
    console = screen.console()
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
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
