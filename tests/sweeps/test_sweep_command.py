"""Sweeps as their users meet them."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from irnn.runs.metrics import read_records
from irnn.sweeps.job import DIVERGED_OBJECTIVE, objective
from tests.command import LONG, folders, names, start, wait_for_step
from tests.conftest import SMALL, Cli
from tests.training.test_divergence import EXPLODING

ENDLESS = "budget.updates=10000000"


def sessions(folder: Path) -> list[Any]:
    found: list[Any] = json.loads((folder / "provenance.json").read_text())["sessions"]
    return found


def record(tmp_path: Path) -> Any:
    (found,) = (tmp_path / "runs" / ".sweeps").glob("*/sweep.json")
    return json.loads(found.read_text())


def wait_until(what: Any) -> None:
    deadline = time.monotonic() + 90
    while not what():
        assert time.monotonic() < deadline, "it did not happen in 90 seconds"
        time.sleep(0.02)


def begun(tmp_path: Path) -> list[Path]:
    return [folder for folder in folders(tmp_path) if read_records(folder / "metrics.jsonl")]


def test_a_sweep_of_two_jobs_makes_two_folders_and_two_wandb_runs_of_one_group(
    cli: Cli, tmp_path: Path
) -> None:
    asked = ("-m", *SMALL, "tracker=wandb", "seq_len=12,13", "clip=5", "sweep.name=mine")
    finished = cli("train", *asked)
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
        assert session["process"].startswith("python -m irnn.train -m")
    assert record(tmp_path)["name"] == "mine"
    assert {job["run_id"] for job in record(tmp_path)["jobs"]} == {f.name for f in both}
    assert names(tmp_path) == {"runs"}


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


def test_a_finished_sweep_is_answered_without_torch(cli: Cli, tmp_path: Path) -> None:
    asked = ["-m", *SMALL, "seed=0,1"]
    assert cli("train", *asked).returncode == 0
    script = (
        "import sys; from irnn.train import main; status = main(sys.argv[1:]);"
        "assert not {'torch', 'wandb', 'matplotlib'} & set(sys.modules); sys.exit(status)"
    )
    again = subprocess.run(
        [sys.executable, "-c", script, *asked], capture_output=True, text=True, cwd=tmp_path
    )
    assert again.returncode == 0, again.stderr
    assert "2 of them finished before" in again.stdout


def test_two_jobs_that_are_the_same_run_are_trained_once(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "-m", *SMALL, "clip=none,null,1", "seed=0")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "1 of 3 jobs are the same run as another" in finished.stdout
    assert len(folders(tmp_path)) == 2


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


def test_a_run_that_its_process_leaves_is_taken_up(cli: Cli, tmp_path: Path) -> None:
    with start(tmp_path, *LONG, ENDLESS) as process:
        wait_for_step(tmp_path, 50)
        with start(tmp_path, "-m", *LONG, ENDLESS, "seed=0") as sweep:
            line = ""
            while sweep.stdout and "WAITING" not in line:
                line = sweep.stdout.readline()
            process.kill()
            (folder,) = folders(tmp_path)
            wait_until(lambda: len(sessions(folder)) == 2)
            sweep.send_signal(signal.SIGTERM)
            sweep.communicate(timeout=120)
    assert sweep.returncode == 143


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


def test_a_job_that_dies_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    with start(
        tmp_path, "-m", *LONG, "budget.updates=6000,6001", "checkpoint.every=500", "seed=0,1"
    ) as sweep:
        wait_until(lambda: begun(tmp_path))
        victim = begun(tmp_path)[0]
        os.kill(sessions(victim)[-1]["pid"], signal.SIGKILL)
        output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 1, output
    assert "was killed by SIGKILL" in output
    assert f"{victim.name}/train.log" in output
    assert "1 of 4 jobs failed" in output.splitlines()[-1]
    assert "Traceback" not in output
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 3


def test_a_job_that_raises_leaves_its_traceback_in_its_log(cli: Cli, tmp_path: Path) -> None:
    assert cli("train", *SMALL, "seed=1").returncode == 0
    (folder,) = folders(tmp_path)
    (folder / "result.json").unlink()
    (folder / "checkpoints" / "last.pt").unlink()
    (folder / "checkpoints" / "last.pt").mkdir()
    finished = cli("train", "-m", *SMALL, "seed=0,1,2")
    assert finished.returncode == 1
    assert "FAILED     seed=1: " in finished.stdout
    assert "1 of 3 jobs failed" in finished.stderr
    assert "Traceback" not in finished.stdout + finished.stderr
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 2


@pytest.fixture
def memory_ends_at_64_gib() -> Iterator[None]:
    """Refuse larger allocations, of the commands that are started too, whatever the machine has."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    hard = before[1]
    resource.setrlimit(
        resource.RLIMIT_AS, (2**36 if hard == resource.RLIM_INFINITY else min(2**36, hard), hard)
    )
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize(
    ("launcher", "error"), [("local", "RuntimeError: [enforce"), ("basic", "[enforce")]
)
def test_a_job_without_memory_leaves_its_traceback_in_its_log(
    cli: Cli, tmp_path: Path, memory_ends_at_64_gib: None, launcher: str, error: str
) -> None:
    sizes = "model.hidden_size=8,100000"  # the recurrent matrix would take 80 GB
    asked = (*SMALL, "runtime=cpu", "runtime.dtype=float64", sizes, f"hydra/launcher={launcher}")
    finished = cli("train", "-m", *asked)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert f"FAILED model.hidden_size=100000: {error}" in finished.stderr
    assert "1 of 2 jobs failed" in finished.stderr
    logs = [(folder / "train.log").read_text() for folder in folders(tmp_path)]
    (failed,) = [log for log in logs if "Traceback" in log]
    assert "can't allocate memory" in failed


def test_fail_fast_stops_at_the_first_job_that_fails(tmp_path: Path) -> None:
    asked = ("-m", *LONG, ENDLESS, "seed=range(4)", "sweep.jobs=2", "sweep.fail_fast=true")
    with start(tmp_path, *asked) as sweep:
        wait_until(lambda: begun(tmp_path))
        os.kill(sessions(begun(tmp_path)[0])[-1]["pid"], signal.SIGKILL)
        output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 1, output
    assert "sweep.fail_fast=true: running jobs write their checkpoints and end" in output
    assert "1 failed, 3 left" in output
    assert len(folders(tmp_path)) <= 2


def test_jobs_end_when_their_sweep_is_killed(tmp_path: Path) -> None:
    with start(tmp_path, "-m", *LONG, ENDLESS, "seed=0,1", "sweep.jobs=1") as sweep:
        wait_until(lambda: begun(tmp_path))
        sweep.kill()
    (folder,) = folders(tmp_path)
    wait_until(lambda: "checkpoint written" in (folder / "train.log").read_text())


def test_a_diverged_job_is_a_result_of_a_sweep(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "-m", *SMALL, *EXPLODING, "clip=100,1e-3")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "DIVERGED   clip.max_norm=100" in finished.stdout
    results = [json.loads((f / "result.json").read_text()) for f in folders(tmp_path)]
    assert {result["status"] for result in results} == {"diverged", "exhausted"}


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


@pytest.mark.parametrize(
    "arguments",
    [
        ["optim.lr=interval(0,1)"],
        ["seed=range(1000000000)"],
        ["sweep.jobs=1,2"],
        ["sweep.name=../x", "seed=0,1"],
        ["sweep=nope"],
        ["runs_dir=a,b"],
        ["hydra/launcher=nope", "seed=0,1"],
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=0", "seed=0,1"],
        ["seed=0,1", "runtime.threads=9999"],
        ["seed=range(30)", "optim.lr=1,2,3,4,5,6,7,8,9,-1"],
        ["-cd", "x", "seed=0,1"],
    ],
    ids=" ".join,
)
def test_a_sweep_that_cannot_work_leaves_nothing_behind(
    cli: Cli, tmp_path: Path, arguments: list[str]
) -> None:
    finished = cli("train", "-m", *arguments)
    assert finished.returncode == 2, finished.stdout + finished.stderr
    assert finished.stderr.startswith("irnn-train: ")
    assert "Traceback" not in finished.stderr
    assert not list(tmp_path.iterdir())


def test_a_file_of_many_runs_without_m_is_refused(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "sweep=paper_grid")
    assert finished.returncode == 2
    assert "needs -m" in finished.stderr
    assert not list(tmp_path.iterdir())


def test_more_jobs_than_cores_are_said_and_not_run(cli: Cli) -> None:
    finished = cli("train", "-m", *SMALL, "seed=0", "sweep.jobs=4096")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "sweep.jobs=4096: " in finished.stdout
    assert "4096 at a time" not in finished.stdout


def test_a_sweeper_is_told_a_finite_number_whatever_happened() -> None:
    assert objective({"status": "solved", "best_test_mse": 0.001}) == 0.001
    assert objective({"status": "diverged", "best_test_mse": 0.1}) == DIVERGED_OBJECTIVE
    assert objective({"status": "exhausted", "best_test_mse": None}) == DIVERGED_OBJECTIVE
