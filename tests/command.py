"""Start the command in the background and see how far its run has come."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from irnn.runs.metrics import read_records
from tests import warm
from tests.conftest import SMALL

LONG = (*SMALL, "budget.updates=2000", "evaluate.every=50", "stop.test_mse=null")
ENDLESS = "budget.updates=10000000"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def folders(tmp_path: Path) -> list[Path]:
    return sorted(path for path in (tmp_path / "runs").glob("irnn*"))


def start(tmp_path: Path, *arguments: str) -> warm.Started:
    reader, writer = os.pipe()
    shown = os.fdopen(reader, encoding="utf-8")
    try:
        return warm.launch(
            "irnn.train", [*arguments], tmp_path, dict(os.environ), writer, writer, shown
        )
    finally:
        os.close(writer)


def wait_until(happened: Callable[[], Any], what: str, seconds: float = 90) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.02)


def wait_for_step(tmp_path: Path, step: int) -> None:
    """Wait until a run of the folder has a record of an update >= step."""

    def reached() -> bool:
        return any(
            record["step"] >= step
            for folder in folders(tmp_path)
            for record in read_records(folder / "metrics.jsonl")
        )

    wait_until(reached, f"a record of update {step}")


def sessions(folder: Path) -> list[Any]:
    """What a run's provenance says of each time that it was started."""
    found: list[Any] = json.loads((folder / "provenance.json").read_text())["sessions"]
    return found


def timeless(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what a clock says."""
    clocked = ("seconds", "steps_per_second")
    return [{key: record[key] for key in record if key not in clocked} for record in records]


def checkpoint_weights(folder: Path) -> dict[str, Any]:
    """Give the weights of a run's last checkpoint as lists, which compare exactly."""
    content = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)
    return {name: tensor.tolist() for name, tensor in content["weights"]["model"].items()}
