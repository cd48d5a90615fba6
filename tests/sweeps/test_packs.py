"""Which jobs of a sweep train together on a GPU, and where nothing can."""

import multiprocessing
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from irnn import train
from irnn.spec.composition import Composer
from irnn.spec.errors import ConfigError
from irnn.sweeps import launch, packs, places
from irnn.sweeps.job import Job
from irnn.sweeps.packs import Place
from tests.conftest import SMALL

ON_GPU, ON_CPU = Place("cuda", "cuda"), Place("cpu", "native")
composer = cache(Composer)


def sweep(tmp_path: Path, *words: str) -> int:
    return train.main(["-m", *SMALL, f"runs_dir={tmp_path}/runs", *words])


def test_a_number_is_refused_where_there_is_no_gpu_and_off_and_auto_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "find_places", lambda configs: ([ON_CPU for _ in configs], 0))
    assert sweep(tmp_path, "seed=0,1", "sweep.pack=8") == 2
    assert (
        "sweep.pack=8: runs train together on a GPU, and PyTorch sees no CUDA device here; use"
        in (capsys.readouterr().err)
    )
    assert not (tmp_path / "runs").exists()
    for wrong in ("0", "-3", "many", "2.5", "null"):
        with pytest.raises(ConfigError, match=rf"sweep\.pack={wrong}: must"):
            composer().compose([f"sweep.pack={wrong}"])


def test_a_launcher_that_makes_no_packs_refuses_a_number_of_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tmp_path, "hydra/launcher=basic", "seed=0,1", "sweep.pack=8") == 2
    assert "sweep.pack=8: only hydra/launcher=local and slurm make" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "lacking", "told"),
    [
        (("runtime.device=cuda", "sweep.pack=8"), "there is nothing", "pack=8: there is nothing"),
        (("sweep.pack=8",), "", "and none asks for one: runtime.device=cuda"),
        (
            ("runtime.device=cuda", "hydra.launcher.gpus_per_node=2"),
            "",
            "gpus_per_node=2: a job of packed runs has one GPU; use hydra.launcher.gpus_per_node=1",
        ),
    ],
    ids=["without the package", "without a GPU", "with two"],
)
def test_a_cluster_refuses_packs_that_cannot_be(
    words: tuple[str, ...], lacking: str, told: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(packs.plan, "why_unavailable", lambda: lacking)
    assert sweep(tmp_path, "hydra/launcher=slurm", "seed=0,1", *words) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_runs_of_one_shape_that_ask_for_a_gpu_share_jobs_of_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packs.plan, "why_unavailable", lambda: "")

    def sizes(*words: str) -> list[int]:
        jobs = [job("runtime.device=cuda", f"seed={seed}", *words) for seed in range(7)]
        longer = [
            job("runtime.device=cuda", f"seed={seed}", "seq_len=200", *words) for seed in (0, 1)
        ]
        others = [job(f"seed={seed}", *words) for seed in range(2)]  # may train on the CPU
        mixed = [jobs[0], others[0], *jobs[1:], *longer, others[1]]
        dealt = packs.deal_to_cluster(mixed, 1)
        assert sorted(j.run_id for group in dealt for j in group) == sorted(j.run_id for j in mixed)
        assert all(len({packs.key_of(j.config) for j in group}) == 1 for group in dealt)
        return [len(group) for group in dealt]

    assert sizes() == [7, 1, 2, 1]
    assert sizes("sweep.pack=3") == [3, 1, 2, 2, 2, 1]
    assert sizes("sweep.pack=1") == [1] * 11
    assert sizes("sweep.pack=off") == [1] * 11
    monkeypatch.setattr(packs, "MOST_IN_A_JOB", 4)
    assert sizes() == [4, 1, 3, 2, 1]
    monkeypatch.setattr(packs.plan, "why_unavailable", lambda: "there is nothing")
    assert sizes() == [1] * 11


def job(*words: str) -> Job:
    config = composer().compose(["sweep.name=x", *words])
    return Job((), "", config, str(words), Path("x"))


def test_what_shares_a_shape_shares_a_pack_whatever_else_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packs.plan, "why_unavailable", lambda: "")
    alike = [
        job(*words)
        for words in (
            (), ("seed=7",), ("optim=sgd", "optim.lr=0.1"), ("clip=10",), ("init=gaussian",),
            ("divergence.policy=restart", "budget.updates=7", "evaluate.every=3"), ("task.train_size=50",),
        )
    ]  # fmt: skip
    longer, alone = [job("seq_len=200", f"seed={seed}") for seed in range(3)], job("batch_size=8")
    without = [job("budget.seconds=5"), job("model.num_layers=2", "init=pytorch")]
    jobs = [*alike, *longer, alone, *without]
    dealt = packs.deal(jobs, [ON_GPU] * len(jobs), 2)
    assert [(pack.gpu, len(pack.jobs)) for pack in dealt] == [(0, 4), (1, 3), (0, 2), (1, 1)]
    assert sorted(j.run_id for pack in dealt for j in pack.jobs) == sorted(
        j.run_id for j in (*alike, *longer)
    )
    on_cpu = packs.deal(jobs, [ON_CPU] * len(jobs), 2)
    off = packs.deal([job("sweep.pack=off")] * 2, [ON_GPU] * 2, 1)
    assert (on_cpu, off) == ([], [])
    assert packs.deal([job("sweep.pack=1")], [ON_GPU], 1)[0].at_once == 1


def test_what_does_not_fit_into_a_gpu_is_refused_before_the_sweep_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packs.plan, "why_unavailable", lambda: "")
    monkeypatch.setattr("irnn.training.hardware.choose_device", lambda _: torch.device("cuda", 0))
    size = [10**10]
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=size[0])
    )
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    def probed(jobs: list[Job]) -> Any:
        ours, theirs = multiprocessing.Pipe()
        places.probe(theirs, 0, [each.config for each in jobs])
        return ours.recv()

    def deal(pack: str) -> list[packs.Pack]:
        jobs = [job(f"seed={seed}", f"sweep.pack={pack}") for seed in range(5)]
        found, gpus = probed(jobs)
        return packs.deal(jobs, found, gpus)

    (small,), _ = probed([job()])
    assert small.capacity > 20
    size[0] = size[0] * 3 // small.capacity
    assert probed([job()])[0][0].capacity in (2, 3)
    assert deal("2")[0].at_once == 2
    with pytest.raises(ConfigError, match=r"sweep\.pack=4: of runs such as .* about [23] fit into"):
        deal("4")
    assert len(deal("auto")[0].jobs) == 5, "they stream through as many places as fit"
    assert len(deal("off")) == 0
    size[0] = 1000
    refused = probed([job()])
    assert isinstance(refused, ConfigError)
    assert "this run needs about" in str(refused)


def test_a_number_of_seats_where_a_run_fits_only_alone_is_refused_and_auto_trains_it_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packs.plan, "why_unavailable", lambda: "")
    full = [Place("cuda", "cuda", 0)] * 2
    for pack in ("1", "2"):
        with pytest.raises(ConfigError, match=rf"^sweep\.pack={pack}: .* only alone.*pack=off"):
            packs.deal([job(f"seed={seed}", f"sweep.pack={pack}") for seed in (0, 1)], full, 1)
    for pack in ("auto", "off"):
        jobs = [job(f"seed={seed}", f"sweep.pack={pack}") for seed in (0, 1)]
        assert packs.deal(jobs, full, 1) == []
