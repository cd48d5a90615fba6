"""The tables of docs/long_sequences.md, from its record: python docs/records/tables.py results.jsonl"""

import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from irnn.reporting.statistics import wilson

Run = dict[str, Any]
THRESHOLDS = ("0.05", "0.01", "0.001")
BASE = ("python", "-m", "irnn.train", "task.", "seed=", "stop.min_updates=")
"""Words of a command that an ablation shares with what it is compared to."""


def read(path: Path) -> list[Run]:
    """Read a record."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def crossings(runs: list[Run], threshold: str) -> str:
    """Give median and slowest first update below a threshold; a run that never was is later than any."""
    updates = [run["solved_at"][threshold] or float("inf") for run in runs]
    middle, last = statistics.median(updates), max(updates)
    return " / ".join("never" if u == float("inf") else f"{u:,.0f}" for u in (middle, last))


def cells(runs: list[Run]) -> list[str]:
    """Count the runs below 0.01, with Wilson's interval, and say when they were and how they ended."""
    solved = sum(run["solved_at"]["0.01"] is not None for run in runs)
    interval = wilson(solved, len(runs))
    held = sum(run["status"] == "solved" for run in runs)
    worst = max(float("inf") if run["status"] == "diverged" else run["test_mse"] for run in runs)
    return [
        f"{solved} of {len(runs)}",
        f"{100 * interval.low:.0f}-{100 * interval.high:.0f} %",
        *(crossings(runs, threshold) for threshold in THRESHOLDS),
        f"{held} of {len(runs)}",
        "diverged" if worst == float("inf") else f"{worst:.5f}",
    ]


def ladder(runs: list[Run]) -> list[str]:
    """One row for each length, mark rule and size of the recipe as it is."""
    groups: dict[tuple[int, str, int], list[Run]] = defaultdict(list)
    for run in runs:
        task = run["config"]["task"]
        if task["test_size"] == 10_000:
            groups[task["seq_len"], task["marks"], run["config"]["model"]["hidden_size"]].append(
                run
            )
    return [
        row([f"{steps:,}", marks, str(units), *cells(group)])
        for (steps, marks, units), group in sorted(groups.items(), key=lambda item: item[0])
    ]


def ablations(runs: list[Run]) -> list[str]:
    """One row for each change to the recipe, at 2 000 held-out sequences."""
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run["config"]["task"]["test_size"] == 2_000:
            words = [w for w in run["command"].split() if not w.startswith(BASE)]
            groups[" ".join(word for word in words if word != "experiment=long")].append(run)
    return [
        row([f"`{change}`" if change else "the recipe", *cells(group)])
        for change, group in sorted(groups.items())
    ]


def row(values: list[str]) -> str:
    """Write one line of a table."""
    return f"| {' | '.join(values)} |"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Write a table, line by line."""
    return [row(list(line)) for line in (heads, ["---"] * len(heads), *rows)]


if __name__ == "__main__":
    record = read(Path(sys.argv[1]))
    print("\n".join([*ladder(record), "", *ablations(record)]))
