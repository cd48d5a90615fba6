"""Sweeps whose jobs fail, and sweeps that cannot work."""

import os
import pickle
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.config import Config
from irnn.sweeps import worker
from irnn.training import session
from tests.command import ENDLESS, LONG, folders, sessions, start, wait_until
from tests.conftest import SMALL, Cli


def begun(tmp_path: Path) -> list[Path]:
    return [folder for folder in folders(tmp_path) if read_records(folder / "metrics.jsonl")]


@pytest.mark.slow
def test_a_job_that_dies_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    with start(
        tmp_path, "-m", *LONG, "budget.updates=6000,6001", "checkpoint.every=500", "seed=0,1"
    ) as sweep:
        wait_until(lambda: begun(tmp_path), "a run to begin")
        victim = begun(tmp_path)[0]
        os.kill(sessions(victim)[-1]["pid"], signal.SIGKILL)
        output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 1, output
    assert "was killed by SIGKILL" in output
    assert f"{victim.name}/train.log" in output
    assert "1 of 4 jobs failed" in output.splitlines()[-1]
    assert "Traceback" not in output
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 3


@pytest.mark.slow
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


SIZES = "model.hidden_size=8,100000"  # the weights and all that belongs to them: 1.5 TB


@pytest.mark.slow
def test_a_job_that_another_launcher_finds_too_large_is_refused_and_the_others_go_on(
    cli: Cli, tmp_path: Path
) -> None:
    asked = (*SMALL, "runtime=cpu", "runtime.dtype=float64", SIZES, "hydra/launcher=basic")
    finished = cli("train", "-m", *asked)
    assert finished.returncode == 1, finished.stdout + finished.stderr
    assert "model.hidden_size=100000: this run needs about 1.52 TB of memory" in finished.stderr
    assert "1 of 2 jobs failed" in finished.stderr
    assert "Traceback" not in finished.stdout + finished.stderr
    (made,) = folders(tmp_path)
    assert (made / "result.json").exists()


@pytest.mark.slow
def test_a_sweep_with_a_job_too_large_for_the_machine_is_refused_and_nothing_is_made(
    cli: Cli, tmp_path: Path
) -> None:
    finished = cli("train", "-m", *SMALL, "runtime=cpu", "runtime.dtype=float64", SIZES)
    assert finished.returncode == 2, finished.stdout + finished.stderr
    assert finished.stderr.startswith("irnn-train: model.hidden_size=100000: this run needs about")
    assert finished.stderr.count("\n") == 1
    assert not folders(tmp_path)


def test_a_job_whose_memory_ends_all_the_same_leaves_its_traceback_in_its_log(
    small: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small()

    def without_memory(*_: object, **__: object) -> None:
        RunDirectory.of(config).path.mkdir(parents=True)
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] can't allocate memory")

    monkeypatch.setattr(session, "run", without_memory)
    told, why = worker.outcome(
        pickle.dumps(config), (), partial(worker.JobDisplay, tell=lambda message: None)
    )
    assert (told, why.partition(" fail")[0]) == ("failed", "RuntimeError: [enforce")
    log = RunDirectory.of(config).log.read_text()
    assert "Traceback" in log
    assert "can't allocate memory" in log


def test_fail_fast_stops_at_the_first_job_that_fails(tmp_path: Path) -> None:
    asked = ("-m", *LONG, ENDLESS, "seed=range(4)", "sweep.jobs=2", "sweep.fail_fast=true")
    with start(tmp_path, *asked) as sweep:
        wait_until(lambda: begun(tmp_path), "a run to begin")
        os.kill(sessions(begun(tmp_path)[0])[-1]["pid"], signal.SIGKILL)
        output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 1, output
    assert "sweep.fail_fast=true: running jobs write their checkpoints and end" in output
    assert "1 failed, 3 left" in output
    assert len(folders(tmp_path)) <= 2


def test_jobs_end_when_their_sweep_is_killed(tmp_path: Path) -> None:
    with start(tmp_path, "-m", *LONG, ENDLESS, "seed=0,1", "sweep.jobs=1") as sweep:
        wait_until(lambda: begun(tmp_path), "a run to begin")
        sweep.kill()
    (folder,) = folders(tmp_path)
    wait_until(lambda: "checkpoint written" in (folder / "train.log").read_text(), "a checkpoint")


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
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=two", "seed=0,1"],
        ["sweep=search", "hydra.sweeper.n_trials=abc"],
        ["sweep=search", "hydra.sweeper.n_trials=0"],
        ["sweep=search", "hydra.sweeper.seed=x"],
        ["sweep=search", "hydra.sweeper.n_jobs=1.5"],
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
