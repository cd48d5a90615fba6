"""What a run says while it trains: a live line on a terminal, plain lines elsewhere, and train.log."""

import contextlib
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

_LINE_SECONDS = 2.0  # between plain lines of ordinary progress
_TICK_SECONDS = 0.2


class Display:
    """Print to the screen and to `train.log`; on a terminal, keep a progress bar below.

    Args:
        log: the file to append to.
        total: updates in the budget, or None.
        live: draw the progress bar; by default, if standard output is a terminal.
    """

    def __init__(self, log: Path, total: int | None, live: bool | None = None) -> None:
        self._log = log.open("a", buffering=1)
        self._total = total
        self._live = sys.stdout.isatty() if live is None else live
        self._next_tick = self._next_line = 0.0
        self._latest = "first evaluation"
        self._bar: Any = None

    def __enter__(self) -> "Display":
        if self._live:
            from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

            self._bar = Progress(
                TextColumn("{task.completed:>9,.0f} updates"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[rate]}"),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                TextColumn("{task.fields[latest]}"),
                refresh_per_second=5,
                transient=True,  # the summary stays
            )
            self._bar.start()
            self._bar.add_task("", total=self._total, rate="", left="", latest=self._latest)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        with contextlib.suppress(OSError):
            self._log.close()

    def say(self, text: str) -> None:
        """Print a line, above the progress bar if there is one, and log it."""
        self.note(text)
        self._show(text)

    def _show(self, text: str) -> None:
        if self._bar is not None:
            self._bar.console.print(text, highlight=False, markup=False, soft_wrap=True)
            return
        try:
            print(text, flush=True)
        except BrokenPipeError:  # whoever read along has gone; the run and its log go on
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())

    def note(self, text: str) -> None:
        """Log a line without printing it."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with contextlib.suppress(OSError):  # a full disk is met, and told, by what matters more
            for line in text.splitlines():
                self._log.write(f"{stamp} {line}\n")

    def tick(self, step: int, rate: float) -> None:
        """Move the progress bar."""
        if self._bar is None or (now := time.monotonic()) < self._next_tick:
            return
        self._next_tick = now + _TICK_SECONDS
        self._bar.update(
            self._bar.task_ids[0],
            completed=step,
            rate=f"{rate:,.0f}/s",
            left=f"{self._left(step, rate)} left at most",
            latest=self._latest,
        )

    def evaluated(self, record: dict[str, Any]) -> None:
        """Show an evaluation: in the bar on a terminal, as a line now and then elsewhere."""
        from irnn.tasks.adding import BASELINE_MSE  # needs torch, which a sweep's view does without

        train, test = shown_mse(record["train_mse"]), shown_mse(record["test_mse"])
        self._latest = f"train {train}  held-out {test}  (1/6 = {BASELINE_MSE:.4f})"
        rate = record["steps_per_second"]
        speed = f"  {rate:,.0f} updates/s" if rate else ""
        line = f"step {record['step']:>9,}  {self._latest}{speed}"
        if rate and self._total:
            line += f"  {self._left(record['step'], rate)} left at most"
        self.note(line)
        now = time.monotonic()
        if self._bar is None and now >= self._next_line:
            self._next_line = now + _LINE_SECONDS
            self._show(line)

    def _left(self, step: int, rate: float) -> str:
        if self._total is None or rate <= 0:
            return "?"
        return str(timedelta(seconds=round((self._total - step) / rate)))


def shown_mse(value: float | None) -> str:
    """Write an MSE in eight characters."""
    if value is None:
        return "      --"
    return f"{value:8.5f}" if value < 100 else f"{value:8.1e}"


def summary(result: dict[str, Any], folder: Path) -> str:
    """Say in a few lines how a run ended."""
    verdict = {
        "solved": "SOLVED: the network adds",
        "exhausted": "NOT SOLVED within its budget",
        "diverged": "DIVERGED",
    }[result["status"]]
    lines = [
        f"{verdict}. T={result['seq_len']}, seed {result['seed']}, "
        f"best held-out MSE {shown_mse(result['best_test_mse']).strip()} (answering 1 scores 0.1667)",
        f"  {result['steps']:,} updates in {result['seconds']:.1f} s"
        + (
            f" ({result['steps_per_second']:,.0f} updates/s while updating)"
            if result["steps_per_second"]
            else ""
        ),
    ]
    crossed = [
        f"{threshold} at {'never' if step is None else format(step, ',')}"
        for threshold, step in result["solved_at"].items()
    ]
    lines.append(f"  held-out MSE first below {', '.join(crossed)}")
    for event in result["divergences"][-3:]:
        lines.append(f"  update {event['step']:,}: {event['reason']} -> {event['action']}")
    lines.append(f"  {folder}")
    return "\n".join(lines)
