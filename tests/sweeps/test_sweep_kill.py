"""A sweep that is killed again and again ends as one that never was."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from irnn.runs.metrics import read_records
from tests.command import sessions
from tests.conftest import SMALL

JOBS = (
    *SMALL[1:],
    "budget.updates=200",
    "evaluate.every=50",
    "checkpoint.every=20",
    "stop.test_mse=null",
    "optim=adam,sgd",
    "seq_len=10,12,14,16",
    "seed=0,1,2",
)


def ask(place: Path, at_once: int, *more: str) -> "subprocess.Popen[bytes]":
    place.mkdir(exist_ok=True)
    with (place / "out.txt").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "irnn.train", "-m", *JOBS, f"sweep.jobs={at_once}", *more],
            cwd=place,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def finished(place: Path) -> list[Path]:
    return sorted(path.parent for path in place.glob("runs/irnn*/result.json"))


def outcome(folder: Path) -> tuple[Any, ...]:
    records = read_records(folder / "metrics.jsonl")
    for record in records:
        del record["seconds"], record["steps_per_second"]
    result = json.loads((folder / "result.json").read_text())
    weights = torch.load(folder / "checkpoints" / "last.pt", weights_only=True)["weights"]["model"]
    keys = ("status", "steps", "test_mse", "best_test_mse", "solved_at", "divergences")
    return records, [result[key] for key in keys], {k: v.tolist() for k, v in weights.items()}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("at_once", [1, 2])
def test_a_sweep_killed_three_times_ends_as_one_that_was_not(tmp_path: Path, at_once: int) -> None:
    seed = time.time_ns() % 10**6
    print(f"kill moments drawn with seed {seed}")  # shown when the test fails
    moments = random.Random(seed)
    place = tmp_path / "killed"
    finished_at_kill: dict[str, int] = {}
    for goal in sorted(moments.sample(range(1, 22), 3)):
        sweep = ask(place, at_once)
        while len(finished(place)) < goal and sweep.poll() is None:
            time.sleep(0.02)
        time.sleep(moments.uniform(0, 1))
        os.killpg(sweep.pid, signal.SIGKILL)
        sweep.wait()
        for folder in finished(place):
            finished_at_kill.setdefault(folder.name, len(sessions(folder)))
    assert ask(place, at_once).wait(timeout=250) == 0, (place / "out.txt").read_text()
    undisturbed = tmp_path / "undisturbed"
    assert ask(undisturbed, 2).wait(timeout=250) == 0, (undisturbed / "out.txt").read_text()
    assert len(finished(place)) == len(finished(undisturbed)) == 24
    for ours, theirs in zip(finished(place), finished(undisturbed), strict=True):
        assert ours.name == theirs.name
        assert outcome(ours) == outcome(theirs)
    for name, count in finished_at_kill.items():
        assert len(sessions(place / "runs" / name)) == count, name
    assert finished_at_kill
    (record,) = place.glob("runs/.sweeps/*/sweep.json")
    assert len(json.loads(record.read_text())["jobs"]) == 24
