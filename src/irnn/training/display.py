"""What a run says while it trains: a live line on a terminal, plain lines elsewhere, and train.log."""

import contextlib
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TextIO

from irnn.runs.layout import DIVERGED, EXHAUSTED, SOLVED
from irnn.system import screen
from irnn.tasks.metric import losses, outcome_of

if TYPE_CHECKING:
    from irnn.tasks.base import Task

_LINE_SECONDS = 2.0  # between plain lines of ordinary progress
_BAR_WIDTH = 24


class Display:
    """Print to the screen and to `train.log`; on a terminal, keep a line of progress below.

    Args:
        log: the file to append to.
        total: updates in the budget, or None.
        task: what is learned, and how it is scored.
        live: draw the line of progress; by default, if standard output is a terminal that can.
    """

    request: ClassVar[str] = "the same command"
    """What continues a run that was interrupted."""

    def __init__(
        self, log: Path, total: int | None, task: "Task", live: bool | None = None
    ) -> None:
        self._task = task
        self._log = open_log(log)
        self._total = total
        self._is_live = screen.is_live() if live is None else live
        self._next_line = 0.0
        self._began = time.monotonic()
        self._step, self._rate = 0, 0.0
        self._latest = ("first evaluation", "", "")
        self._live: Any = None
        self._console: Any = None

    def __enter__(self) -> "Display":
        screen.never_wait()
        if self._is_live:
            from rich.live import Live

            self._console = screen.console()
            self._live = Live(
                console=self._console,
                get_renderable=self._drawn,
                refresh_per_second=5,
                transient=True,  # the summary stays
            )
            try:
                self._live.start()
            except RuntimeError:  # no thread to draw it from: lines now and then
                self._live = None
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        with contextlib.suppress(OSError):
            self._log.close()

    def say(self, text: str) -> None:
        """Print a line, above the line of progress if there is one, and log it."""
        self.note(text)
        self._show(text)

    def _show(self, text: str) -> None:
        if self._live is not None:
            self._console.print(text, soft_wrap=True)
        else:
            screen.say(text)

    def note(self, text: str) -> None:
        """Log a line without printing it."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with contextlib.suppress(OSError):  # a full disk is met, and told, by what matters more
            for line in text.splitlines():
                self._log.write(f"{stamp} {line}\n")

    def tick(self, step: int, rate: float) -> None:
        """Take in how far the run is."""
        self._step, self._rate = step, rate

    def evaluated(self, record: dict[str, Any]) -> None:
        """Show an evaluation: in the line of progress on a terminal, as a line now and then elsewhere."""
        metric = self._task.metric
        train, test = shown(losses(record)[0]), shown(record[metric.key])
        baseline = f"({metric.baseline_meaning} scores {metric.baseline:.4f})"
        self._latest = (
            f"train {train.strip()}",
            f"held-out {test.strip()}",
            f"(trivial {metric.baseline:.4f})",
        )
        rate = record["steps_per_second"]
        speed = f"  {rate:,.0f} updates/s" if rate else ""
        line = f"step {record['step']:>9,}  train {train}  held-out {test}  {baseline}{speed}"
        if rate and self._total:
            line += f"  {self._left(record['step'], rate)} left at most"
        self.note(line)
        self._show_evaluation(line)

    def _show_evaluation(self, line: str) -> None:
        now = time.monotonic()
        if self._live is None and now >= self._next_line:
            self._next_line = now + _LINE_SECONDS
            self._show(line)

    def _progress_parts(self) -> list[str]:
        """Say how far the run is: updates, place for a bar, speed, time, time left, latest evaluation."""
        elapsed = str(timedelta(seconds=int(time.monotonic() - self._began)))
        left = f"{self._left(self._step, self._rate)} left at most"
        bar = " " * _BAR_WIDTH if self._total is not None else ""
        speed = f"{self._rate:,.0f}/s"
        return [f"{self._step:>9,} updates", bar, speed, elapsed, left, *self._latest]

    def _drawn(self) -> Any:
        """Draw the line of progress as wide as the terminal allows: parts are left out, none is cut."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        parts = self._progress_parts()
        kept = fitting(parts, (7, 1, 3, 2, 5, 4, 6), self._console.width)
        line = Table.grid(padding=(0, 1))
        for _ in kept:
            line.add_column(no_wrap=True)
        drawn = ProgressBar(total=self._total, completed=self._step, width=_BAR_WIDTH)
        line.add_row(*(drawn if place == 1 else Text(parts[place]) for place in kept))
        return line

    def _left(self, step: int, rate: float) -> str:
        if self._total is None or rate <= 0:
            return "?"
        return str(timedelta(seconds=round((self._total - step) / rate)))


def open_log(path: Path) -> TextIO:
    """Open a log to append lines to; what UTF-8 cannot hold, as a file name's bytes, is written escaped."""
    return path.open("a", buffering=1, encoding="utf-8", errors="backslashreplace")


def fitting(parts: Sequence[str], dispensable: Sequence[int], width: int) -> list[int]:
    """Choose what of a line's parts fits into its width, with a blank between them.

    Args:
        parts: the texts; an empty one takes no place.
        dispensable: the places of those that can be left out, in that order.
        width: characters.

    Returns:
        The places of those that stay.
    """
    kept = [place for place, text in enumerate(parts) if text]
    for place in dispensable:
        if sum(len(parts[each]) + 1 for each in kept) - 1 <= width:
            break
        kept = [each for each in kept if each != place]
    return kept


def shown(value: float | None) -> str:
    """Write a loss or an accuracy in eight characters."""
    if value is None:
        return "      --"
    return f"{value:8.5f}" if value < 100 else f"{value:8.1e}"


def summary(result: dict[str, Any], folder: Path, task: "Task") -> str:
    """Say in a few lines how a run of a task ended."""
    outcome = outcome_of(result)
    verdict = {
        SOLVED: f"SOLVED: {task.learned}",
        EXHAUSTED: f"{outcome.exhausted} {'with' if outcome.goal is None else 'within'} its budget",
        DIVERGED: "DIVERGED",
    }[result["status"]]
    lines = [
        f"{verdict}. T={result['seq_len']}, seed {result['seed']}, "
        f"best held-out {outcome.label} {shown(outcome.best).strip()} "
        f"({outcome.baseline_meaning} scores {outcome.baseline:.4f})",
        f"  {result['steps']:,} updates in {result['seconds']:.1f} s"
        + (
            f" ({result['steps_per_second']:,.0f} updates/s while updating)"
            if result["steps_per_second"]
            else ""
        ),
    ]
    crossed = [
        f"{threshold} {'never' if step is None else f'at {step:,}'}"
        for threshold, step in result["solved_at"].items()
    ]
    lines.append(f"  held-out {outcome.label} first {outcome.past} {', '.join(crossed)}")
    for event in result["divergences"][-3:]:
        lines.append(f"  update {event['step']:,}: {event['reason']} -> {event['action']}")
    lines.append(f"  {folder}")
    return "\n".join(lines)
