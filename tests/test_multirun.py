"""Sweeps through Hydra's own launcher."""

import json
import signal
from pathlib import Path

from irnn.runs.metrics import read_records
from irnn.sweeps.job import DIVERGED_OBJECTIVE, objective
from tests.command import LONG, folders, start, wait_for_step
from tests.conftest import SMALL, Cli
from tests.training.test_divergence import EXPLODING


def test_a_multirun_of_two_jobs_makes_two_folders_and_two_wandb_runs(
    cli: Cli, tmp_path: Path
) -> None:
    finished = cli("train", "-m", *SMALL, "tracker=wandb", "seq_len=12,13", "clip=5")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    both = folders(tmp_path)
    assert [json.loads((f / "result.json").read_text())["seq_len"] for f in both] == [12, 13]
    offline = [list((folder / "wandb").glob("offline-run-*")) for folder in both]
    assert [len(runs) for runs in offline] == [1, 1]
    assert offline[0][0].name.split("irnn")[1] != offline[1][0].name.split("irnn")[1]
    for folder in both:
        mirrored = json.loads(next((folder / "wandb").glob("*.mirrored.json")).read_text())[
            "records"
        ]
        assert mirrored == len(read_records(folder / "metrics.jsonl"))


def test_a_busy_job_does_not_stop_the_others_of_a_sweep(cli: Cli, tmp_path: Path) -> None:
    with start(tmp_path, *LONG, "budget.updates=100000") as process:
        wait_for_step(tmp_path, 50)
        sweep = cli("train", "-m", *LONG, "budget.updates=100000,60")
        process.terminate()
        process.communicate(timeout=120)
    assert sweep.returncode == 1
    assert "is being trained by process" in sweep.stderr
    assert "1 of 2 jobs failed" in sweep.stderr
    assert "Traceback" not in sweep.stderr
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 1


def test_a_sweep_ends_when_one_of_its_jobs_is_interrupted(tmp_path: Path) -> None:
    with start(tmp_path, "-m", *LONG, "budget.updates=100000,100001") as process:
        wait_for_step(tmp_path, 50)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 143, output
    assert "Traceback" not in output
    assert len(folders(tmp_path)) == 1


def test_a_diverged_job_is_a_result_of_a_sweep(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "-m", *SMALL, *EXPLODING, "clip=100,1e-3")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = [json.loads((f / "result.json").read_text()) for f in folders(tmp_path)]
    assert {result["status"] for result in results} == {"diverged", "exhausted"}


def test_a_sweeper_is_told_a_finite_number_whatever_happened() -> None:
    assert objective({"status": "solved", "best_test_mse": 0.001}) == 0.001
    assert objective({"status": "diverged", "best_test_mse": 0.1}) == DIVERGED_OBJECTIVE
    assert objective({"status": "exhausted", "best_test_mse": None}) == DIVERGED_OBJECTIVE
