"""Learning rates of single parameters, and over time."""

from collections.abc import Callable

import pytest
import torch

from irnn.models.network import Network, build
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.seeding import generator
from irnn.spec.choices import Schedule
from irnn.spec.config import Config
from irnn.training.rates import parameter_scales, schedule_factor
from irnn.training.session import run

Small = Callable[..., Config]
SPLIT = ("init=split_identity", "init.integrator_fraction=0.25")  # 2 of 8 units


def scales(config: Config, integrators: int) -> dict[str, torch.Tensor]:
    model: Network = build(config, generator(0, "init"), 2)
    flat = parameter_scales(model, config.optim, integrators)
    sizes = [parameter.numel() for parameter in model.parameters()]
    named = zip(model.named_parameters(), flat.split(sizes), strict=True)
    return {name: piece.view_as(parameter) for (name, parameter), piece in named}


def test_what_acts_through_integrators_at_every_step_has_a_rate_of_its_own(small: Small) -> None:
    rates = scales(small(*SPLIT, "optim.integrator_lr_scale=0.01"), 2)
    w_hh = rates["recurrent.weight_hh_l0"]
    assert w_hh[:, :2].unique().tolist() == pytest.approx([0.01]), "their states persist"
    assert w_hh[:2, 2:].unique().tolist() == [1], "detectors act on integrators now and then"
    assert w_hh[2:, 2:].unique().tolist() == [1]
    for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
        assert rates[f"recurrent.{name}"][:2].unique().tolist() == pytest.approx([0.01])
        assert rates[f"recurrent.{name}"][2:].unique().tolist() == [1]
    assert rates["readout.weight"].unique().tolist() == [1]
    assert rates["readout.bias"].tolist() == [1]


def test_both_factors_on_the_recurrent_matrix_multiply(small: Small) -> None:
    config = small(*SPLIT, "optim.integrator_lr_scale=0.5", "optim.recurrent_lr_scale=0.1")
    w_hh = scales(config, 2)["recurrent.weight_hh_l0"]
    assert w_hh[0, 0].item() == w_hh[5, 0].item() == pytest.approx(0.05)
    assert w_hh[0, 5].item() == w_hh[5, 5].item() == pytest.approx(0.1)


def test_in_the_plain_identity_every_unit_integrates(small: Small) -> None:
    rates = scales(small("optim.integrator_lr_scale=0.25", "optim.recurrent_lr_scale=1"), 8)
    assert {name for name, rate in rates.items() if (rate == 0.25).all()} == {
        "recurrent.weight_ih_l0",
        "recurrent.weight_hh_l0",
        "recurrent.bias_ih_l0",
        "recurrent.bias_hh_l0",
    }


def test_integrators_of_a_run_learn_at_their_rate(small: Small) -> None:
    """With a factor of 0 nothing that acts through them at every step may move."""
    config = small(*SPLIT, "init.firings=3", "optim.integrator_lr_scale=0")
    run(config)
    weights = torch.load(RunDirectory.of(config).last, weights_only=True)["weights"]["model"]
    w_hh = weights["recurrent.weight_hh_l0"]
    assert torch.equal(w_hh[:, :2], torch.eye(8)[:, :2])
    assert not weights["recurrent.weight_ih_l0"][:2].any()
    assert not weights["recurrent.bias_ih_l0"][:2].any()
    assert (w_hh[2:, 2:] != 0).any()


@pytest.mark.parametrize("schedule", Schedule)
def test_a_schedule_falls_from_one_to_zero(schedule: Schedule) -> None:
    factors = [schedule_factor(schedule, done, 100) for done in range(101)]
    assert factors[0] == 1
    assert factors[50] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0)
    assert factors == sorted(factors, reverse=True)
    assert schedule_factor(schedule, 1000, 100) == pytest.approx(0)


def test_cosine_is_flat_at_both_ends_and_linear_is_not() -> None:
    assert schedule_factor(Schedule.cosine, 10, 100) > 0.97
    assert schedule_factor(Schedule.linear, 10, 100) == pytest.approx(0.9)


def test_the_rate_of_a_scheduled_run_is_what_its_metrics_say(small: Small) -> None:
    config = small("optim.schedule=linear", "optim.lr=0.004")
    run(config)
    records = read_records(RunDirectory.of(config).metrics)
    assert [r["lr"] for r in records] == pytest.approx([0.004, 0.003, 0.002, 0.001, 0])


def test_at_half_the_rate_an_update_moves_the_weights_half_as_far(small: Small) -> None:
    def readout_after(*overrides: str) -> torch.Tensor:
        config = small("optim=sgd", "optim.lr=0.1", "clip=none", *overrides)
        run(config)
        weights = torch.load(RunDirectory.of(config).last, weights_only=True)["weights"]["model"]
        return weights["readout.weight"]

    first = readout_after("budget.updates=1")
    whole = readout_after("budget.updates=2") - first
    half = readout_after("budget.updates=2", "optim.schedule=linear") - first
    torch.testing.assert_close(half, whole / 2, rtol=1e-3, atol=1e-7)
