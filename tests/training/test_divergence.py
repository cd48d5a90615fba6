import json
import math
from collections.abc import Callable

import pytest

from irnn.runs.directory import RunDirectory
from irnn.runs.identity import run_id
from irnn.runs.metrics import read_records
from irnn.spec.config import Config, Divergence
from irnn.tasks.metric import squared_error
from irnn.training.divergence import Reference, judge_evaluation, judge_update
from irnn.training.evaluate import Scores
from irnn.training.progress import Interval
from irnn.training.session import run
from irnn.training.step import Update

Small = Callable[..., Config]
RULE = Divergence(factor=100, grace=1000)
METRIC = squared_error(1 / 6, "answering 1")

EXPLODING = (
    "optim=sgd",
    "optim.lr=0.5",
    "clip=100",
    "model=irnn",
    "init.input_std=0.3",
    "task.seq_len=60",
    "model.hidden_size=20",
    "budget.updates=300",
    "evaluate.every=20",
    "divergence.grace=40",
)
"""The paper's kind of settings with a far larger step, so that the explosion comes at once."""


def judged(*mses: float, at: int = 0, every: int = 250) -> str | None:
    reference = Reference()
    reason = None
    for number, mse in enumerate(mses):
        reason = judge_evaluation(RULE, METRIC, reference, at + number * every, mse, mse)
    return reason


def test_a_plateau_is_not_divergence() -> None:
    assert judged(1.1, 0.17, 0.166, 0.17, 0.166, 0.18, 1.0) is None


@pytest.mark.parametrize(
    ("mse", "reason"),
    [
        (math.nan, "held-out MSE is nan"),
        (math.inf, "held-out MSE is inf"),
        (1e19, "typical training MSE is 1e+19, over the limit of 100"),
    ],
)
def test_a_loss_that_is_huge_or_not_a_number_is_divergence(mse: float, reason: str) -> None:
    assert judged(1.0, 0.17, mse) == reason


def test_a_finite_explosion_right_after_the_start_is_divergence() -> None:
    assert judged(1.0, 1e19) is not None


@pytest.mark.parametrize("step", [250, 2500])
def test_a_wild_held_out_loss_is_no_divergence_until_training_shows_it_too(step: int) -> None:
    """Seed 0 of the default recipe: 1.8e4 at update 250, gone by 430 (AVX-512)."""
    reference = Reference()
    assert judge_evaluation(RULE, METRIC, reference, 0, None, 0.29) is None
    assert judge_evaluation(RULE, METRIC, reference, step, 2.0, 1.8e4) is None
    assert "held-out MSE is nan" in (
        judge_evaluation(RULE, METRIC, reference, step, 2.0, math.nan) or ""
    )
    assert "typical" in (judge_evaluation(RULE, METRIC, reference, step + 250, 1e3, 1e3) or "")


def test_weights_of_a_wild_held_out_loss_are_not_kept_as_good(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from irnn.training.trainer import Trainer

    config = small("divergence.policy=rollback")
    directory = RunDirectory.of(config)
    directory.last.parent.mkdir(parents=True)
    trainer = Trainer(config, run_id(config), directory, torch.device("cpu"))
    assert trainer.evaluate()[1] is None
    weight = next(trainer.model.parameters())
    healthy = weight.detach().clone()
    with torch.no_grad():
        weight.add_(1)
    monkeypatch.setattr("irnn.training.trainer.held_out_scores", lambda *_: Scores(1e6))
    assert trainer.evaluate()[1] is None
    trainer.recover("a test")
    assert torch.equal(weight, healthy)


def test_a_start_with_a_loss_in_the_hundreds_is_not_divergence() -> None:
    assert judged(700.0, 900.0, 300.0, 1.0) is None


def test_the_same_loss_after_learning_is_divergence() -> None:
    assert judged(700.0, 1.0, 0.2, 0.2, 0.2, 0.2, 300.0) is not None


def test_a_solved_run_that_slips_back_to_the_plateau_has_not_diverged() -> None:
    assert judged(1.0, 0.2, 0.1, 0.01, 0.001, 0.0005, 0.17) is None


def test_training_loss_counts_too() -> None:
    reference = Reference()
    judge_evaluation(RULE, METRIC, reference, 0, None, 1.0)
    assert "training" in (judge_evaluation(RULE, METRIC, reference, 250, 1e9, 1.0) or "")


def test_an_infinite_gradient_is_divergence_even_if_the_loss_is_finite() -> None:
    assert "gradient norm is inf" in (judge_update(Update(1e19, math.inf, False, False)) or "")
    assert "loss" in (judge_update(Update(math.nan, 1.0, False, False)) or "")
    assert judge_update(Update(1e6, 1e9, True, True)) is None


def test_one_wild_batch_does_not_make_the_typical_loss_wild() -> None:
    interval = Interval()
    for loss in [0.17] * 249 + [1e10]:
        interval.add([Update(loss, 1.0, True, True)], 0.0)
    typical = interval.typical_loss()
    assert typical is not None
    assert 0.1 < typical < 0.3
    lasting = Interval()
    for loss in [0.17] * 50 + [1e19] * 200:
        lasting.add([Update(loss, 1.0, True, True)], 0.0)
    assert (lasting.typical_loss() or 0) > 1e10


def events_of(config: Config) -> list[dict[str, object]]:
    records = read_records(RunDirectory.of(config).metrics)
    return [record["event"] for record in records if "event" in record]


def test_an_exploding_run_ends_as_diverged_with_the_truth_recorded(small: Small) -> None:
    config = small(*EXPLODING)
    result = run(config)
    assert result["status"] == "diverged"
    assert len(result["divergences"]) == 1
    assert result["divergences"][0]["action"] == "stop"
    assert events_of(config) == result["divergences"]
    assert result["steps"] <= 300
    saved = json.loads(RunDirectory.of(config).result.read_text())
    del saved["digest"]  # of the file
    assert saved == result


def test_a_bad_state_never_overwrites_a_good_checkpoint(small: Small) -> None:
    import torch

    from irnn.runs import checkpoint

    config = small(*EXPLODING, "checkpoint.every=1")
    run(config)
    directory = RunDirectory.of(config)
    cpu = torch.device("cpu")
    for weights in (
        checkpoint.load(directory.last, cpu)["weights"]["model"],
        checkpoint.load(directory.best, cpu)["model"],
    ):
        assert max(tensor.abs().max().item() for tensor in weights.values()) < 10


def test_rollback_goes_on_from_the_last_good_state_at_a_lower_rate(small: Small) -> None:
    config = small(*EXPLODING, "divergence.policy=rollback", "divergence.max_recoveries=30")
    result = run(config)
    assert result["status"] in ("solved", "exhausted")
    assert result["restarts"] == len(result["divergences"]) >= 1
    assert {event["action"] for event in result["divergences"]} == {"rollback"}
    records = read_records(RunDirectory.of(config).metrics)
    assert records[-1]["lr"] == pytest.approx(0.5 * 0.5 ** result["restarts"])
    assert records[-1]["test_mse"] < 10
    assert result["test_mse"] < 10
    steps = [record["step"] for record in records]
    assert steps == sorted(steps)


def test_restart_draws_a_new_start_and_evaluates_it(small: Small) -> None:
    config = small(*EXPLODING, "divergence.policy=restart", "divergence.max_recoveries=2")
    result = run(config)
    records = read_records(RunDirectory.of(config).metrics)
    restarted = next(place for place, record in enumerate(records) if "event" in record)
    assert records[restarted]["event"]["action"] == "restart"
    fresh = records[restarted + 1]
    assert fresh["step"] == records[restarted]["step"]
    assert fresh["identity_distance"] == 0
    assert fresh["test_mse"] != records[0]["test_mse"]
    assert result["restarts"] == 2


def test_a_run_that_keeps_exploding_gives_up(small: Small) -> None:
    config = small(*EXPLODING, "divergence.policy=restart", "divergence.max_recoveries=1")
    result = run(config)
    assert result["status"] == "diverged"
    assert [event["action"] for event in result["divergences"]] == [
        "restart",
        "gave up after 1 times restart",
    ]
    assert result["restarts"] == 1


def test_a_run_that_never_explodes_is_the_same_under_every_policy(small: Small) -> None:
    curves = []
    for policy in ("stop", "rollback", "restart"):
        config = small("budget.updates=60", "evaluate.every=20", f"divergence.policy={policy}")
        assert run(config)["divergences"] == []
        records = read_records(RunDirectory.of(config).metrics)
        curves.append([(r["step"], r["test_mse"], r["train_mse"], r["grad_norm"]) for r in records])
    assert curves[0] == curves[1] == curves[2]
    assert len(curves[0]) == 4


@pytest.mark.parametrize("policy", ["stop", "rollback", "restart"])
def test_an_optimizer_that_remembers_infinity_has_diverged(
    small: Small, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """Nothing else shows it: the weight stays where it is, and loss and gradient are fine."""
    from irnn.training.trainer import Trainer

    update = Trainer.update

    def poisoned(self: Trainer) -> str | None:
        reason = update(self)
        if self.progress.step == 15:
            self.updater.optimizer.averages()["square"][0] = math.inf
        return reason

    monkeypatch.setattr(Trainer, "update", poisoned)
    result = run(small("optim=adam", "stop.test_mse=null", f"divergence.policy={policy}"))
    assert [event["step"] for event in result["divergences"]] == [20]
    assert "running square is not finite" in result["divergences"][0]["reason"]
    assert result["status"] == ("diverged" if policy == "stop" else "exhausted")
