"""The quick way to compose a run gives what Hydra gives that composes all of it at once."""

import pytest

from irnn.spec import bases
from irnn.spec.composition import Composer, compose_config
from irnn.spec.config import ConfigError
from tests.at_once import compose_at_once

JOBS = [
    [],
    ["seed=3"],
    ["seq_len=175", "clip=none", "optim.lr=1"],
    ["experiment=fast", "seq_len=150"],
    ["experiment=fast", "seed=3", "seq_len=60", "batch_size=8"],
    ["experiment=long", "optim.integrator_lr_scale=0.5", "seq_len=300", "optim.lr=1"],
    ["model=lstm", "optim=sgd", "optim.momentum=0.9", "optim.nesterov=true"],
    ["optim=rmsprop", "seed=1", "seed=2"],
    ["init_scale=none", "init=gaussian", "init.recurrent_std=0.1"],
    ["init_scale=none", "init.gain=0.5"],
    ["runs_dir='a b'", "force=true", "batch_size=8", "tracker.group=g"],
    ["sweep=paper_grid", "optim.lr=1e-3", "clip.max_norm=100"],
    ["evaluate.every=${checkpoint.every}", "checkpoint.every=7"],
    ["runs_dir=${oc.env:HOME}/x"],
    ["++seed=4", "budget.updates=null"],
]


@pytest.mark.parametrize("overrides", JOBS, ids=" ".join)
def test_a_run_alone_or_of_a_sweep_is_what_hydra_composes_at_once(overrides: list[str]) -> None:
    at_once = compose_at_once(overrides)
    assert Composer().compose(overrides) == at_once
    assert compose_config(overrides) == at_once


def test_values_of_one_job_never_reach_another() -> None:
    composer = Composer()
    jobs = [["optim=sgd"], ["optim.lr=0.5"], ["optim=sgd", "seed=1"], ["seed=1"], ["optim.lr=1"]]
    together = [composer.compose(job) for job in [*jobs, *reversed(jobs)]]
    at_once = [compose_at_once(job) for job in jobs]
    assert together == [*at_once, *reversed(at_once)]


def test_true_is_no_number() -> None:
    composer = Composer()
    assert composer.compose(["seed=1"]).seed == 1
    with pytest.raises(ConfigError, match="seed=true"):
        composer.compose(["seed=true"])


@pytest.mark.parametrize(
    "overrides",
    [
        ["optim.lrr=1"],
        ["+sweep=paper_grid"],
        ["seed=abc"],
        ["optim.lr=-1"],
        ["optim.lr=-1", "batch_size=0", "model.hidden_size=-1"],
        ["optim=sgd", "seed=2", "optim.momentum=7"],
        ["experiment=fast", "seq_len=1"],
        ["runtime.dtype=float64", "runtime.device=mps"],
        ["optim.momentum=0.5"],
        ["nonsense"],
        ["clip=five"],
    ],
)
def test_what_is_refused_is_refused_in_the_same_words(overrides: list[str]) -> None:
    with pytest.raises(ConfigError) as at_once:
        compose_at_once(overrides)
    with pytest.raises(ConfigError) as quickly:
        Composer().compose(overrides)
    assert str(quickly.value) == str(at_once.value)


def test_a_job_that_only_sets_values_costs_neither_hydra_nor_the_other_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from irnn.spec import composition, typed

    composer = Composer()
    first = composer.compose(["seq_len=20", "optim.lr=0.1", "seed=0"])

    def never(*_: object) -> None:
        raise AssertionError

    for module, name in ((composition, "config_of"), (composition, "check"), (typed, "_leaf")):
        monkeypatch.setattr(module, name, never)
    for module in (composition, bases):
        monkeypatch.setattr(module, "composed", never)
    second = composer.compose(["seq_len=20", "optim.lr=1", "seed=1"])
    assert (second.seed, second.optim.lr, second.task) == (1, 1.0, first.task)
    assert second.model is first.model, "sections in which nothing is set are shared"


def test_a_value_may_set_right_what_a_group_leaves_open() -> None:
    words = ["init=split_identity", "init.firings=null", "init.threshold_low=0.5"]
    assert Composer().compose(words) == compose_at_once(words)


def test_a_sweep_composes_its_groups_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from irnn.spec import hydra_composition

    calls = []
    real = hydra_composition.compose
    monkeypatch.setattr(
        hydra_composition,
        "compose",
        lambda *a, **k: (calls.append(k["overrides"]), real(*a, **k))[1],
    )
    monkeypatch.setattr(bases, "_kept", {})
    composer = Composer()
    for optimizer in ("sgd", "adam"):
        for seed in range(50):
            composer.compose([f"optim={optimizer}", f"seed={seed}", "seq_len=20"])
    assert len(calls) == 2
    for seed in range(50):
        composer.compose(["experiment=fast", f"seed={seed}", f"seq_len={20 + seed % 2}"])
    assert len(calls) == 5, "the groups, and each length from which other values are made"
