import pytest
import torch

from irnn.models.initialization import Shape, Weights
from irnn.seeding import generator
from irnn.spec import registry

SHAPE = Shape(inputs=2, hidden=100)


def drawn(start: str, shape: Shape = SHAPE, **settings: float) -> Weights:
    return registry.get("init", start)(**settings).weights(shape, generator(0, "init"))


def test_identity_is_gain_times_identity_with_small_inputs_and_no_bias() -> None:
    weights = drawn("identity", gain=0.5, input_std=0.001)
    assert torch.equal(weights.w_hh, 0.5 * torch.eye(100, dtype=torch.float64))
    assert weights.w_ih.std().item() == pytest.approx(0.001, rel=0.2)
    assert not weights.b_ih.any()
    assert not weights.b_hh.any()


def test_the_later_reproduction_gives_the_input_bias_a_spread() -> None:
    weights = drawn("identity", bias_std=0.001)
    assert weights.b_ih.std().item() == pytest.approx(0.001, rel=0.3)
    assert not weights.b_hh.any()


def test_split_identity_has_memory_in_its_integrators_only() -> None:
    weights = drawn("split_identity", gain=0.9, integrator_fraction=0.2)
    w_hh = weights.w_hh
    assert torch.equal(w_hh[:20, :20], 0.9 * torch.eye(20, dtype=torch.float64))
    assert not w_hh[20:].any()
    assert w_hh[:20, 20:].std().item() == pytest.approx(0.001, rel=0.1)
    assert weights.w_ih[20:].std().item() == pytest.approx(0.5, rel=0.2)
    assert weights.w_ih[:20].std().item() == pytest.approx(0.001, rel=0.4)
    assert not weights.b_ih[:20].any()


def test_detectors_fire_for_their_largest_input_and_for_few_others() -> None:
    weights = drawn("split_identity")
    w_ih, bias = weights.w_ih[20:], weights.b_ih[20:]
    largest = w_ih.clamp(min=0).sum(dim=1)
    assert (largest + bias >= 0).all()
    assert (bias <= -0.5 * largest).all()
    inputs = torch.rand(1000, 2, dtype=torch.float64)
    firing = (inputs @ w_ih.T + bias > 0).double().mean()
    assert firing < 0.3


def test_split_identity_treats_all_input_columns_alike() -> None:
    w_ih = drawn("split_identity", Shape(inputs=2, hidden=3_000)).w_ih[600:]
    assert w_ih[:, 0].std().item() == pytest.approx(w_ih[:, 1].std().item(), rel=0.05)


def test_split_identity_always_has_both_kinds_of_units() -> None:
    two = drawn("split_identity", Shape(1, 2), integrator_fraction=0.01)
    assert two.w_hh[0, 0] == 1
    assert two.w_hh[1, 1] == 0
    with pytest.raises(ValueError, match="at least 2"):
        drawn("split_identity", Shape(1, 1))


def test_gaussian_has_the_given_spreads() -> None:
    weights = drawn("gaussian", recurrent_std=0.3, input_std=0.02)
    assert weights.w_hh.std().item() == pytest.approx(0.3, rel=0.05)
    assert weights.w_ih.std().item() == pytest.approx(0.02, rel=0.2)


def test_orthogonal_is_orthogonal_for_every_gate() -> None:
    w_hh = drawn("orthogonal", Shape(2, 30, gates=4)).w_hh
    for gate in w_hh.chunk(4):
        assert torch.allclose(gate @ gate.T, torch.eye(30, dtype=torch.float64), atol=1e-12)
    assert not torch.allclose(w_hh[:30], w_hh[30:60])


@pytest.mark.parametrize("hidden", [1, 2, 41])
def test_rotation_turns_planes_by_angles_up_to_half_a_turn(hidden: int) -> None:
    w_hh = drawn("rotation", Shape(2, hidden)).w_hh
    assert torch.allclose(w_hh @ w_hh.T, torch.eye(hidden, dtype=torch.float64), atol=1e-12)
    planes = torch.eye(hidden).bool()
    for first in range(0, hidden - 1, 2):
        planes[first : first + 2, first : first + 2] = True
        assert w_hh[first + 1, first] > 0  # the sine of an angle between 0 and pi
    assert (w_hh[~planes] == 0).all()
    if hidden % 2:
        assert w_hh[-1, -1] == 1


def test_evenly_spaced_angles_of_a_rotation_are_equally_far_apart_and_need_no_chance() -> None:
    w_hh = drawn("rotation", Shape(2, 9), evenly_spaced=True).w_hh
    shares = w_hh.diagonal()[:8:2].acos() / torch.pi
    assert torch.allclose(shares, torch.tensor([1, 3, 5, 7], dtype=torch.float64) / 8)
    rotation = registry.get("init", "rotation")(evenly_spaced=True)
    assert torch.equal(rotation.recurrent(Shape(2, 9), None), w_hh)


def test_the_random_angles_of_a_rotation_are_uniform() -> None:
    cosines = drawn("rotation", Shape(2, 4_000)).w_hh.diagonal()[::2]
    shares = cosines.acos() / torch.pi
    assert shares.mean().item() == pytest.approx(0.5, abs=0.03)
    assert shares.std().item() == pytest.approx(12**-0.5, rel=0.05)


def test_pytorch_start_has_the_range_that_torch_uses() -> None:
    weights = drawn("pytorch")
    theirs = torch.nn.RNN(2, 100)
    for ours, parameter in zip(
        (weights.w_ih, weights.w_hh, weights.b_ih, weights.b_hh), theirs.parameters(), strict=True
    ):
        assert ours.shape == parameter.shape
        assert ours.abs().max() <= 0.1
        assert ours.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.15)


@pytest.mark.parametrize("start", registry.classes("init"))
def test_a_start_is_a_pure_function(start: str) -> None:
    before = torch.random.get_rng_state()
    once, again = drawn(start), drawn(start)
    assert torch.equal(torch.random.get_rng_state(), before)
    for name in ("w_ih", "w_hh", "b_ih", "b_hh"):
        assert torch.equal(getattr(once, name), getattr(again, name))


@pytest.mark.parametrize("start", ["identity", "split_identity", "rotation"])
def test_gated_layers_have_no_start_of_one_square_matrix(start: str) -> None:
    with pytest.raises(ValueError, match="gates"):
        drawn(start, Shape(2, 10, gates=4))
