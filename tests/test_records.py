"""What the README claims about success rates can be recomputed from the records."""

import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from irnn.composition import to_config
from irnn.reporting.statistics import wilson
from irnn.runs.identity import run_id

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "docs" / "records" / "2026-11-24-default-and-fast"
LATER = RECORD.with_name("2026-11-24-long")


def read(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (record / "results.jsonl").read_text().splitlines()]


ROWS = read(RECORD)
LABELS = {
    "default": "| default: identity |",
    "fast": "| `experiment=fast`",
    "paper_std": "| the paper's",
}


def group(name: str, page: Path) -> list[dict[str, Any]]:
    """The runs behind a row of a page; fast has a newer record, which the README is about."""
    if name == "fast" and page.parent == ROOT:
        words = ("experiment=fast", "task.seq_len=150", "task.marks=anywhere")
        return [row for row in read(LATER) if all(word in row["command"] for word in words)]
    return [row for row in ROWS if row["group"] == name]


def cells(page: Path, label: str) -> list[str]:
    (line,) = [line for line in page.read_text().splitlines() if line.startswith(label)]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", RECORD / "README.md"], ids=lambda p: p.parent.name
)
@pytest.mark.parametrize("name", LABELS)
def test_the_table_of_success_rates_can_be_recomputed(page: Path, name: str) -> None:
    runs = group(name, page)
    solved = sum(run["status"] == "solved" for run in runs)
    interval_of = wilson(solved, len(runs))
    _, _, rate, interval, diverged, *updates = cells(page, LABELS[name])
    assert rate == f"{solved} of {len(runs)}"
    assert interval == f"{100 * interval_of.low:.0f}-{100 * interval_of.high:.0f} %"
    assert diverged == str(sum(run["status"] == "diverged" for run in runs))
    for shown, threshold in zip(updates, ("0.05", "0.01", "0.001"), strict=False):
        crossed = [run["solved_at"][threshold] or float("inf") for run in runs]
        assert shown == f"{statistics.median(crossed):,.0f}"
    slowest = [run["solved_at"]["0.001"] for run in runs]
    assert updates[3] == ("never" if None in slowest else f"{max(slowest):,}")


def test_every_seed_of_the_readme_is_in_the_record() -> None:
    page = ROOT / "README.md"
    by_seed = {run["seed"]: run for run in group("default", page)}
    _, *shown = cells(page, "| default |")
    assert shown == [f"{by_seed[seed]['solved_at']['0.001']:,}" for seed in range(10)]


def test_the_recorded_runs_have_the_ids_of_their_configurations() -> None:
    for row in ROWS:
        assert run_id(to_config(OmegaConf.create(row["config"]))) == row["run_id"]
