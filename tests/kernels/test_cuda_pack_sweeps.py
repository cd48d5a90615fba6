"""Sweeps whose jobs train in packs, as on a machine with a GPU: processes are threads, the GPU the shim."""

import json
import multiprocessing
import pickle
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import pytest
from cuda_on_cpu import COMPILER
from cuda_runs import CPU, Machines, Quiet, by_the_kernels, fill_the_disk_of, left
from tests.conftest import SMALL

from irnn import train
from irnn.spec.composition import Composer
from irnn.sweeps import forking, launch, pack_worker, pool
from irnn.sweeps.packs import Place
from irnn.system.helpers import HelperError
from irnn.training.pack_trainer import PackTrainer
from irnn.training.session import run

pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler"),
    pytest.mark.timeout(120),
]
ON_GPU, ON_CPU = Place("cuda", "cuda"), Place("cpu", "native")


class Child:
    """A process of a pack, in the form of a thread."""

    made: ClassVar[list["Child"]] = []

    def __init__(self, jobs: Any, at_once: int, machines: Machines) -> None:
        self.connection, theirs = multiprocessing.Pipe(duplex=False)
        self.signals: list[int] = []
        self.jobs = jobs

        def work() -> None:
            with theirs:
                pack_worker.serve(theirs, jobs, opened, self.signals)

        def opened(first: Any, count: int) -> PackTrainer:
            return PackTrainer(first, min(at_once, count), CPU, machines)

        self._thread = threading.Thread(target=work)
        self._thread.start()
        self.made.append(self)

    def join(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def terminate(self) -> None:
        self.signals.append(15)

    def kill(self) -> None:
        self.terminate()

    def how_it_ended(self) -> str:
        return "ended without a result"


Asked = list[Any]


@pytest.fixture
def gpu(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let this machine have a GPU; gives the list of processes that were begun for packs."""
    machines = Machines(tmp_path_factory.getbasetemp().parent / "cuda_on_cpu")
    Child.made = []

    def forked(function: Callable[..., Any], *arguments: Any) -> Any:
        if function is not pack_worker.work:
            assert all(child.join(0) for child in Child.made), "a pack has the GPU for itself"
            raise HelperError(f"a process of its own, after {len(Child.made)} pack")
        jobs, _, _, at_once, _ = arguments
        return Child(jobs, at_once or 3, machines)

    def places(configs: Any) -> Any:
        return [ON_CPU if "lstm" in c.model.name else ON_GPU for c in configs], 1

    monkeypatch.setattr(forking, "fork", forked)
    monkeypatch.setattr(launch, "find_places", places)
    with by_the_kernels(machines):
        yield Child.made


def sweep(tmp_path: Path, *words: str) -> int:
    return train.main(["-m", *SMALL, f"runs_dir={tmp_path}/runs", *words])


def test_a_sweep_on_a_gpu_trains_in_a_pack_what_fits_and_then_the_rest_as_ever(
    tmp_path: Path, gpu: Asked, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("seed=0,1", "budget.updates=10", "init=pytorch")
    assert sweep(tmp_path, "model=irnn,lstm", *words) == 1  # no process trains the LSTMs here
    said = capsys.readouterr()
    assert "2 jobs in packs on 1 GPU; then 2 others" in said.out
    assert "4 jobs: 2 done (0 solved), 0 running, 2 failed, 0 left" in said.out
    assert "FAILED model=lstm seed=0: a process of its own, after 1 pack" in said.err
    assert [len(child.jobs) for child in gpu] == [2]
    assert sweep(tmp_path, "model=irnn", *words) == 0
    assert "2 of them finished before" in capsys.readouterr().out
    assert len(gpu) == 1, "what is finished is not packed again"


def test_an_error_in_a_pack_fails_its_job_and_the_sweep_says_so(
    tmp_path: Path, gpu: Asked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk_of(1, monkeypatch)
    assert sweep(tmp_path, "seed=range(4)", "sweep.pack=2", "budget.updates=20") == 1
    said = capsys.readouterr()
    assert "up to 2 at a time" in said.out
    assert "4 jobs: 3 done (0 solved), 0 running, 1 failed, 0 left" in said.out
    assert "FAILED seed=1: cannot write" in said.err


WANDB = """
import json, os, pathlib
class Run:
    def __init__(self, settings):
        if settings["config"]["seed"] == 1: raise RuntimeError("W&B refuses this one")
        self.out, self.summary = pathlib.Path(settings["dir"], "fake.jsonl"), {}
        self.put(os.getpid())
    def put(self, what):
        with self.out.open("a") as out: out.write(json.dumps(what) + "\\n")
    def log(self, record, step): self.put(step)
    def __enter__(self): return self
    def __exit__(self, *_): self.put(self.summary["status"])
def init(**settings): return Run(settings)
"""


def test_one_process_mirrors_all_runs_of_a_pack_and_one_that_fails_is_told_in_its_log(
    tmp_path: Path, gpu: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wandb.py").write_text(WANDB)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    words = ("seed=range(4)", "sweep.pack=2", "budget.updates=20", "tracker=wandb")
    assert sweep(tmp_path, *words) == 0
    folders = sorted((tmp_path / "runs").glob("irnn-*"))
    logs = [(folder / "train.log").read_text() for folder in folders]
    assert ["W&B failed, see the log of its pack" in log for log in logs] == [
        False, True, False, False,
    ]  # fmt: skip
    mirrored = [folder / "fake.jsonl" for folder in folders]
    seen = [
        [json.loads(line) for line in each.read_text().splitlines()]
        for each in mirrored
        if each.exists()
    ]
    assert len({pid for pid, *_ in seen}) == 1
    assert [rest for _, *rest in seen] == [[0, 10, 20, "exhausted"]] * 3


def test_a_process_of_a_pack_that_dies_fails_what_it_had_begun_and_the_rest_is_packed_again(
    tmp_path: Path, gpu: Asked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_all = PackTrainer.train

    outcome = pack_worker.outcome
    calls: list[int] = []

    def half(*arguments: Any) -> Any:
        calls.append(1)
        return ("begun", None) if len(calls) <= 2 else outcome(*arguments)

    def two(self: Any, jobs: Any, *more: Any) -> None:
        train_all(self, jobs[:2] if len(jobs) == 5 else jobs, *more)

    monkeypatch.setattr(pack_worker, "outcome", half)
    monkeypatch.setattr(PackTrainer, "train", two)
    assert sweep(tmp_path, "seed=range(5)", "budget.updates=20") == 1
    said = capsys.readouterr()
    assert "5 jobs: 3 done (0 solved), 0 running, 2 failed, 0 left" in said.out
    assert "ended without a result" in said.err
    assert [len(child.jobs) for child in gpu] == [5, 3]


def test_a_pack_that_cannot_be_made_says_what_trains_without(
    tmp_path: Path, gpu: Asked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(self: Any, *arguments: Any) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(PackTrainer, "__init__", out_of_memory)
    assert sweep(tmp_path, "seed=0,1") == 1
    said = (
        "memory ran out (CUDA out of memory): make the run smaller); sweep.pack=off trains without"
    )
    assert said in capsys.readouterr().err


def test_fail_fast_and_signals_end_a_pack_with_checkpoints(
    tmp_path: Path, gpu: Asked, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_LOOK_SECONDS", 0.01)
    fill_the_disk_of(0, monkeypatch)
    words = (
        "seed=range(3)",
        "budget.updates=20,100000",
        "sweep.fail_fast=true",
        "evaluate.every=5",
    )
    assert sweep(tmp_path, *words) == 1
    assert gpu[0].signals, "it was told to end"
    said = capsys.readouterr()
    assert "sweep.fail_fast=true: running jobs write their checkpoints and end" in said.out
    assert [*(tmp_path / "runs").glob("*/checkpoints/last.pt")]


composer = cache(Composer)


def in_a_process(connection: Any, alive: int, jobs: Any, log: Path, folder: Path) -> None:
    """Do what a pack's process does, with the shim for its GPU."""
    machines = Machines(folder)

    def opened(first: Any, count: int, at_once: int | None) -> PackTrainer:
        return PackTrainer(first, 2, CPU, machines)

    pack_worker.open_here = opened
    with by_the_kernels(machines):
        pack_worker.work(connection, alive, jobs, ["-m"], 0, None, log)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_pack_s_process_that_is_killed_or_told_to_end_goes_on_to_the_bits_of_runs_alone(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp().parent / "cuda_on_cpu"
    base = [*SMALL, f"runs_dir={tmp_path}/runs", "budget.updates=400", "evaluate.every=20"]
    configs = [composer().compose([*base, f"seed={seed}"]) for seed in range(3)]
    jobs = [(pickle.dumps(config), [f"seed={config.seed}"]) for config in configs]

    def begun() -> Any:
        return forking.fork(in_a_process, jobs, tmp_path / "pack.log", folder)

    def told(child: Any, until: Callable[[list[Any]], bool]) -> list[Any]:
        messages: list[Any] = []
        with suppress(EOFError):
            while not until(messages):
                messages.append(child.connection.recv())
        return messages

    def evaluated(messages: list[Any]) -> bool:
        return sum(kind == "progress" and "test_loss" in what for kind, what, _ in messages) >= 2

    killed = begun()
    told(killed, evaluated)
    killed.kill()
    assert killed.join(30)
    ended = begun()
    told(ended, evaluated)
    ended.terminate()
    assert "stopped" in {kind for kind, _, _ in told(ended, lambda _: False)}
    assert ended.join(30)
    last = told(begun(), lambda _: False)
    assert sorted(place for kind, _, place in last if kind == "result") == [0, 1, 2], last
    with by_the_kernels(Machines(folder)):
        for config in configs:
            own = replace(config, runs_dir=f"{tmp_path}/alone")
            run(own, (), Quiet)
            assert left(own) == left(config)
    assert (tmp_path / "pack.log").exists()
