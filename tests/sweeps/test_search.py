"""A search is resumed from its storage and survives trials that diverge."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from irnn.runs.files import StorageError
from irnn.spec.composition import compose_config
from irnn.spec.config import ConfigError
from irnn.sweeps.job import Job
from irnn.sweeps.returns import as_return
from irnn.sweeps.search import Plan, batches, found, tell
from irnn.sweeps.space import Space
from irnn.sweeps.study import opened
from tests.command import wait_until
from tests.conftest import SMALL, Cli

optuna = pytest.importorskip("optuna")

SEARCH = (
    "sweep=search",
    *SMALL[1:],
    "seq_len=60",
    "sweep.name=s",
    "sweep.jobs=1",
    "hydra.sweeper.n_startup_trials=2",
)


def trials(place: Path, search: str = "s") -> list[Any]:
    storage = f"sqlite:///{place}/runs/.sweeps/{search}/optuna.db"
    found: list[Any] = optuna.load_study(study_name=search, storage=storage).trials
    return found


@pytest.mark.slow
def test_a_search_continues_its_study_and_counts_what_is_complete(cli: Cli, tmp_path: Path) -> None:
    first = cli("train", "-m", *SEARCH, "hydra.sweeper.n_trials=2")
    assert first.returncode == 0, first.stdout + first.stderr
    second = cli("train", "-m", *SEARCH, "hydra.sweeper.n_trials=4")
    assert second.returncode == 0, second.stdout + second.stderr
    assert "2 of 4 trials are complete" in second.stdout
    assert "best of 4 trials" in second.stdout
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE"] * 4
    again = cli("train", "-m", *SEARCH, "hydra.sweeper.n_trials=4")
    assert again.returncode == 0
    assert "4 of 4 trials are complete" in again.stdout
    assert len(trials(tmp_path)) == 4
    best = again.stdout[again.stdout.index("python -m irnn.train ") :].splitlines()[0]
    alone = cli("train", *best.split()[3:])
    assert "finished before" in alone.stdout, "the command of the best trial is another run"


@pytest.mark.slow
def test_a_trial_that_diverges_has_a_finite_value_and_the_search_goes_on(
    cli: Cli, tmp_path: Path
) -> None:
    asked = (*SEARCH, "optim=sgd", "optim.lr=interval(0.5,1.0)", "init.gain=interval(1.5,2.0)")
    finished = cli("train", "-m", *asked, "clip=100", "hydra.sweeper.n_trials=3")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "DIVERGED" in finished.stdout
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE"] * 3
    assert all(trial.value <= 1e6 for trial in trials(tmp_path))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.25, "best of 1 trials: number 0, best score 0.25000\n"
         "  python -m irnn.train 'runs_dir='\"'\"'my runs'\"'\"'' optim.lr=0.5"),
        (1e6, "all of 1 trials diverged"),
    ],
)  # fmt: skip
def test_what_a_search_found_is_said_so_that_it_can_be_pasted(value: float, told: str) -> None:
    study = optuna.create_study()
    varied = {"optim.lr": optuna.distributions.FloatDistribution(0.5, 0.5)}
    study.add_trial(
        optuna.trial.create_trial(params={"optim.lr": 0.5}, distributions=varied, value=value)
    )
    assert "\n".join(found(study, Space(varied, ["runs_dir='my runs'"]))) == told


@pytest.mark.slow
def test_a_killed_search_asks_for_what_an_undisturbed_one_asks_for(tmp_path: Path) -> None:
    asked = [sys.executable, "-m", "irnn.train", "-m", *SEARCH, "hydra.sweeper.n_trials=4"]
    asked += ["budget.updates=2000", "evaluate.every=100", "stop.test_mse=null"]
    for place in ("killed", "undisturbed"):
        (tmp_path / place).mkdir()
    process = subprocess.Popen(
        asked, cwd=tmp_path / "killed", stdout=subprocess.DEVNULL, start_new_session=True
    )
    begun = (tmp_path / "killed").glob
    wait_until(lambda: len(list(begun("runs/irnn*/metrics.jsonl"))) >= 2, "two trials to begin")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for place in ("killed", "undisturbed"):
        subprocess.run(asked, cwd=tmp_path / place, check=True, stdout=subprocess.DEVNULL)
    killed, undisturbed = trials(tmp_path / "killed"), trials(tmp_path / "undisturbed")
    assert [t.params for t in killed] == [t.params for t in undisturbed]
    assert [t.value for t in killed] == [t.value for t in undisturbed]
    record = json.loads((tmp_path / "killed/runs/.sweeps/s/sweep.json").read_text())
    assert len(record["jobs"]) == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "why"),
    [(("batch_size=4",), "was for something else"), (("clip=1,2",), "was for something else")],
)
def test_one_study_is_never_about_two_things(
    cli: Cli, tmp_path: Path, more: tuple[str, ...], why: str
) -> None:
    assert cli("train", "-m", *SEARCH, "hydra.sweeper.n_trials=1").returncode == 0
    other = cli("train", "-m", *SEARCH, "hydra.sweeper.n_trials=2", *more)
    assert other.returncode == 2
    assert why in other.stderr
    assert "Traceback" not in other.stderr
    assert len(trials(tmp_path)) == 1


def test_a_search_over_nothing_is_refused(cli: Cli, tmp_path: Path) -> None:
    finished = cli("train", "-m", "hydra/sweeper=optuna", "seed=1")
    assert finished.returncode == 2
    assert "nothing to search" in finished.stderr
    assert not list(tmp_path.iterdir())


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_study_that_cannot_be_written_is_a_storage_error_that_names_it(tmp_path: Path) -> None:
    space = Space({"optim.lr": optuna.distributions.FloatDistribution(0.1, 1)}, [])

    def ask(room: int) -> None:
        with opened(tmp_path, "s", space) as study, files_end_at(room):
            study.ask(dict(space.varied))

    with pytest.raises(
        StorageError, match=r"optuna\.db: .*I/O error; see that its disk works.*same command"
    ):
        ask(4096)
    ask(resource.RLIM_INFINITY)  # the lock was given back


def test_a_study_that_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "optuna.db").mkdir()
    study = opened(tmp_path, "s", Space({}, []))
    with pytest.raises(ConfigError, match=r"optuna\.db is damaged \(it is not a file\); remove it"):
        study.__enter__()


@pytest.mark.slow
def test_n_jobs_counts_as_joblib_does(cli: Cli, tmp_path: Path) -> None:
    asked = (*SEARCH, "hydra.sweeper.n_trials=1", "hydra.sweeper.n_jobs=-1")
    finished = cli("train", "-m", *asked)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert [trial.state.name for trial in trials(tmp_path)] == ["COMPLETE"]


def test_a_trial_that_was_only_stopped_stays_under_way(tmp_path: Path) -> None:
    space = Space({"optim.lr": optuna.distributions.FloatDistribution(0.1, 0.2)}, [])
    with opened(tmp_path, "s", space) as study:
        plan = Plan(trials=3, together=3, seed=0, random_trials=3)
        batch = next(batches(study, space, plan))
        states = ("failed", "stopped", "solved")
        result = {"status": "solved", "best_test_mse": 0.1}
        jobs = [
            Job((), "", compose_config([]), "", tmp_path, state=state, result=result)
            for state in states
        ]
        assert tell(study, batch, [as_return(job) for job in jobs]) == 2
        assert [trial.state.name for trial in study.trials] == ["FAIL", "RUNNING", "COMPLETE"]
        again = next(batches(study, space, plan))
        assert again[0].number == 1
