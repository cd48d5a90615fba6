"""One row per run, as CSV and, where pyarrow is installed, as Parquet."""

import csv
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TextIO

from irnn.reporting.goals import name_of
from irnn.reporting.run import Run
from irnn.reporting.scoring import UNKNOWN
from irnn.reporting.settings import Value
from irnn.reporting.text import printable
from irnn.runs.files import json_ready
from irnn.system.table_cells import neutral

PARQUET_REMEDY = "summary.parquet skipped: it needs pyarrow (pip install 'irnn[report]')"


def rows(runs: Sequence[Run], asked: str | None = None) -> list[dict[str, Value]]:
    """Flatten every run: results first, then its settings under their full keys, then provenance.

    An update count of a threshold never crossed, and a loss that is not finite, is None. `asked` is a
    threshold beside the usual ones. Where some run is of another task than the adding problem, the metric has
    columns of its own for all.
    """
    recorded = [name for run in runs for name in run.scoring.thresholds]
    thresholds = dict.fromkeys((*recorded, *([asked] if asked else [])))
    others = any(run.scoring.kind != UNKNOWN.kind for run in runs)
    table = []
    for run in runs:
        row: dict[str, Value] = {
            "run_id": run.run_id,
            "status": run.status,
            "seed": run.seed,
            "steps": run.steps,
            "seconds": run.seconds,
            "steps_per_second": run.steps_per_second,
            **_scores(run),
        }
        if others:
            row.update(metric=run.scoring.name, better=run.scoring.better)
            row.update(value=run.value, best_value=run.best_value)
        row.update({f"updates_to_{name}": run.solved_at.get(name) for name in thresholds})
        row["updates_to_goal"] = None if run.goal is None else run.solved_at.get(name_of(run.goal))
        row.update(restarts=run.restarts, divergences=len(run.divergences), schema=run.schema)
        row.update({f"config.{key}": value for key, value in run.settings.items()})
        row.update({f"provenance.{key}": value for key, value in run.provenance.items()})
        row["folder"] = printable(str(run.path))
        table.append(json_ready(row))
    return table


def _scores(run: Run) -> dict[str, Value]:
    suffix = run.scoring.suffix
    best = {"best_test_mse": run.best_value} if suffix == "mse" else {}
    return {f"test_{suffix}": run.test_loss, **best, f"train_{suffix}": run.train_loss}


def write_csv(table: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the rows into a file of their own."""
    with path.open("w", newline="", encoding="utf-8") as file:
        put_csv(table, file)


def put_csv(table: Sequence[Mapping[str, Any]], file: TextIO, line_end: str = "\r\n") -> None:
    """Write the rows as CSV; None is an empty field, and text is no formula to a spreadsheet."""
    names = list(dict.fromkeys(name for row in table for name in row))
    writer = csv.DictWriter(file, names, lineterminator=line_end)
    writer.writerow({name: neutral(name) for name in names})
    writer.writerows({name: neutral(value) for name, value in row.items()} for row in table)


def can_write_parquet() -> bool:
    """Whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


def write_parquet(table: Sequence[dict[str, Value]], path: Path) -> None:
    """Write the rows as Parquet; a column of mixed types (clip: 1.0, "none") becomes text."""
    pyarrow = import_module("pyarrow")
    parquet = import_module("pyarrow.parquet")

    names = dict.fromkeys(name for row in table for name in row)
    columns = {name: _column([row.get(name) for row in table]) for name in names}
    parquet.write_table(pyarrow.table(columns), path)


def _column(values: list[Value]) -> list[Value]:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        return [None if v is None else float(v) for v in values] if float in kinds else values
    return values if len(kinds) == 1 else [None if v is None else str(v) for v in values]
