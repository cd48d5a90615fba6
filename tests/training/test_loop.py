import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.spec.config import Config
from irnn.training import session
from irnn.training.session import run

Small = Callable[..., Config]


CONTRACT_METRICS = {
    "step", "epoch", "train_mse", "test_mse", "grad_norm", "clip_fraction", "lr",
    "spectral_radius", "identity_distance", "steps_per_second", "seconds",
}  # fmt: skip


CONTRACT_RESULT = {
    "run_id", "schema", "status", "seed", "seq_len", "model", "steps", "epochs", "test_mse",
    "best_test_mse", "solved_at", "seconds", "steps_per_second", "restarts", "divergences", "config",
    "task", "metric", "value", "best_value",
}  # fmt: skip


@pytest.mark.usefixtures("with_pictures")
def test_a_run_leaves_the_folder_that_the_contract_names(small: Small) -> None:
    config = small()
    result = run(config)
    folder = RunDirectory.of(config).path
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name in names if not name.startswith(".lock")} == {
        "config.yaml", "provenance.json", "metrics.jsonl", "checkpoints/last.pt",
        "checkpoints/best.pt", "result.json", "curve.png", "train.log",
    }  # fmt: skip
    assert set(result) == CONTRACT_RESULT
    for record in read_records(folder / "metrics.jsonl"):
        assert set(record) >= CONTRACT_METRICS
    assert result["run_id"] == folder.name
    provenance = json.loads((folder / "provenance.json").read_text())
    assert set(provenance) >= {
        "command", "git", "versions", "machine", "device", "kernel", "threads"
    }  # fmt: skip


def test_every_evaluation_is_recorded_and_the_budget_ends_the_run(small: Small) -> None:
    config = small("budget.updates=25")
    result = run(config)
    assert (result["status"], result["steps"]) == ("exhausted", 25)
    records = read_records(RunDirectory.of(config).metrics)
    assert [record["step"] for record in records] == [0, 10, 20, 25]
    assert records[-1]["epoch"] == 25 * 8 / 96
    assert records[-1]["test_mse"] == result["test_mse"]


def test_a_run_is_solved_at_the_first_evaluation_that_meets_the_stop_rule(small: Small) -> None:
    mse = run(small("seed=5"))["best_test_mse"]
    config = small("seed=5", f"stop.test_mse={mse * 1.5}", "evaluate.every=1")
    result = run(config)
    records = read_records(RunDirectory.of(config).metrics)
    assert result["status"] == "solved"
    assert result["test_mse"] <= mse * 1.5
    assert all(record["test_mse"] > mse * 1.5 for record in records[:-1])
    assert result["steps"] == records[-1]["step"]


def test_a_run_with_a_least_number_of_updates_goes_on_and_is_judged_later(small: Small) -> None:
    quick = ("seed=1", "optim.lr=0.003", "budget.updates=600", "evaluate.every=1")
    goal = (*quick, "stop.test_mse=0.099")
    early, late = run(small(*goal)), run(small(*goal, "stop.min_updates=600"))
    assert early["steps"] < late["steps"] == 600
    assert early["solved_at"]["0.1"] == late["solved_at"]["0.1"] is not None
    assert late["status"] == ("solved" if late["test_mse"] <= 0.099 else "exhausted")


def test_a_goal_that_was_met_and_lost_again_is_not_a_solved_run(small: Small) -> None:
    noisy = ("seed=5", "optim.lr=0.03", "evaluate.every=1")
    free = run(small(*noisy, "stop.test_mse=null"))
    goal = (free["best_test_mse"] + free["test_mse"]) / 2
    assert free["best_test_mse"] < goal < free["test_mse"]
    result = run(small(*noisy, f"stop.test_mse={goal}", "stop.min_updates=40"))
    assert (result["status"], result["steps"]) == ("exhausted", 40)


def test_without_a_stop_rule_the_whole_budget_is_used(small: Small) -> None:
    assert run(small("stop.test_mse=null"))["steps"] == 40


def test_budgets_in_epochs_and_seconds_end_a_run(small: Small) -> None:
    assert run(small("budget.updates=null", "budget.epochs=2"))["steps"] == 24
    timed = run(small("budget.updates=null", "budget.seconds=0.5", "evaluate.every=1000"))
    assert timed["status"] == "exhausted"
    assert timed["seconds"] < 20


def test_thresholds_are_the_first_updates_that_went_below(small: Small) -> None:
    config = small("stop.test_mse=null", "optim.lr=0.01", "seed=1", "budget.updates=200")
    solved_at = run(config)["solved_at"]
    records = read_records(RunDirectory.of(config).metrics)
    assert list(solved_at) == ["0.1", "0.05", "0.01", "0.001"]
    for threshold, step in solved_at.items():
        below = [r["step"] for r in records if r["test_mse"] < float(threshold)]
        assert step == (below[0] if below else None)


def test_a_picture_that_cannot_be_drawn_does_not_lose_the_result(
    small: Small, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no fonts")

    monkeypatch.setattr(session.curve, "draw", fail)
    assert run(small())["status"] == "exhausted"
    assert RunDirectory.of(small()).result.exists()
    assert "curve.png could not be drawn: no fonts" in capsys.readouterr().out


@pytest.mark.parametrize("before", [False, True])
def test_numbers_below_the_normal_range_are_zero_while_a_run_trains_and_then_as_before(
    small: Small, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    def is_zero() -> bool:
        return not (torch.full((64,), 1e-30) * 1e-9).any()

    seen: list[bool] = []

    class Observer(session._Observer):
        def evaluated(self, record: dict[str, Any]) -> None:
            seen.append(is_zero())

    monkeypatch.setattr(session, "_Observer", Observer)
    if not torch.set_flush_denormal(before):
        pytest.skip("this processor has no such mode")
    try:
        run(small())
        assert is_zero() == before
    finally:
        torch.set_flush_denormal(False)
    assert len(seen) == 5
    assert all(seen)


@pytest.mark.slow
def test_a_short_length_is_solved_for_real(small: Small) -> None:
    from irnn.spec.composition import compose_config

    runs_dir = small().runs_dir
    for seed in range(3):
        config = compose_config(
            ["experiment=fast", "seq_len=50", f"seed={seed}", "tracker=none",
             "budget.updates=10000", f"runs_dir={runs_dir}"]
        )  # fmt: skip
        assert run(config)["status"] == "solved"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("model", ["irnn", "lstm"])
def test_a_gpu_sees_the_data_of_the_cpu_and_trains_alike(small: Small, model: str) -> None:
    from dataclasses import replace

    from irnn.kernels.cuda import plan

    overrides = (f"model={model}", "init=pytorch")
    on_gpu = small(*overrides, "runtime.device=cuda")
    on_cpu = small(*overrides, "runtime.device=cpu")
    on_cpu = replace(on_cpu, runs_dir=on_cpu.runs_dir + "/cpu")
    assert run(on_gpu)["best_test_mse"] == pytest.approx(run(on_cpu)["best_test_mse"], rel=1e-3)
    provenance = json.loads(RunDirectory.of(on_gpu).provenance.read_text())
    has_kernels = model == "irnn" and not plan.why_unavailable()
    assert provenance["kernel"] == ("cuda" if has_kernels else "torch")
