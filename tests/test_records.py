"""What the first record's page claims about success rates can be recomputed from it."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from irnn.reporting.statistics import wilson
from irnn.runs.identity import run_id
from irnn.spec.composition import to_config

RECORD = Path(__file__).parents[1] / "docs" / "records" / "2026-11-24-default-and-fast"
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (RECORD / "results.jsonl").read_text().splitlines()
]
LABELS = {
    "default": "| default: identity |",
    "fast": "| `experiment=fast`",
    "paper_std": "| the paper's",
}


def cells(label: str) -> list[str]:
    page = (RECORD / "README.md").read_text().splitlines()
    (line,) = [line for line in page if line.startswith(label)]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("name", LABELS)
def test_the_table_of_success_rates_can_be_recomputed(name: str) -> None:
    runs = [row for row in ROWS if row["group"] == name]
    solved = sum(run["status"] == "solved" for run in runs)
    interval_of = wilson(solved, len(runs))
    _, _, rate, interval, diverged, *updates = cells(LABELS[name])
    assert rate == f"{solved} of {len(runs)}"
    assert interval == f"{100 * interval_of.low:.0f}-{100 * interval_of.high:.0f} %"
    assert diverged == str(sum(run["status"] == "diverged" for run in runs))
    for shown, threshold in zip(updates, ("0.05", "0.01", "0.001"), strict=False):
        crossed = [run["solved_at"][threshold] or float("inf") for run in runs]
        assert shown == f"{statistics.median(crossed):,.0f}"
    slowest = [run["solved_at"]["0.001"] for run in runs]
    assert updates[3] == ("never" if None in slowest else f"{max(slowest):,}")


def test_the_recorded_runs_have_the_ids_of_their_configurations() -> None:
    for row in ROWS:
        assert run_id(to_config(OmegaConf.create(row["config"]))) == row["run_id"]
