"""Where the runs came from, and a warning wherever pooling or comparing them would mislead."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from irnn.reporting.run import Loaded, Run
from irnn.reporting.settings import show
from irnn.reporting.text import printable
from irnn.runs.layout import SWEEP_SCHEMA

_MIXED: dict[str, str] = {
    "schema": "results of different schema numbers may mean different things by the same name",
    "marks": "where the marks lie changes how hard the task is; published numbers differ by it",
    "data": "fixed and fresh data are different tasks: only a fixed set can be overfitted",
    "kernel": "kernels agree only to rounding, and their speeds are not comparable",
    "instruction_set": "they sum in different orders: the same seed is another draw",
    "kernel_compiler": "compilers sum in different orders: the same seed is another draw",
    "device": "devices agree only to rounding, and their speeds are not comparable",
    "dtype": "number formats change both results and speeds",
    "commit": "the code changed between runs",
    "torch": "results may differ between versions",
}
_OF_A_TASK = ("marks", "data")
"""Settings of a task: that two tasks differ in them misleads no reader."""


_UNTOLD = "not recorded"

Reader = Callable[[Run], Iterable[str]]
"""Gives the values that a fact has in a run: one, or more where its sessions differ."""


def _from(key: str, fallback: str = "") -> Reader:
    def read(run: Run) -> Iterable[str]:
        default = run.settings.get(fallback) if fallback else None
        values = (session.get(key, default) for session in (run.provenance, *run.later))
        return dict.fromkeys("" if value is None else show(value) for value in values)

    return read


def _setting(key: str) -> Reader:
    def read(run: Run) -> Iterable[str]:
        return [show(run.settings[key]) if key in run.settings else ""]

    return read


_READERS: dict[str, Reader] = {
    "schema": lambda run: [run.schema],
    "task": _setting("task.name"),
    "marks": _setting("task.marks"),
    "data": _setting("task.data"),
    "permutation": _from("facts.permutation"),
    "kernel": _from("kernel", "runtime.kernel"),
    "instruction_set": _from("instruction_set"),
    "kernel_compiler": _from("kernel_compiler"),
    "slow_because": _from("slow_because"),
    "device": _from("device", "runtime.device"),
    "dtype": _from("dtype", "runtime.dtype"),
    "threads": _from("threads", "runtime.threads"),
    "commit": _from("git.commit"),
    "dirty": _from("git.dirty"),
    "irnn": _from("versions.irnn"),
    "torch": _from("versions.torch"),
    "python": _from("versions.python"),
    "host": _from("machine.hostname"),
    "cpu": _from("machine.cpu"),
    "cores": _from("machine.cores"),
    "platform": _from("machine.platform"),
}


def census(runs: Sequence[Run]) -> dict[str, Counter[str]]:
    """Count the runs by each fact of their provenance; a fact that no run recorded is left out.

    A run that was continued elsewhere counts for each of its places.
    """
    counted = {fact: _count(runs, fact) for fact in _READERS}
    return {fact: counts for fact, counts in counted.items() if set(counts) - {_UNTOLD}}


def _count(runs: Sequence[Run], fact: str) -> Counter[str]:
    read = _READERS[fact]
    counts = Counter(value for run in runs for value in read(run))
    return Counter({value or _UNTOLD: n for value, n in counts.items()})


def warnings(loaded: Loaded) -> list[str]:
    """Say what is mixed, uncommitted, restarted or skipped, in one line each."""
    facts = census(loaded.runs)
    lines = []
    for fact, reason in _MIXED.items():
        for counts in (
            _pooled(loaded.runs, fact) if fact in _OF_A_TASK else [facts.get(fact, Counter())]
        ):
            values = {value: n for value, n in counts.items() if value != _UNTOLD}
            if len(values) > 1:
                mix = ", ".join(
                    f"{_short(fact, value)} ({_runs(n)})" for value, n in values.items()
                )
                lines.append(f"Mixed {fact.replace('_', ' ')}: {mix}; {reason}.")
    if loaded.sweep is not None and loaded.sweep.schema != str(SWEEP_SCHEMA):
        lines.append(
            f"The file of sweep {loaded.sweep.name} has schema {loaded.sweep.schema}, and this "
            f"report knows {SWEEP_SCHEMA}: runs may be missing."
        )
    slow = facts.get("slow_because", Counter())
    for reason, count in slow.items():
        if reason and reason != _UNTOLD:
            lines.append(
                f"{_runs(count)} ran slower than necessary: {reason.removeprefix('slow: ')}."
            )
    dirty = facts.get("dirty", Counter())["true"]
    if dirty:
        were = "was" if dirty == 1 else "were"
        lines.append(
            f"{_runs(dirty)} {were} made with uncommitted changes: no commit reproduces them."
        )
    recovered = sum(run.restarts > 0 for run in loaded.runs)
    if recovered:
        lines.append(
            f"{_runs(recovered)} went on after a divergence, rolled back or restarted; "
            "they count by how they ended, not by how they began."
        )
    for skipped in loaded.skipped:
        lines.append(f"Skipped {skipped.path.name}: {skipped.reason}.")
    return [printable(line) for line in (*lines, *(f"{note}." for note in loaded.notes))]


def _pooled(runs: Sequence[Run], fact: str) -> list[Counter[str]]:
    """Count the values of a fact among the runs of each task: those of two tasks are never pooled."""
    tasks: dict[tuple[str, str, bool], list[Run]] = {}
    for run in runs:
        tasks.setdefault(run.scoring.kind, []).append(run)
    return [_count(part, fact) for part in tasks.values()]


def _short(fact: str, value: str) -> str:
    return value[:10] if fact == "commit" else value


def _runs(number: int) -> str:
    return f"{number} run{'s' * (number != 1)}"
