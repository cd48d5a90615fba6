"""Start the command in the background and see how far its run has come."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from irnn.runs.metrics import read_records
from tests.conftest import SMALL

LONG = (*SMALL, "budget.updates=2000", "evaluate.every=50", "stop.test_mse=null")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def folders(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "runs").glob("irnn*"))


def start(tmp_path: Path, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "irnn.train", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for_step(tmp_path: Path, step: int) -> None:
    """Wait until the only run of the folder has a record of an update >= step."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for folder in folders(tmp_path):
            if any(record["step"] >= step for record in read_records(folder / "metrics.jsonl")):
                return
        time.sleep(0.01)
    raise AssertionError("the run did not get that far in a minute")


def timeless(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what a clock says."""
    clocked = ("seconds", "steps_per_second")
    return [{key: record[key] for key in record if key not in clocked} for record in records]


def checkpoint_weights(folder: Path) -> dict[str, Any]:
    """Give the weights of a run's last checkpoint as lists, which compare exactly."""
    content = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    return {name: tensor.tolist() for name, tensor in content["weights"]["model"].items()}
