"""What a sweep says: one live view over all its jobs on a terminal, plain lines elsewhere."""

import time
from collections import Counter, deque
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from irnn.runs.directory import RunDirectory
from irnn.runs.layout import EXHAUSTED, SOLVED
from irnn.sweeps.job import ELSEWHERE, FAILED, LEFT, RUNNING, STOPPED, Job
from irnn.system import screen
from irnn.tasks.metric import outcome_of
from irnn.training.display import fitting, shown

_LINE_SECONDS = 30.0  # between plain lines about all jobs
_DRAW_SECONDS = 0.25
_SPEED_SECONDS = 10.0
_BAR_WIDTH = 40
_LABEL_WIDTH = 24  # the least, where it is longer
_HEADS = ("running", "update", "train", "held-out", "updates/s", "left at most")
_ROOM = 6  # lines of a terminal that are not for running jobs


class View:
    """Say what becomes of the jobs of a sweep.

    Args:
        live: draw on a terminal; by default, if standard output is one that can be drawn on.

    `earlier` are jobs of earlier batches, and `expected` how many there will be in all, where that is known.
    """

    def __init__(self, live: bool | None = None) -> None:
        self.earlier: Sequence[Job] = ()
        self.expected: int | None = None
        self._live = screen.is_live() if live is None else live
        self._screen: Any = None
        self._next = time.monotonic() + _LINE_SECONDS
        self._began = time.monotonic()
        self._why: str | None = None
        self._slow: set[str] = set()
        self._speed = _Speed()

    def __enter__(self) -> "View":
        if self._live:
            from rich.live import Live

            self._screen = Live(console=screen.console(), auto_refresh=False, transient=True)
            self._screen.start()
            self._next = 0.0
        return self

    def __exit__(self, *_: object) -> None:
        if self._screen is not None:
            self._screen.stop()
            self._screen = None

    def say(self, text: str) -> None:
        """Print a line, above the live view if there is one."""
        if self._screen is not None:
            self._screen.console.print(text, soft_wrap=True)
        else:
            screen.say(text)

    def slow(self, reasons: Sequence[str]) -> None:
        """Say what makes jobs slow, each reason once in a sweep."""
        for reason in reasons:
            if reason not in self._slow:
                self._slow.add(reason)
                self.say(reason)

    def ended(self, job: Job) -> None:
        """Say how a job ended."""
        self.say(ending(job))

    def requeued(self, job: Job) -> None:
        """Say that a job lost its place on a cluster."""
        self.say(f"REQUEUED   {job.label}: it continues from its checkpoint")

    def stopping(self, why: str) -> None:
        """Say that all jobs end."""
        self._why = why
        self.say(f"{why}: running jobs write their checkpoints and end")

    def refresh(self, jobs: Sequence[Job], at_once: int) -> None:
        """Draw, or now and then print a line."""
        now = time.monotonic()
        if now < self._next:
            return
        self._speed.note(jobs, now)
        if self._screen is None:
            self._next = now + _LINE_SECONDS
            running = [job for job in jobs if job.state == RUNNING]
            losses = "; ".join(f"{job.label}: {_numbers(job)}" for job in running[:4])
            self.say(f"{self._head(jobs, at_once)}{f'; {losses}' if losses else ''}")
        else:
            self._next = now + _DRAW_SECONDS
            self._screen.update(self._drawn(jobs, at_once), refresh=True)

    def _drawn(self, jobs: Sequence[Job], at_once: int) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        width, height = self._screen.console.size
        lines: list[Any] = [Text(self._head(jobs, at_once))]
        if width > _BAR_WIDTH:
            done = sum(job.done for job in jobs)
            bar = Table.grid()  # ends the bar's line
            bar.add_row(ProgressBar(total=len(jobs), completed=done, width=_BAR_WIDTH))
            lines.append(bar)
        running = [job for job in jobs if job.state == RUNNING]
        room = max(1, height - _ROOM)
        if running:
            lines.append(_table(running[:room], width))
        if len(running) > room:
            lines.append(Text(f"and {len(running) - room} more"))
        return Group(*lines)

    def _head(self, jobs: Sequence[Job], at_once: int) -> str:
        more = self.more(jobs)
        return f"{tally([*self.earlier, *jobs], more)}{self._times(jobs, at_once)}"

    def more(self, jobs: Sequence[Job]) -> int:
        """Count the jobs that are still to be asked for."""
        return max(0, (self.expected or 0) - len(self.earlier) - len(jobs))

    def _times(self, jobs: Sequence[Job], at_once: int) -> str:
        elapsed = _shown(time.monotonic() - self._began)
        if self._why:
            return f"  {elapsed}, stopping"
        left = seconds_left(jobs, at_once)
        shown = f"  {elapsed}" + (f", about {_shown(left)} left" if left is not None else "")
        speed = self._speed.updates_a_second()
        return f"{shown}, {speed:,.0f} run-updates/s" if speed else shown


class _Speed:
    """How many updates all runs of a sweep make in a second, together with all else that they do."""

    def __init__(self) -> None:
        self._began: dict[str, int] = {}
        self._totals: deque[tuple[float, int]] = deque()

    def note(self, jobs: Sequence[Job], now: float) -> None:
        """Take in how far they are."""
        total = 0
        for job in jobs:
            step = job.progress.get("step")
            if step is None:
                continue
            if job.done and job.result is not None:
                step = max(step, job.result["steps"])
            total += step - self._began.setdefault(job.run_id, step)
        self._totals.append((now, total))
        while len(self._totals) > 2 and self._totals[1][0] <= now - _SPEED_SECONDS:
            self._totals.popleft()

    def updates_a_second(self) -> float | None:
        """Give the speed of the last seconds; None while it is not known."""
        if len(self._totals) < 2:
            return None
        (begun, before), (now, after) = self._totals[0], self._totals[-1]
        return (after - before) / (now - begun) if after > before and now > begun else None


def tally(jobs: Sequence[Job], more: int = 0) -> str:
    """Count jobs by where they stand, and `more` that are not known yet."""
    count = Counter(job.state for job in jobs)
    done = sum(job.done for job in jobs)
    parts = [
        f"{done} done ({count[SOLVED]} solved)",
        f"{count[RUNNING]} running",
        f"{count[FAILED]} failed",
        f"{count[LEFT] + count[STOPPED] + more} left",
    ]
    if count[ELSEWHERE]:
        parts.insert(2, f"{count[ELSEWHERE]} in another process")
    return f"{number(len(jobs) + more)}: {', '.join(parts)}"


def ending(job: Job) -> str:
    """Say in a line or two what became of a job."""
    if job.state == ELSEWHERE:
        return f"WAITING    {job.label}: {job.error}"
    if job.state == FAILED:
        return f"FAILED     {job.label}: {job.error}\n           {where_to_look(job)}"
    assert job.result is not None
    outcome = outcome_of(job.result)
    word = outcome.exhausted if job.state == EXHAUSTED else job.state.upper()
    best = shown(outcome.best).strip()
    text = f"{word:<10} {job.label}: best held-out {outcome.label} {best}, {job.result['steps']:,} updates"
    return text if job.seconds is None else f"{text}, {_shown(job.seconds)}"


def where_to_look(job: Job) -> str:
    """Name what has the traceback of a failed job, where it got so far."""
    log = RunDirectory(job.folder).log
    return str(log) if log.exists() else f"{job.folder} was not begun"


def seconds_left(jobs: Sequence[Job], at_once: int) -> float | None:
    """Estimate from the jobs that ended, or else from the budgets of those that run.

    A job that runs for longer than those that ended is expected to take as long again, or up to its
    budget: jobs that diverge at once say nothing about those that do not.
    """
    ended = [job.seconds for job in jobs if job.done and job.seconds is not None]
    running = [job for job in jobs if job.state == RUNNING]
    now = time.monotonic()
    bounds = [_budget_left(job) for job in running]
    passed = [now - (job.began or now) for job in running]
    again = [p if b is None else min(p, b) for p, b in zip(passed, bounds, strict=True)]
    if ended:
        usual = sum(ended) / len(ended)
        longer = [p + a for p, a in zip(passed, again, strict=True) if p > usual]
        typical = (sum(ended) + sum(longer)) / (len(ended) + len(longer))
    elif running and all(bound is not None for bound in bounds):
        typical = sum(p + (b or 0) for p, b in zip(passed, bounds, strict=True)) / len(running)
        usual = float("inf")
    else:
        return None
    rest = [
        a if p > usual else min(max(typical - p, 0), float("inf") if b is None else b)
        for p, a, b in zip(passed, again, bounds, strict=True)
    ]
    waiting = sum(job.state == LEFT for job in jobs)
    return max([(sum(rest) + waiting * typical) / at_once, *rest])


def _budget_left(job: Job) -> float | None:
    progress = job.progress
    if not progress.get("rate") or not progress.get("total"):
        return None
    return float((progress["total"] - progress["step"]) / progress["rate"])


def _cells(job: Job) -> list[str]:
    progress = job.progress
    if not progress:
        return ["starting", "", "", "", ""]
    total = f" / {progress['total']:,}" if progress.get("total") else ""
    left = _budget_left(job)
    return [
        f"{progress['step']:,}{total}",
        shown(progress.get("train_loss")).strip(),
        shown(progress.get("test_loss")).strip(),
        f"{progress['rate']:,.0f}" if progress.get("rate") else "",
        "" if left is None else _shown(left),
    ]


def _table(running: Sequence[Job], width: int) -> Any:
    """Draw running jobs: what has no room is left out, a whole column at a time, and no number is cut."""
    from rich.table import Table
    from rich.text import Text

    rows = [[job.label, *_cells(job)] for job in running]
    columns = [list(column) for column in zip(_HEADS, *rows, strict=True)]
    if sum(max(map(len, column)) + 1 for column in columns) > width:
        columns[1] = [cell.partition(" / ")[0] for cell in columns[1]]
    widest = [max(column, key=len) for column in columns]
    kept = fitting(widest, (4, 2), width)
    if sum(len(widest[place]) + 1 for place in kept) - 1 > width:
        widest[0] = widest[0][:_LABEL_WIDTH]  # and folded into several lines
        kept = fitting(widest, (4, 2, 5, 3), width)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for place in kept:
        name = _HEADS[place]
        if place == 0:
            table.add_column(name, overflow="fold", ratio=1)
        else:
            table.add_column(name, justify="right", no_wrap=True, min_width=len(widest[place]))
    for row in zip(*(columns[place][1:] for place in kept), strict=True):
        table.add_row(*map(Text, row))
    return table


def _numbers(job: Job) -> str:
    cells = _cells(job)
    return f"update {cells[0]}, held-out {cells[2]}" if job.progress else cells[0]


def _shown(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def number(jobs: int) -> str:
    """Write how many jobs."""
    return f"{jobs} job{'' if jobs == 1 else 's'}"
