"""Sweeps as their users meet them."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from irnn.runs.metrics import read_records
from irnn.sweeps.job import DIVERGED_OBJECTIVE, objective
from tests.command import (
    ENDLESS,
    LONG,
    folders,
    names,
    sessions,
    start,
    wait_for_step,
    wait_until,
)
from tests.conftest import SMALL, Cli
from tests.training.test_divergence import EXPLODING


def record(tmp_path: Path) -> Any:
    (found,) = (tmp_path / "runs" / ".sweeps").glob("*/sweep.json")
    return json.loads(found.read_text())


def test_a_sweep_of_two_jobs_makes_two_folders_and_two_wandb_runs_of_one_group(
    here: Cli, tmp_path: Path
) -> None:
    asked = ("-m", *SMALL, "tracker=wandb", "seq_len=12,13", "clip=5", "sweep.name=mine")
    finished = here("train", *asked)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    both = folders(tmp_path)
    assert [json.loads((f / "result.json").read_text())["seq_len"] for f in both] == [12, 13]
    offline = [list((folder / "wandb").glob("offline-run-*")) for folder in both]
    assert [len(runs) for runs in offline] == [1, 1]
    assert offline[0][0].name.split("irnn")[1] != offline[1][0].name.split("irnn")[1]
    for folder in both:
        assert "group: mine" in (folder / "config.yaml").read_text()
        (mirrored,) = (folder / "wandb").glob("*.mirrored.json")
        count = json.loads(mirrored.read_text())["records"]
        assert count == len(read_records(folder / "metrics.jsonl"))
        assert "NOT SOLVED" in (folder / "train.log").read_text()
        (session,) = sessions(folder)
        assert "sweep." not in session["command"]
        assert session["process"].startswith("irnn-train -m")
    assert record(tmp_path)["name"] == "mine"
    assert {job["run_id"] for job in record(tmp_path)["jobs"]} == {f.name for f in both}
    assert names(tmp_path) == {"runs"}


@pytest.mark.slow
def test_asking_for_a_larger_sweep_runs_what_is_missing_without_touching_the_rest(
    cli: Cli, tmp_path: Path
) -> None:
    assert cli("train", "-m", *SMALL, "seed=0,1").returncode == 0
    first = {
        folder.name: (folder / "result.json").stat().st_mtime_ns for folder in folders(tmp_path)
    }
    larger = cli("train", "-m", *SMALL, "seed=range(3)")
    assert larger.returncode == 0, larger.stdout + larger.stderr
    assert "3 jobs: 2 done (0 solved), 0 running, 0 failed, 1 left" in larger.stdout
    for folder in folders(tmp_path):
        assert len(sessions(folder)) == 1
        if folder.name in first:
            assert (folder / "result.json").stat().st_mtime_ns == first[folder.name]
    assert len(record(tmp_path)["jobs"]) == 3


def test_a_finished_sweep_is_answered_without_torch(here: Cli, tmp_path: Path) -> None:
    asked = ["-m", *SMALL, "seed=0,1"]
    assert here("train", *asked).returncode == 0
    script = (
        "import sys; from irnn.train import main; status = main(sys.argv[1:]);"
        "assert not {'torch', 'wandb', 'matplotlib'} & set(sys.modules); sys.exit(status)"
    )
    again = subprocess.run(
        [sys.executable, "-c", script, *asked], capture_output=True, text=True, cwd=tmp_path
    )
    assert again.returncode == 0, again.stderr
    assert "2 of them finished before" in again.stdout


@pytest.mark.slow
def test_two_jobs_that_are_the_same_run_are_trained_once(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "-m", *SMALL, "clip=none,null,1", "seed=0")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "1 of 3 jobs are the same run as another" in finished.stdout
    assert len(folders(tmp_path)) == 2


@pytest.mark.slow
def test_a_run_that_another_process_trains_is_awaited_and_its_result_shared(
    tmp_path: Path,
) -> None:
    run = (*LONG, "seed=0", "budget.updates=25000", "checkpoint.every=500")
    with start(tmp_path, *run) as process:
        wait_for_step(tmp_path, 50)
        process.send_signal(signal.SIGSTOP)  # it must not be done before the sweep has begun
        with start(tmp_path, "-m", *run) as sweep:
            told = ""
            while sweep.stdout and "WAITING" not in told and (line := sweep.stdout.readline()):
                told += line
            process.send_signal(signal.SIGCONT)
            rest, _ = sweep.communicate(timeout=120)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert sweep.returncode == 0, told + rest
    assert f"is being trained by process {process.pid}" in told
    assert "Traceback" not in told + rest
    (folder,) = folders(tmp_path)
    assert len(sessions(folder)) == 1


@pytest.mark.slow
def test_a_run_that_its_process_leaves_is_taken_up(cli: Cli, tmp_path: Path) -> None:
    with start(tmp_path, *LONG, ENDLESS) as process:
        wait_for_step(tmp_path, 50)
        with start(tmp_path, "-m", *LONG, ENDLESS, "seed=0") as sweep:
            line = ""
            while sweep.stdout and "WAITING" not in line:
                line = sweep.stdout.readline()
            process.kill()
            (folder,) = folders(tmp_path)
            wait_until(lambda: len(sessions(folder)) == 2, "a second session")
            sweep.send_signal(signal.SIGTERM)
            sweep.communicate(timeout=120)
    assert sweep.returncode == 143


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_sweep_with_checkpoints_and_the_next_call_continues(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    asked = ("-m", *LONG, "budget.updates=6000", "checkpoint.every=500", "seed=range(3)")
    asked += ("sweep.jobs=1",)
    with start(tmp_path, *asked) as process:
        wait_for_step(tmp_path, 50)
        process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    assert process.returncode == status, output
    assert "Traceback" not in output
    assert "the same command continues" in output
    (folder,) = folders(tmp_path)
    assert (folder / "checkpoints" / "last.pt").exists()
    assert "interrupted at update" in (folder / "train.log").read_text()
    with start(tmp_path, *asked) as process:
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert sorted(len(sessions(folder)) for folder in folders(tmp_path)) == [1, 1, 2]


def test_a_diverged_job_is_a_result_of_a_sweep(here: Cli, tmp_path: Path) -> None:
    finished = here("train", "-m", *SMALL, *EXPLODING, "clip=100,1e-3")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "DIVERGED   clip=100" in finished.stdout
    results = [json.loads((f / "result.json").read_text()) for f in folders(tmp_path)]
    assert {result["status"] for result in results} == {"diverged", "exhausted"}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["joblib", "basic"])
def test_other_launchers_give_the_same_results(cli: Cli, tmp_path: Path, launcher: str) -> None:
    asked = ("-m", *SMALL, "seed=0,1", "runtime.threads=1")
    assert cli("train", *asked, "runs_dir=local").returncode == 0
    finished = cli("train", *asked, f"hydra/launcher={launcher}")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "2 jobs: 2 done" in finished.stdout
    for folder in folders(tmp_path):
        theirs = read_records(folder / "metrics.jsonl")
        ours = read_records(tmp_path / "local" / folder.name / "metrics.jsonl")
        assert [record["test_mse"] for record in theirs] == [record["test_mse"] for record in ours]
    assert len(record(tmp_path)["jobs"]) == 2


def test_more_jobs_than_cores_are_said_and_not_run(here: Cli) -> None:
    finished = here("train", "-m", *SMALL, "seed=0", "sweep.jobs=4096")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "sweep.jobs=4096: " in finished.stdout
    assert "4096 at a time" not in finished.stdout


def test_a_sweeper_is_told_a_finite_number_whatever_happened() -> None:
    assert objective({"status": "solved", "best_test_mse": 0.001}) == 0.001
    assert objective({"status": "diverged", "best_test_mse": 0.1}) == DIVERGED_OBJECTIVE
    assert objective({"status": "exhausted", "best_test_mse": None}) == DIVERGED_OBJECTIVE


@pytest.mark.slow
def test_started_over_by_another_launcher_a_sweep_is_complete(cli: Cli, tmp_path: Path) -> None:
    asked = ("-m", *SMALL, "seed=0,1", "hydra/launcher=basic", "force=true")
    finished = cli("train", *asked)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "2 jobs: 2 done" in finished.stdout


def test_an_interrupted_sweep_that_started_over_says_how_to_go_on(tmp_path: Path) -> None:
    with start(tmp_path, "-m", *LONG, ENDLESS, "seed=0,1", "force=true") as sweep:
        wait_for_step(tmp_path, 50)
        sweep.send_signal(signal.SIGINT)
        output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 130, output
    assert "interrupted; the same command without force=true continues" in output
