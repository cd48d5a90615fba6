"""Where the runs came from, and a warning wherever pooling or comparing them would mislead."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from irnn.reporting.run import Loaded, Run
from irnn.reporting.settings import show
from irnn.reporting.text import counted, printable
from irnn.runs.layout import PLACES, SWEEP_SCHEMA

_MIXED: dict[str, str] = {
    "schema": "results of different schema numbers may mean different things by the same name",
    "kernel": "kernels agree only to rounding, and their speeds are not comparable",
    "instruction_set": "they sum in different orders: the same seed is another draw",
    "kernel_compiler": "compilers sum in different orders: the same seed is another draw",
    "device": "devices agree only to rounding, and their speeds are not comparable",
    "dtype": "number formats change both results and speeds",
    "commit": "the code changed between runs",
    "torch": "results may differ between versions",
}
_FORMS = {"data": "fixed and fresh data are different tasks: only a fixed set can be overfitted"}
_ANOTHER_FORM = "these are different forms of the task, whose scores do not compare"
_OF_ANY_TASK = {"name", "source", "seq_len", "train_size", "test_size"}
_TASK, _FACTS = "task.", "facts."
"""Before the settings of a task, and before what it says of itself in provenance.json."""

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
    readers = {**_READERS, **_settings_of_tasks(runs), **_facts_of_tasks(runs)}
    counted = {fact: _count(runs, read) for fact, read in readers.items()}
    return {fact: counts for fact, counts in counted.items() if set(counts) - {_UNTOLD}}


def _settings_of_tasks(runs: Iterable[Run]) -> dict[str, Reader]:
    """Find the settings that say which form of its task a run has, whatever they are called."""
    keys = dict.fromkeys(key for run in runs for key in run.settings if key.startswith(_TASK))
    others = _OF_ANY_TASK | {key.removeprefix(_TASK) for key in PLACES}
    return {
        _unlike_others(key, name): _setting(key)
        for key in keys
        if (name := key.removeprefix(_TASK)) not in others
    }


def _facts_of_tasks(runs: Iterable[Run]) -> dict[str, Reader]:
    """Find what tasks said of themselves, `Task.facts`, but for where files lie, which differs by machine."""
    keys = dict.fromkeys(
        key
        for run in runs
        for session in (run.provenance, *run.later)
        for key, value in session.items()
        if key.startswith(_FACTS) and not _names_a_place(str(value), run)
    )
    return {_unlike_others(key, key.removeprefix(_FACTS)): _from(key) for key in keys}


def _names_a_place(text: str, run: Run) -> bool:
    places = (str(run.settings.get(key) or "") for key in PLACES)
    return any(place and place in text for place in places)


def _unlike_others(key: str, name: str) -> str:
    """Name what a task says: by its whole key, where its name is that of a fact of every run ("kernel")."""
    return key if name in _READERS else name


def _count(runs: Sequence[Run], read: Reader) -> Counter[str]:
    counts = Counter(value for run in runs for value in read(run))
    return Counter({value or _UNTOLD: n for value, n in counts.items()})


def warnings(loaded: Loaded) -> list[str]:
    """Say what is mixed, uncommitted, restarted or skipped, in one line each."""
    facts = census(loaded.runs)
    lines = []
    mixed = [(fact, reason, [facts.get(fact, Counter())]) for fact, reason in _MIXED.items()]
    for fact, read in _settings_of_tasks(loaded.runs).items():
        mixed.append((fact, _FORMS.get(fact, _ANOTHER_FORM), _pooled(loaded.runs, read)))
    for fact, reason, of_each in mixed:
        for counts in of_each:
            values = {value: n for value, n in counts.items() if value != _UNTOLD}
            if len(values) > 1:
                mix = ", ".join(
                    f"{_short(fact, value)} ({counted(n, 'run')})" for value, n in values.items()
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
                f"{counted(count, 'run')} ran slower than necessary: {reason.removeprefix('slow: ')}."
            )
    dirty = facts.get("dirty", Counter())["true"]
    if dirty:
        were = "was" if dirty == 1 else "were"
        lines.append(
            f"{counted(dirty, 'run')} {were} made with uncommitted changes: no commit reproduces them."
        )
    recovered = sum(run.restarts > 0 for run in loaded.runs)
    if recovered:
        lines.append(
            f"{counted(recovered, 'run')} went on after a divergence, rolled back or restarted; "
            "they count by how they ended, not by how they began."
        )
    for skipped in loaded.skipped:
        lines.append(f"Skipped {skipped.path.name}: {skipped.reason}.")
    return [printable(line) for line in (*lines, *(f"{note}." for note in loaded.notes))]


def _pooled(runs: Sequence[Run], read: Reader) -> list[Counter[str]]:
    """Count the values of a setting among the runs of each task: those of two tasks are never pooled."""
    tasks: dict[tuple[str, str, bool], list[Run]] = {}
    for run in runs:
        tasks.setdefault(run.scoring.kind, []).append(run)
    return [_count(part, read) for part in tasks.values()]


def _short(fact: str, value: str) -> str:
    return value[:10] if fact == "commit" else value
