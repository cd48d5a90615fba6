"""Packs on a cluster: a Slurm job trains many runs on its GPU, the shim here; Slurm is a stand-in."""

import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cuda_on_cpu import COMPILER
from cuda_runs import CPU, Machines, Quiet, by_the_kernels, fill_the_disk_of, left
from tests.conftest import SMALL

from irnn import train
from irnn.runs.directory import RunDirectory
from irnn.spec.config import Config
from irnn.sweeps import pack_worker, slurm, slurm_job
from irnn.sweeps.slurm_job import SlurmPack
from irnn.training.pack_trainer import PackTrainer
from irnn.training.session import run
from irnn.training.trainer import Trainer

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler"),
    pytest.mark.timeout(120),
]
Small = Callable[..., Config]


@pytest.fixture
def node(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[int]]:
    """Be on a node with a GPU, in the first job of a submission; gives how many each pack trained at once."""
    import submitit

    machines = Machines(tmp_path_factory.getbasetemp().parent / "cuda_on_cpu")
    at_once: list[int] = []

    def opened(first: Config, jobs: int, asked: int | None = None, **given: Any) -> PackTrainer:
        at_once.append(min(given.get("at_once") or asked or 2, jobs))
        return PackTrainer(first, at_once[-1], CPU, machines)

    paths = SimpleNamespace(folder=tmp_path, job_id="1_0")
    monkeypatch.setattr(submitit, "JobEnvironment", lambda: SimpleNamespace(paths=paths))
    monkeypatch.setattr(pack_worker, "open_here", opened)
    monkeypatch.setattr(sys, "argv", ["python"])
    with by_the_kernels(machines):
        yield at_once


def pack_of(small: Small, *words: str, at_once: int | None = None, count: int = 3) -> SlurmPack:
    members = [(small(f"seed={seed}", *words), [f"seed={seed}"]) for seed in range(count)]
    return SlurmPack(members, ["-m"], at_once)


def on_a_node(pack: SlurmPack) -> Any:
    return pickle.loads(pickle.dumps(pack))()


def test_a_job_trains_its_runs_together_and_tells_what_became_of_each(
    node: list[int], small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk_of(1, monkeypatch)
    told = on_a_node(pack_of(small, at_once=3))
    assert node == [3]
    assert [kind for kind, _ in told] == ["result", "failed", "result"]
    assert "cannot write" in told[1][1]
    assert [told[place][1]["steps"] for place in (0, 2)] == [40, 40]
    alone = small("seed=2", f"runs_dir={tmp_path}/alone")
    run(alone, (), Quiet)
    assert left(alone) == left(small("seed=2"))


def test_a_signal_writes_every_run_s_checkpoint_and_the_requeued_job_goes_on(
    node: list[int], small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pack_of(small, f"runs_dir={tmp_path}/whole")
    on_a_node(whole)
    pack, heard = pack_of(small), []
    stepped, evaluated = Trainer.evaluate, []

    def evaluate(self: Trainer, *arguments: Any) -> Any:
        evaluated.append(self)
        if len(evaluated) == 5:  # two runs are under way, one waits for a place
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
        return stepped(self, *arguments)

    before = signal.signal(signal.SIGUSR2, lambda number, _: heard.append(number))  # submitit's
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "evaluate", evaluate)
            with pytest.raises(SystemExit):
                on_a_node(pack)
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert heard == [signal.SIGUSR2], "submitit is to requeue it"
    folders = [RunDirectory.of(config) for config, _ in pack.members]
    assert [folder.last.exists() for folder in folders] == [True, True, False]
    assert [folder.read_result() is None for folder in folders] == [True] * 3
    assert [kind for kind, _ in on_a_node(pack)] == ["result"] * 3
    for (config, _), (undisturbed, _) in zip(pack.members, whole.members, strict=True):
        assert left(config) == left(undisturbed)


def test_a_pack_that_cannot_be_made_fails_all_its_runs_and_one_that_breaks_those_under_way(
    node: list[int], small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("an illegal memory access")

    with monkeypatch.context() as patch:
        patch.setattr(PackTrainer, "train", broken)
        told = on_a_node(pack_of(small))
    assert told == [("failed", "RuntimeError: an illegal memory access")] * 3
    monkeypatch.setattr(pack_worker, "open_here", broken)
    told = on_a_node(pack_of(small))
    assert {kind for kind, _ in told} == {"failed"}
    assert "an illegal memory access); sweep.pack=off trains without" in told[0][1]


@pytest.mark.slow
def test_a_requeued_pack_starts_its_runs_over_once(node: list[int], small: Small) -> None:
    config = small("seed=0")
    on_a_node(pack_of(small, count=1))
    old = RunDirectory.of(config).read_result()
    pack = pack_of(small, "force=true", count=1)
    on_a_node(pack)
    new = RunDirectory.of(config).read_result()
    assert old is not None
    assert new is not None
    assert old["seconds"] != new["seconds"]
    on_a_node(pack)
    assert RunDirectory.of(config).read_result() == new


class Cluster:
    """Slurm and submitit: a job is called when it is asked about for the first time, on this very machine."""

    def __init__(self, folder: Any, cluster: str, **settings: Any) -> None:
        self._folder = Path(folder)

    def update_parameters(self, **settings: Any) -> None:
        self.asked = settings

    def submit_array(self, tasks: list[Any]) -> list[Any]:
        self._folder.mkdir(parents=True)
        self.sent = [Submitted(self._folder, number, task) for number, task in enumerate(tasks)]
        Cluster.jobs = self.sent
        return self.sent

    jobs: list["Submitted"] = []  # noqa: RUF012


class Submitted:
    """A job of it."""

    def __init__(self, folder: Path, number: int, task: Any) -> None:
        self.job_id, self._pickled = f"7_{number}", pickle.dumps(task)
        pickled = folder / f"{self.job_id}_0_result.pkl"
        self.paths = SimpleNamespace(
            folder=folder, result_pickle=pickled, stderr="log", job_id=self.job_id
        )
        self.task, self.states, self._returned = task, ["PENDING", "RUNNING"], None

    def state(self) -> str:
        """Give the next state; having been seen running, it runs to its end."""
        if self.states:
            return self.states.pop(0)
        if not self.paths.result_pickle.exists():
            self._returned = pickle.loads(self._pickled)()
            self.paths.result_pickle.touch()
        return "COMPLETED"

    def exception(self) -> None:
        return None

    def result(self) -> Any:
        return self._returned


@pytest.fixture
def cluster(node: list[int], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    import submitit

    def states(ids: list[str]) -> dict[str, str]:
        return {job.job_id: job.state() for job in Cluster.jobs}

    monkeypatch.setattr(submitit, "AutoExecutor", Cluster)
    monkeypatch.setattr(slurm, "queue_states", states)
    monkeypatch.setattr(slurm.shutil, "which", lambda _: "/usr/bin/srun")
    monkeypatch.setattr(slurm, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(slurm, "_ASK_SECONDS", 0.0)
    monkeypatch.setattr(slurm, "_LAG_SECONDS", 0.0)
    return node


def sweep(tmp_path: Path, *words: str) -> int:
    own = (f"runs_dir={tmp_path}/runs", "runtime.device=cuda", "runtime.kernel=auto")
    return train.main(["-m", *SMALL, "hydra/launcher=slurm", *own, *words])


def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the GPU that runs ask for be this machine's CPU."""
    monkeypatch.setattr("irnn.training.hardware.choose_device", lambda _: CPU)


def test_a_sweep_on_a_cluster_is_jobs_of_packs_and_the_next_call_does_what_is_left(
    cluster: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    on_cpu(monkeypatch)
    words = ("seed=range(5)", "sweep.pack=3", "budget.updates=20")
    outcome = pack_worker.outcome

    def killed(packed: bytes, overrides: Any, *others: Any) -> Any:
        told = "failed", "the GPU is gone"
        return told if "seed=1" in overrides else outcome(packed, overrides, *others)

    with monkeypatch.context() as patch:
        patch.setattr(pack_worker, "outcome", killed)
        assert sweep(tmp_path, *words) == 1
    said = capsys.readouterr()
    assert "Slurm job 7, 5 runs in 2 packs; logs in" in said.out
    assert "5 jobs: 4 done (0 solved), 0 running, 1 failed, 0 left" in said.out
    assert "FAILED seed=1: the GPU is gone" in said.err
    assert cluster == [3, 2]
    assert [type(job.task) for job in Cluster.jobs] == [SlurmPack, SlurmPack]
    assert sweep(tmp_path, *words) == 0
    assert "4 of them finished before" in capsys.readouterr().out
    assert [type(job.task) for job in Cluster.jobs] == [slurm_job.SlurmJob]


def test_a_run_of_a_pack_is_told_when_it_ends_and_a_job_that_dies_fails_the_others_only(
    cluster: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    on_cpu(monkeypatch)
    alone, seen = Submitted.state, []

    def state(job: Submitted) -> str:
        """Train the first run only, and be killed when somebody has taken its end in."""
        if not seen:
            config, words = job.task.members[0]
            seen.append(pack_worker.outcome(pickle.dumps(config), words, Quiet)[0])
            return "RUNNING"
        return "RUNNING" if "seed=0:" not in capsys_text() else "NODE_FAIL"

    def capsys_text() -> str:
        said.append(capsys.readouterr().out)
        return "".join(said)

    said: list[str] = []
    monkeypatch.setattr(Submitted, "state", state)
    assert sweep(tmp_path, "seed=range(3)", "budget.updates=20") == 1
    assert seen == ["result"]
    told = capsys.readouterr()
    assert "3 jobs: 1 done (0 solved), 0 running, 2 failed, 0 left" in "".join(said) + told.out
    assert "FAILED seed=1: Slurm ended job 7_0: NODE_FAIL; see log" in told.err
    monkeypatch.setattr(Submitted, "state", alone)
    assert sweep(tmp_path, "seed=range(3)", "budget.updates=20") == 0


def test_a_cluster_s_runs_that_have_no_kernels_say_so_and_have_a_job_each(
    cluster: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    on_cpu(monkeypatch)
    with monkeypatch.context() as patch:  # undone before `by_the_kernels` is, which it covers
        patch.setattr("irnn.kernels.cuda.plan.why_unavailable", lambda: "there is nothing")
        patch.setattr("irnn.training.stretch.of", lambda _: None)
        assert sweep(tmp_path, "seed=range(2)", "budget.updates=20") == 0
    told = capsys.readouterr().out
    assert told.count("slow: PyTorch trains this run, since there is nothing") == 1
    assert [type(job.task) for job in Cluster.jobs] == [slurm_job.SlurmJob] * 2
