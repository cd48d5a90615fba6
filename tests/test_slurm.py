"""Sweeps on a real Slurm: what is preempted, requeued or timed out ends as if nothing had happened."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from irnn.runs.metrics import read_records
from tests.command import (
    LONG,
    checkpoint_weights,
    folders,
    sessions,
    start,
    timeless,
    wait_until,
)
from tests.conftest import Cli
from tests.slurm_cluster import cluster, slurm, step_of

pytestmark = pytest.mark.slurm

SLURM = ("-m", "hydra/launcher=slurm")
JOB = (*LONG, "budget.updates=600000", "evaluate.every=7500", "checkpoint.every=225000")
"""Ten seconds of the fastest machines so far: Slurm takes four to preempt a job."""


@pytest.fixture(scope="module", autouse=True)
def one_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with cluster(tmp_path_factory.mktemp("slurm")):
        yield


def queued() -> list[str]:
    """Ids of the jobs in the queue, in order."""
    listed = slurm("squeue", "--noheader", "--array", "--format=%i", "--partition=main")
    return sorted(listed.split())


def by_seed(tmp_path: Path) -> dict[int, Path]:
    return {int(folder.name.split("-s")[1].split("-")[0]): folder for folder in folders(tmp_path)}


def wait_for_steps(tmp_path: Path, seeds: int, step: int) -> None:
    def reached() -> bool:
        found = by_seed(tmp_path)
        return len(found) == seeds and all(step_of(each) >= step for each in found.values())

    wait_until(reached, f"{seeds} runs at update {step}")


def test_preempted_requeued_and_timed_out_jobs_end_as_in_an_undisturbed_local_sweep(
    tmp_path: Path, cli: Cli
) -> None:
    with start(tmp_path, *SLURM, *JOB, "seed=0,1,2,3") as sweep:
        wait_for_steps(tmp_path, seeds=4, step=500)
        announced, requeued, *_ = queued()
        slurm("scancel", "--signal=USR2", announced)  # what Slurm sends before a time limit
        slurm("scontrol", "requeue", requeued)
        wait_until(lambda: "interrupted" in log(tmp_path, 0), "the checkpoint of a time-out")
        slurm(
            "sbatch", "--partition=urgent", "--cpus-per-task=4", "--wrap=true", "--output=/dev/null"
        )
        wait_until(lambda: "interrupted" in log(tmp_path, 2), "the checkpoint of a preemption")
        output, _ = sweep.communicate(timeout=240)
    assert sweep.returncode == 0, output
    assert "4 jobs: 4 done" in output
    assert "REQUEUED   seed=0" in output
    assert "REQUEUED   seed=2" in output
    on_cluster = by_seed(tmp_path)
    for seed in range(4):
        assert len(sessions(on_cluster[seed])) >= 2
        assert "from update" in log(tmp_path, seed)
    local = cli("train", "-m", *JOB, "seed=0,1,2,3", "runs_dir=local")
    assert local.returncode == 0, local.stdout + local.stderr
    for folder in on_cluster.values():
        here = tmp_path / "local" / folder.name
        assert timeless(read_records(folder / "metrics.jsonl")) == timeless(
            read_records(here / "metrics.jsonl")
        )
        assert checkpoint_weights(folder) == checkpoint_weights(here)
        assert without_times(folder) == without_times(here)
    records = [json.loads(path.read_text()) for path in tmp_path.glob("*/.sweeps/*/sweep.json")]
    asked = [[job["run_id"] for job in record["jobs"]] for record in records]
    assert asked[0] == asked[1]
    assert len(asked[0]) == 4


def log(tmp_path: Path, seed: int) -> str:
    return (by_seed(tmp_path)[seed] / "train.log").read_text()


def without_times(folder: Path) -> dict[str, object]:
    result = json.loads((folder / "result.json").read_text())
    for key in ("seconds", "steps_per_second", "config", "digest"):
        del result[key]
    return result


def test_a_killed_job_fails_alone_and_the_next_call_does_what_is_left(
    tmp_path: Path, cli: Cli
) -> None:
    arguments = (*SLURM, *JOB, "seed=0,1")
    with start(tmp_path, *arguments) as sweep:
        wait_for_steps(tmp_path, seeds=2, step=500)
        slurm("scancel", "--signal=KILL", queued()[0])
        output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 1, output
    assert "FAILED     seed=0: Slurm ended job" in output
    assert "2 jobs: 1 done" in output
    assert "Traceback" not in output
    with start(tmp_path, *arguments) as sweep:
        wait_until(
            lambda: len(sessions(by_seed(tmp_path)[0])) == 2, "the killed job's second session"
        )
        sweep.send_signal(signal.SIGINT)
        output, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 130, output
    assert queued() == []
    assert "interrupted at update" in log(tmp_path, 0)
    again = cli("train", *arguments)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "1 of them finished before" in again.stdout
    assert [len(sessions(folder)) for folder in by_seed(tmp_path).values()] == [3, 1]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("hydra.launcher.partition=nowhere", "invalid partition"),
        ("runtime.threads=2", r"add hydra.launcher.cpus_per_task=2"),
    ],
)
def test_what_the_cluster_does_not_take_is_refused(
    tmp_path: Path, cli: Cli, wrong: str, told: str
) -> None:
    refused = cli("train", *SLURM, *JOB, "seed=0,1", wrong)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert told in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]


@pytest.mark.slow
def test_a_job_is_requeued_before_each_time_limit(tmp_path: Path) -> None:
    limits = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=50")
    with start(tmp_path, *SLURM, *JOB, "budget.updates=1500000", "seed=0,1", *limits) as sweep:
        output, _ = sweep.communicate(timeout=290)
    assert sweep.returncode == 0, output
    assert output.count("REQUEUED") >= 2
    assert all(len(sessions(folder)) >= 2 for folder in folders(tmp_path))
