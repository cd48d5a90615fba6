"""Which jobs of a sweep train together on a GPU, and where nothing can."""

from functools import cache
from pathlib import Path

import pytest

from irnn import train
from irnn.spec.composition import Composer
from irnn.spec.errors import ConfigError
from irnn.sweeps import launch, packs
from irnn.sweeps.job import Job
from irnn.sweeps.places import Place
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


@pytest.mark.parametrize("launcher", ["slurm", "basic"])
def test_a_launcher_that_makes_no_packs_refuses_a_number_of_them(
    launcher: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sweep(tmp_path, f"hydra/launcher={launcher}", "seed=0,1", "sweep.pack=8") == 2
    assert "sweep.pack=8: hydra/launcher=local alone makes packs" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


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
    assert packs.deal([job("sweep.pack=1")], [ON_GPU], 1)[0].seats == 1
