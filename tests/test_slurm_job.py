"""What a job does about the signals of a cluster, without a cluster: `scontrol` is a script here."""

import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins

from irnn.runs.directory import RunDirectory
from irnn.spec.composition import Composer
from irnn.spec.config import Config, ConfigError
from irnn.sweeps import slurm, slurm_job, slurm_submission
from irnn.sweeps.job import ELSEWHERE, FAILED, LEFT, RUNNING, Job
from irnn.sweeps.request import read_request
from irnn.system.exhausted import ExhaustedError
from irnn.system.helpers import HelperError
from irnn.training.loop import Interrupted
from irnn.training.session import run
from tests.command import sessions
from tests.conftest import SMALL

Small = Callable[..., Config]


@pytest.fixture
def scontrol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a command of that name, made of a line of shell, in front of the path."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def make(line: str) -> None:
        command = tmp_path / "scontrol"
        command.write_text(f"#!/bin/sh\n{line}\n")
        command.chmod(0o755)

    return make


@pytest.fixture
def listening() -> Iterator[list[int]]:
    """Listen to SIGUSR2, as submitit does in a job."""
    heard: list[int] = []
    before = signal.signal(signal.SIGUSR2, lambda number, _: heard.append(number))
    yield heard
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize(
    ("shown", "preempted"),
    [
        ("JobId=1 JobState=RUNNING PreemptTime=2026-11-24T06:20:21", True),
        ("JobId=1 JobState=RUNNING PreemptTime=None", False),
        ("JobId=1 JobState=COMPLETING PreemptTime=2026-11-24T06:20:21", False),
    ],
)
def test_making_room_is_told_from_being_cancelled(
    scontrol: Callable[[str], None],
    listening: list[int],
    monkeypatch: pytest.MonkeyPatch,
    shown: str,
    preempted: bool,
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    scontrol(f"echo {shown}")
    with pytest.raises(SystemExit) as ended:
        slurm_job.end(signal.SIGTERM)
    assert listening == ([signal.SIGUSR2] if preempted else [])
    assert ended.value.code == 128 + (signal.SIGUSR2 if preempted else signal.SIGTERM)


def test_a_task_of_an_array_asks_for_itself_and_not_for_the_array(
    scontrol: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "7")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    scontrol('[ "$4" = 7_3 ] && echo JobState=RUNNING PreemptTime=2026-11-24T06:20:21')
    assert slurm_job.is_preempted()


def test_without_an_answer_of_slurm_nobody_is_preempted(scontrol: Callable[[str], None]) -> None:
    scontrol("exit 1")
    assert not slurm_job.is_preempted()


@pytest.mark.parametrize(
    ("script", "error"),
    [("kill -TERM $$", SystemExit), ("exit 1", subprocess.CalledProcessError)],
    ids=["killed with the job", "refused"],
)
def test_a_request_that_died_with_its_job_was_granted(
    script: str, error: type[BaseException]
) -> None:
    def requeue(*_: object) -> None:
        subprocess.check_call(["sh", "-c", script])

    before = signal.signal(signal.SIGUSR2, requeue)
    try:
        with pytest.raises(error):
            slurm_job.end(signal.SIGUSR2)
    finally:
        signal.signal(signal.SIGUSR2, before)


def test_a_user_signal_that_somebody_waits_for_ends_a_run_at_an_update(
    small: Small, listening: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from irnn.training.trainer import Trainer

    update = Trainer.update

    def interrupted(trainer: Trainer) -> str | None:
        if trainer.progress.step == 7:
            signal.raise_signal(signal.SIGUSR2)
        return update(trainer)

    monkeypatch.setattr(Trainer, "update", interrupted)
    with pytest.raises(Interrupted) as interruption:
        run(small())
    assert interruption.value.signal_number == signal.SIGUSR2
    assert listening == []
    signal.raise_signal(signal.SIGUSR2)
    assert listening == [signal.SIGUSR2]  # whoever waited is back


class Said:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def ended(self, job: Job) -> None:
        self.words.append(f"{job.state} {job.error}")

    def requeued(self, job: Job) -> None:
        self.words.append("requeued")

    def stopping(self, why: str) -> None:
        self.words.append("stopping")

    def refresh(self, jobs: Any, at_once: int) -> None:
        """Nothing to draw."""


def test_an_error_of_a_job_that_is_back_in_the_queue_is_no_end(
    tmp_path: Path, small: Small
) -> None:
    pickled = tmp_path / "result.pkl"
    pickled.touch()
    text = "failed:\n----------------------\nTraceback\nOSError: no\n\n----------------------\nsee"
    submitted = SimpleNamespace(
        job_id="1_0",
        paths=SimpleNamespace(folder=tmp_path, result_pickle=pickled, stderr="log"),
        exception=lambda: RuntimeError(text),
    )
    job = Job((), "seed=0", small(), "id", tmp_path)
    job.begin()
    job.state = RUNNING
    said = Said()
    engine = slurm.Slurm({}, [])
    sent = slurm_submission.Submission([job], submitted, state="PENDING")
    engine._submissions = [sent]
    engine._look(sent, said)
    assert (job.state, said.words) == (LEFT, ["requeued"])
    sent.state = "FAILED"
    engine._look(sent, said)
    assert said.words[1:] == ["failed OSError: no; see log"]


def test_a_cluster_without_the_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Plugins.instance()
    monkeypatch.delitem(sys.modules, "submitit", raising=False)
    launchers = dict(ConfigStore.instance().repo["hydra"]["launcher"])
    launchers.pop("submitit_slurm.yaml", None)
    monkeypatch.setitem(ConfigStore.instance().repo["hydra"], "launcher", launchers)
    with pytest.raises(ConfigError, match=r"pip install 'irnn\[slurm\]'"):
        read_request([*SMALL, "hydra/launcher=slurm", "seed=0,1"], Composer())
    assert "submitit" not in sys.modules


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a node, in the first job of a submission."""
    import submitit

    paths = SimpleNamespace(folder=tmp_path, job_id="1_0")
    monkeypatch.setattr(submitit, "JobEnvironment", lambda: SimpleNamespace(paths=paths))
    monkeypatch.setattr(sys, "argv", ["python"])


def test_a_requeued_job_starts_over_once(
    node: None, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    from irnn.training.trainer import Trainer

    run(small())
    job = slurm_job.SlurmJob(small("force=true", "unlock=true"), [], [])
    folder = RunDirectory.of(job.config).path
    update = Trainer.update

    def interrupted(trainer: Trainer) -> str | None:
        if trainer.progress.step == 7:
            signal.raise_signal(signal.SIGTERM)
        return update(trainer)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "update", interrupted)
        with pytest.raises(SystemExit):
            pickle.loads(pickle.dumps(job))()
    assert len(sessions(folder)) == 1
    kind, result = pickle.loads(pickle.dumps(job))()
    assert (kind, result["steps"]) == ("result", 40)
    assert len(sessions(folder)) == 2
    assert "from update 8" in (folder / "train.log").read_text()


def test_what_ends_a_job_before_its_run_has_a_folder_is_told(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("CUDA error: no")

    monkeypatch.setattr("irnn.training.session.run", broken)
    monkeypatch.setattr(sys, "argv", ["python"])
    assert slurm_job.SlurmJob(small(), [], [])() == ("failed", "RuntimeError: CUDA error: no")


@pytest.mark.parametrize(
    "error", [ExhaustedError("memory ran out: smaller"), HelperError("cannot start a process")]
)
def test_what_says_by_itself_what_helps_is_told_without_a_traceback(
    small: Small,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("irnn.training.session.run", broken)
    monkeypatch.setattr("irnn.sweeps.pack_worker.serve", broken)
    monkeypatch.setattr(sys, "argv", ["python"])
    assert slurm_job.SlurmJob(small(), [], [])() == ("failed", str(error))
    assert slurm_job.SlurmPack([(small(), [])], [], None)() == [("failed", str(error))]
    assert capsys.readouterr().err == ""


def test_a_damaged_result_of_a_run_trained_elsewhere_fails_its_job_alone(
    tmp_path: Path, small: Small
) -> None:
    job = Job((), "seed=0", small(), "id", tmp_path, state=ELSEWHERE)
    (tmp_path / "result.json").write_text("{")
    said = Said()
    slurm.Slurm({}, [])._look_elsewhere([job], said)
    assert job.state == FAILED
    assert "is damaged" in said.words[0]


def test_a_run_that_the_cluster_does_not_take_back_fails(
    tmp_path: Path, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise ConfigError("hydra/launcher=slurm: sbatch: error: no")

    job = Job((), "seed=0", small(), "id", tmp_path, state=ELSEWHERE)
    engine = slurm.Slurm({}, [])
    monkeypatch.setattr(engine, "_submit", refused)
    said = Said()
    engine._look_elsewhere([job], said)
    assert said.words == ["failed hydra/launcher=slurm: sbatch: error: no"]
