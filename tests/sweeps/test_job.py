"""A job that meets a damaged file fails alone and says what starts it alone over."""

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from irnn.runs.directory import RunDirectory
from irnn.runs.layout import SOLVED
from irnn.spec.composition import compose_config
from irnn.spec.config import Config, ConfigError
from irnn.sweeps.job import FAILED, LEFT, Job, why_failed
from irnn.sweeps.view import tally
from tests.conftest import SMALL
from tests.runs.test_schemas import RESULT

WORDS = (*SMALL, "seed=3", "sweep.name=s", "force=true")


@pytest.fixture
def job(small: Callable[..., Config]) -> Job:
    config = small("seed=3")
    directory = RunDirectory.of(config)
    directory.path.mkdir(parents=True)
    assert directory.run_id is not None
    return Job(WORDS, "seed=3", config, directory.run_id, directory.path)


@pytest.mark.parametrize(
    "damage",
    [{"status": "bogus"}, {"run_id": "another"}, {"steps": None}, {"solved_at": 5}],
    ids=repr,
)
def test_a_job_with_a_damaged_result_is_a_failed_one_and_says_what_starts_it_alone_over(
    job: Job, damage: dict[str, object]
) -> None:
    (job.folder / "result.json").write_text(json.dumps({**RESULT, "run_id": job.run_id, **damage}))
    assert job.look_up()
    assert job.state == FAILED
    assert tally([job, Job((), "", job.config, "b", Path("b"))]) == (
        "2 jobs: 0 done (0 solved), 0 running, 1 failed, 1 left"
    )
    assert job.error is not None
    command = job.error.partition("this starts that run alone over: ")[2]
    program, words = shlex.split(command)[:3], shlex.split(command)[3:]
    assert program == ["python", "-m", "irnn.train"]
    alone = compose_config([*words, f"runs_dir={job.config.runs_dir}"])
    assert alone.force
    assert RunDirectory.of(alone).path == job.folder


def test_a_job_takes_in_its_own_result_only(job: Job) -> None:
    assert not job.look_up()
    assert job.state == LEFT
    (job.folder / "result.json").write_text(json.dumps({**RESULT, "run_id": job.run_id}))
    assert job.look_up()
    assert job.state == SOLVED


def test_what_is_no_damage_is_said_as_it_is() -> None:
    assert why_failed(ConfigError("optim.lr=0: must be above 0"), WORDS) == (
        "optim.lr=0: must be above 0"
    )
