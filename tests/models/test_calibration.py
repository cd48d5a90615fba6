"""Detectors fire as often as they are told to, whatever their inputs look like."""

import pytest
import torch
from torch import Tensor

from irnn.models.calibration import set_thresholds
from irnn.models.initialization import Shape
from irnn.models.initializers import SplitIdentity
from irnn.models.recurrent import IRNN
from irnn.seeding import generator

INTEGRATORS = 6


def layer(features: int = 2, layers: int = 1) -> IRNN:
    return IRNN(
        features,
        30,
        layers,
        start=SplitIdentity().weights,
        generator=generator(0, "init"),
        dtype=torch.float64,
    )


def marked(count: int, seed: int = 1) -> Tensor:
    """Sequences like the adding problem's: a value, and a mask that is 1 at two of 200 steps."""
    source = torch.Generator().manual_seed(seed)
    inputs = torch.zeros(200, count, 2, dtype=torch.float64)
    inputs[..., 0] = torch.rand(200, count, generator=source)
    steps = torch.stack([torch.randperm(200, generator=source)[:2] for _ in range(count)], dim=1)
    inputs[..., 1].scatter_(0, steps, 1.0)
    return inputs


def firings(model: IRNN, inputs: Tensor) -> Tensor:
    """How often each detector of the first layer is above its threshold in a sequence."""
    drive = inputs @ model.weight_ih_l0.T + model.bias_ih_l0 + model.bias_hh_l0
    return (drive > 0).double().sum(dim=0).mean(dim=0)[INTEGRATORS:].detach()


@pytest.mark.parametrize("wanted", [0.5, 3.0, 20.0])
def test_every_detector_fires_as_often_as_asked_in_what_was_measured(wanted: float) -> None:
    model, inputs = layer(), marked(64)
    set_thresholds(model, inputs, wanted, INTEGRATORS)
    assert firings(model, inputs).tolist() == pytest.approx([wanted] * 24)


def test_detectors_fire_about_as_often_in_sequences_that_were_not_measured() -> None:
    model = layer()
    set_thresholds(model, marked(64), 3.0, INTEGRATORS)
    assert firings(model, marked(500, seed=2)).tolist() == pytest.approx([3.0] * 24, abs=0.8)


def test_neither_range_nor_order_of_the_features_matters() -> None:
    model, inputs = layer(), marked(64)
    with torch.no_grad():
        for scale in (1e-3, -50.0):
            set_thresholds(model, inputs * scale + 7, 2.0, INTEGRATORS)
            assert firings(model, inputs * scale + 7).tolist() == pytest.approx([2.0] * 24)
        set_thresholds(model, inputs, 2.0, INTEGRATORS)
        as_they_were = model.bias_ih_l0.clone()
        model.weight_ih_l0.copy_(model.weight_ih_l0.flip(1))
        set_thresholds(model, inputs.flip(2), 2.0, INTEGRATORS)
    torch.testing.assert_close(model.bias_ih_l0, as_they_were)


def test_integrators_and_all_weights_stay_as_they_are() -> None:
    model, fresh = layer(), layer()
    set_thresholds(model, marked(64), 3.0, INTEGRATORS)
    assert torch.equal(model.bias_ih_l0[:INTEGRATORS], fresh.bias_ih_l0[:INTEGRATORS])
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_hh_l0"):
        assert torch.equal(getattr(model, name), getattr(fresh, name))


def test_a_second_layer_is_set_by_the_states_of_the_first() -> None:
    model, inputs = layer(layers=2), marked(64)
    set_thresholds(model, inputs, 3.0, INTEGRATORS)
    below = IRNN(2, 30, dtype=torch.float64)
    below.load_state_dict({k: v for k, v in model.state_dict().items() if k.endswith("l0")})
    drive = below(inputs)[0] @ model.weight_ih_l1.T + model.bias_ih_l1
    fired = (drive > 0).double().sum(dim=0).mean(dim=0)[INTEGRATORS:]
    assert fired.tolist() == pytest.approx([3.0] * 24)


def test_the_shares_of_integrators_that_a_start_makes_are_counted() -> None:
    from irnn.spec.composition import compose_config

    def count(*overrides: str) -> int:
        return compose_config(overrides).init.integrators(100)

    assert count() == 100
    assert count("init=split_identity") == 20
    assert count("init=split_identity", "init.integrator_fraction=1e-9") == 1
    assert count("init=orthogonal") == 0
    start = SplitIdentity().weights(Shape(2, 100), None)
    assert start.w_hh.diagonal().count_nonzero() == 20
