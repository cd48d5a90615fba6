"""Runs in a pack: the same bits as alone, whatever becomes of the runs beside them."""

import json
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cuda_on_cpu import COMPILER
from cuda_runs import (
    CPU,
    Machines,
    Quiet,
    Small,
    by_the_kernels,
    fill_the_disk_of,
    left,
    poison,
    together,
)

from irnn.runs import checkpoint
from irnn.runs.directory import RunDirectory
from irnn.runs.drawers import Drawers
from irnn.runs.files import StorageError
from irnn.spec.composition import compose_config
from irnn.spec.config import Config
from irnn.training import session
from irnn.training.loop import Interrupted
from irnn.training.packed import PackedStretch, PackError
from irnn.training.session import run
from irnn.training.step import Updater

DRAW = Drawers.draw
pytestmark = [
    pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler"),
    pytest.mark.timeout(120),
]

VARIED = (
    ("optim=adam", "optim.schedule=cosine"),
    ("optim=adam", "optim.lr=0.003", "optim.amsgrad=true", "seed=4"),
    ("optim=sgd", "optim.momentum=0.9", "clip.max_norm=0.01"),
    ("optim=rmsprop", "evaluate.every=7", "checkpoint.every=9", "budget.updates=23"),
    ("init=gaussian", "optim.recurrent_lr_scale=0.1"),
    ("optim.lr=0.02", "stop.test_mse=10", "stop.min_updates=15"),
)
"""What may differ within a pack."""


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Machines:
    return Machines(tmp_path_factory.getbasetemp().parent / "cuda_on_cpu")


@pytest.fixture(autouse=True)
def kernels(machines: Machines) -> Any:
    with by_the_kernels(machines):
        yield


def alone(config: Config, tmp_path: Path) -> str:
    """Train a run by itself in another folder, and give what it leaves."""
    own = replace(config, runs_dir=f"{tmp_path}/alone")
    run(own, (), Quiet)
    return left(own)


def test_runs_leave_the_same_bits_packed_as_alone_though_more_of_them_than_seats(
    small: Small, tmp_path: Path, machines: Machines
) -> None:
    configs = [small(*words) for words in VARIED]
    became = together(configs, 2, machines)
    assert not [each for each in became if not isinstance(each, dict)]
    assert became[-1]["status"] == "solved", "one is to leave early"
    for config in configs:
        assert left(config) == alone(config, tmp_path)
        provenance = json.loads(RunDirectory.of(config).provenance.read_text())
        assert [each["pack"] for each in provenance["sessions"]] == [2]
    assert run(configs[0], (), Quiet, say=lambda _: None) == became[0], "it answers from its folder"


def test_a_divergence_in_a_pack_is_the_run_s_own_affair_with_every_policy(
    small: Small, tmp_path: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison(13, monkeypatch, of=lambda data: data.seed > 0)
    policies = ("stop", "rollback", "restart")
    configs = [small(), *(small("seed=1", f"divergence.policy={each}") for each in policies)]
    became = together(configs, 4, machines)
    assert [each["status"] for each in became] == [
        "exhausted",
        "diverged",
        "exhausted",
        "exhausted",
    ]
    assert [len(each["divergences"]) for each in became] == [0, 1, 1, 1]
    for config in configs:
        assert left(config) == alone(config, tmp_path)


def test_a_signal_ends_all_with_a_checkpoint_from_which_a_pack_or_a_run_alone_goes_on(
    small: Small, tmp_path: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = [small("evaluate.every=5", f"seed={seed}") for seed in range(3)]
    signals: list[int] = []
    evaluated = Quiet.evaluated

    def told(self: Quiet, record: dict[str, Any]) -> None:
        evaluated(self, record)
        if record["step"] == 20 and not signals:
            signals.append(signal.SIGTERM)

    monkeypatch.setattr(Quiet, "evaluated", told)
    became = together(configs, 2, machines, signals)
    assert [type(each) for each in became] == [Interrupted, Interrupted, type(None)]
    assert not RunDirectory.of(configs[2]).path.exists(), "the one that waited was not begun"
    steps = [
        checkpoint.load(RunDirectory.of(config).last, CPU)["progress"]["step"]
        for config in configs[:2]
    ]
    assert all(0 < step < 40 for step in steps)
    run(configs[0], (), Quiet)
    assert all(isinstance(each, dict) for each in together(configs, 3, machines))
    for config in configs:
        assert left(config) == alone(config, tmp_path)


def test_a_run_that_was_killed_in_a_pack_goes_on_from_its_last_checkpoint(
    small: Small, tmp_path: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        """What no code of a run expects, as it does not expect to be killed."""

    configs = [small("evaluate.every=5", "checkpoint.every=5", f"seed={seed}") for seed in (0, 1)]
    monkeypatch.setattr("irnn.training.saving.Saver.is_time", lambda self: True)
    with monkeypatch.context() as patch:
        several = Updater.several

        def killed(self: Updater, *arguments: Any) -> Any:
            if self.optimizer.count >= 20:
                raise KilledError
            return several(self, *arguments)

        patch.setattr(Updater, "several", killed)
        became = together(configs, 2, machines)
    assert all(isinstance(each, KilledError) for each in became)
    found = checkpoint.load(RunDirectory.of(configs[0]).last, CPU)
    assert found["progress"]["step"] == 20
    together(configs, 2, machines)
    for config in configs:
        assert left(config) == alone(config, tmp_path)


def test_an_error_of_one_run_is_told_of_that_run_and_its_seat_is_taken_by_the_next(
    small: Small, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_the_disk_of(1, monkeypatch)
    became = together([small(f"seed={seed}") for seed in range(4)], 2, machines)
    assert isinstance(became[1], StorageError)
    assert [type(became[place]) for place in (0, 2, 3)] == [dict, dict, dict]


def test_a_seat_for_one_update_is_a_seat(
    small: Small, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("irnn.training.packed._MOST_SLOTS", 1)  # as where a batch fills it
    made: list[int] = []
    seated = PackedStretch.__call__

    def counted(self: Any, pieces: Any, rates: Any) -> Any:
        made.append(len(rates))
        return seated(self, pieces, rates)

    monkeypatch.setattr(PackedStretch, "__call__", counted)
    became = together([small()], 1, machines)
    assert made == [1] * became[0]["steps"]


def test_a_pack_that_breaks_ends_all_its_runs_with_the_reason_and_begins_no_more(
    small: Small, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    launches = [0]

    def broken(self: Any) -> None:
        launches[0] += 1
        if launches[0] > 3:
            raise RuntimeError("CUDA's driver failed: CUDA_ERROR_LAUNCH_FAILED")

    monkeypatch.setattr("irnn.kernels.cuda.pack.Pack.update", broken)
    configs = [small(f"seed={seed}") for seed in range(3)]
    became: list[Any] = []

    def one(place: int, pack_context: Any) -> None:
        with pytest.raises(PackError, match="CUDA_ERROR_LAUNCH_FAILED") as caught:
            session.run(configs[place], (), Quiet, pack=pack_context)
        became.append(caught.value)

    from irnn.training.pack_trainer import PackTrainer

    pack = PackTrainer(configs[0], 2, CPU, machines)
    with pytest.raises(RuntimeError, match="CUDA's driver failed"):
        pack.train(range(3), one, [])
    assert len(became) == 2


def test_curves_are_drawn_by_another_process_which_says_what_went_wrong(tmp_path: Path) -> None:
    result = {"divergences": [], "solved_at": {}, "status": "exhausted"}
    config = compose_config([])
    metrics = tmp_path / "metrics.jsonl"
    drawers = Drawers(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawers, "draw", partial(DRAW, drawers))
        patch.setattr("irnn.runs.curve.draw", print)  # nobody here draws
        drawers.draw(metrics, result, config, config.task, tmp_path / "curve.png")
        assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"
        with pytest.raises(StorageError, match="cannot write"):
            drawers.draw(metrics, result, config, config.task, tmp_path / "none" / "curve.png")
        with pytest.raises(RuntimeError, match="it lacks 'solved_at'"):
            drawers.draw(metrics, {}, config, config.task, tmp_path / "curve.png")
    drawers.close()


def test_checkpoints_in_a_pack_are_as_frequent_as_time_allows_and_the_best_is_kept(
    small: Small, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[str] = []
    save = checkpoint.save

    def counted(path: Path, *arguments: Any) -> None:
        saved.append(path.name)
        save(path, *arguments)

    monkeypatch.setattr(checkpoint, "save", counted)
    config = small("checkpoint.every=1", "evaluate.every=5")
    together([config], 1, machines)
    assert saved == ["best.pt", "last.pt"], "a run of a second writes both at its end"
