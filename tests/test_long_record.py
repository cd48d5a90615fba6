"""What docs/long_sequences.md says can be recomputed from its record."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from irnn.runs.identity import run_id
from irnn.spec.options import plain
from irnn.spec.typed import config_of
from tests.record_scripts import RECORDS, script

ROOT = Path(__file__).parents[1]
tables = script("tables")
PAGE = (ROOT / "docs" / "long_sequences.md").read_text().splitlines()
RUNS = [
    json.loads(line)
    for line in (RECORDS / "2026-11-24-long" / "results.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("kind", ["ladder", "ablations"])
def test_every_row_of_the_tables_is_on_the_page(kind: str) -> None:
    rows = getattr(tables, kind)(RUNS)
    assert len(rows) > 5
    assert [row for row in rows if row not in PAGE] == []


def test_the_tables_count_what_the_curves_show() -> None:
    """A check of the table's own arithmetic, from the curves and not from what the runs said."""
    runs = [
        run
        for run in RUNS
        if run["seq_len"] == 1000
        and run["config"]["task"] == {**run["config"]["task"], "marks": "anywhere"}
        and run["config"]["task"]["test_size"] == 10_000
    ]
    first = [next(step for step, mse in run["curve"] if mse < 0.01) for run in runs]
    (row,) = [line for line in PAGE if line.startswith("| 1,000 | anywhere | 100 |")]
    assert f"| {len(runs)} of {len(runs)} |" in row
    assert f"| {statistics.median(first):,.0f} / {max(first):,} |" in row


def test_the_recorded_runs_have_the_ids_of_their_configurations() -> None:
    for run in RUNS:
        assert run_id(config_of(run["config"])) == run["run_id"]


def without_nulls(section: Any) -> Any:
    """Leave out settings that other options of the group have: older files had them as null."""
    return (
        {key: value for key, value in section.items() if value is not None}
        if isinstance(section, dict)
        else section
    )


def test_the_recorded_runs_are_the_recipe_of_the_presets() -> None:
    from irnn.spec.composition import compose_config

    composed: dict[tuple[str, int], dict[str, Any]] = {}
    for run in RUNS:
        preset = next(word for word in run["command"].split() if word.startswith("experiment="))
        if run["config"]["task"]["test_size"] == 10_000:
            asked = preset, run["seq_len"]
            if asked not in composed:
                composed[asked] = plain(compose_config([preset, f"seq_len={run['seq_len']}"]))
            today = composed[asked]
            for section in ("init", "optim", "clip", "budget", "batch_size"):
                recorded = without_nulls(run["config"][section])
                assert recorded == without_nulls(today[section]), run["run_id"]


def test_no_seed_is_left_out() -> None:
    seeds: dict[str, list[int]] = {}
    for run in RUNS:
        words = [word for word in run["command"].split() if not word.startswith("seed=")]
        seeds.setdefault(" ".join(words), []).append(run["seed"])
    assert len(seeds) > 20
    for command, found in seeds.items():
        assert sorted(found) == list(range(20, 20 + len(found))), command
