"""The CUDA kernels, run on the CPU: value, every gradient, optimizers and what is not finite."""

import math
from dataclasses import replace

import pytest
import torch
from cuda_on_cpu import COMPILER, OnCpu
from cuda_packs import exact, flat, make_pack, weights
from kernel_problems import error

from irnn.kernels import native
from irnn.kernels.cuda import pack as packs
from irnn.kernels.cuda.pack import numbers
from irnn.kernels.cuda.plan import Plan, choose

pytestmark = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")
SMALL = Plan(7, 3)
PLANS = {
    "default": (choose(100, 2), 11, 5),
    "packed": (choose(100, 2, packed=True), 11, 5),
    "tanh": (Plan(7, 3, tanh=True, bias=False), 9, 3),
    "one": (Plan(1, 1, share=4, units=4), 1, 1),
    "chunks": (SMALL, 203, 3),
    "large": (choose(256, 2), 4, 3),
    "wide": (Plan(20, 17, share=16, units=4, group=4, rows=3), 35, 6),
    "teams": (Plan(9, 3, share=4, units=4, rows=2, teams=3), 21, 8),
    "teams of 104 lanes": (replace(choose(100, 2), rows=2, teams=4), 12, 19),
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A maker of machines; what they compile is shared by the workers of a test session."""
    folder = tmp_path_factory.getbasetemp().parent / "cuda_on_cpu"
    folder.mkdir(exist_ok=True)
    return lambda plan: OnCpu(plan, folder)


@pytest.mark.parametrize(("plan", "T", "B"), PLANS.values(), ids=PLANS.keys())
def test_loss_norm_and_every_gradient_match_the_reference(plan, T, B, machine):
    seeds = [1, 2]
    pack = make_pack(plan, machine(plan), seeds, T, B)
    before = pack.parameters.clone()
    pack.update()
    for run, seed in enumerate(seeds):
        (outcome,) = pack.outcomes(run, 1)
        _, loss, gradients = exact(plan, seed, pack.inputs[0, run], pack.targets[0, run])
        sizes = [g.numel() for g in gradients]
        for got, true in zip(pack.gradient[run].split(sizes), gradients, strict=True):
            assert error(got, true.reshape(-1)) < 2e-5
        assert outcome.loss == pytest.approx(loss.item(), rel=2e-5)
        assert outcome.grad_norm == pytest.approx(flat(gradients).norm().item(), rel=2e-5)
        assert (outcome.applied, outcome.clipped) == (True, False)
    assert torch.equal(pack.parameters, before - 0.01 * pack.gradient)


@pytest.mark.parametrize("seed", range(3))
def test_random_shapes_match_the_reference(seed, machine):
    generator = torch.Generator().manual_seed(seed)

    def upto(most):
        return int(torch.randint(1, most + 1, (), generator=generator))

    group = upto(4)
    plan = Plan(upto(40), upto(9), tanh=seed % 2 == 0, group=group, rows=upto(4))
    pack = make_pack(plan, machine(plan), [5], T := upto(60), upto(9))
    pack.update()
    _, _, gradients = exact(plan, 5, pack.inputs[0, 0], pack.targets[0, 0])
    assert error(pack.gradient[0], flat(gradients)) < 2e-5, (plan, T)


@pytest.mark.parametrize("T", [5, 250])
def test_a_run_makes_the_same_bits_alone_and_in_a_pack(T, machine, monkeypatch):
    alone = make_pack(SMALL, machine(SMALL), [8], T, 5, slots=3)
    for other in (
        SMALL,
        replace(SMALL, rows=2),
        replace(SMALL, units=2, rows=4),
        replace(SMALL, rows=2, teams=2),
    ):
        if other is not SMALL:  # as in a pack that fills a GPU
            monkeypatch.setattr(packs, "_ENOUGH_BLOCKS", 1)
        packed = make_pack(other, machine(other), [9, 8, 7], T, 5, slots=3)
        for _ in range(3):
            packed.update()
        if other is SMALL:
            for _ in range(3):
                alone.update()
        assert (packed.kept < alone.kept) is (other is not SMALL and T == 250)
        assert torch.equal(packed.parameters[1], alone.parameters[0])


SETTINGS = [
    {"rule": "sgd"},
    {"rule": "sgd", "l2_penalty": 0.1},
    {"rule": "sgd", "momentum": 0.9},
    {"rule": "sgd", "momentum": 0.9, "nesterov": True, "l2_penalty": 0.01},
    {"rule": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
    {"rule": "adam", "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "amsgrad": True},
    {"rule": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "decoupled_decay": 0.1},
    {"rule": "rmsprop", "beta2": 0.99, "epsilon": 1e-8},
    {"rule": "rmsprop", "beta2": 0.9, "epsilon": 1e-8, "momentum": 0.5, "l2_penalty": 0.1},
    {"rule": "rmsprop", "beta2": 0.9, "epsilon": 1e-4, "centered": True},
    {"rule": "rmsprop", "beta2": 0.9, "epsilon": 1e-4, "centered": True, "momentum": 0.5},
]


@pytest.mark.skipif(not native.is_available(), reason="the kernel was not built")
def test_every_run_of_a_pack_has_its_own_optimizer_and_makes_the_steps_that_the_cpu_makes(machine):
    from irnn.kernels.descent import Descent
    from irnn.kernels.loss import Loss

    updates, T, B, seeds = 6, 8, 4, [3] * len(SETTINGS)
    pack = make_pack(SMALL, machine(SMALL), seeds, T, B, slots=updates)
    norms = [0.3 if run % 2 else math.inf for run in range(len(seeds))]
    pack.set_numbers(
        [numbers(max_norm=norm, **one) for norm, one in zip(norms, SETTINGS, strict=True)]
    )
    pack.scales.uniform_(0.5, 1.5, generator=torch.Generator().manual_seed(1))
    pack.rates.copy_(0.01 * torch.linspace(1.0, 0.2, updates)[:, None])
    for _ in range(updates):
        pack.update()
    for run, (norm, settings) in enumerate(zip(norms, SETTINGS, strict=True)):
        own = [w.requires_grad_() for w in weights(SMALL, 3)]
        vector = flat([w.detach() for w in own])
        gradient, sizes = torch.zeros_like(vector), [w.numel() for w in own]
        for w, value, slope in zip(own, vector.split(sizes), gradient.split(sizes), strict=True):
            w.data, w.grad = value.view_as(w), slope.view_as(w)
        step = Loss(*own, nonlinearity="relu")
        state = [torch.zeros_like(vector) for _ in range(3)]
        given = dict(settings)
        if not given.pop("amsgrad", False) and given["rule"] == "adam":
            state[2] = None
        descent = Descent(vector, gradient, norm, state=state, **given)
        outcomes = pack.outcomes(run, updates)
        assert len(outcomes) == updates
        for slot, outcome in enumerate(outcomes):
            loss = step(pack.inputs[slot, run], pack.targets[slot, run])
            done = descent(
                loss, pack.scales[run], slot + 1, rate_factor=float(pack.rates[slot, run])
            )
            assert outcome.loss == pytest.approx(done.loss_value, rel=1e-4)
            assert outcome.clipped == bool(done.clipped)
        torch.testing.assert_close(pack.parameters[run], vector, rtol=1e-4, atol=1e-5)
        for got, kept in zip(pack.state, state, strict=True):
            if kept is not None:
                torch.testing.assert_close(got[run], kept, rtol=1e-3, atol=1e-6)


def test_a_gradient_whose_squares_overflow_is_clipped_all_the_same(machine):
    seeds = [1, 1, 1]
    pack = make_pack(SMALL, machine(SMALL), seeds, 6, 3)
    pack.set_numbers([numbers(rule="sgd", max_norm=m) for m in (1.0, math.inf, 1.0)])
    pack.targets[:, 0] = pack.targets[:, 1] = (
        1e18  # squared errors are finite, squared gradients are not
    )
    pack.inputs[:, :2] *= 30
    pack.rates.fill_(1.0)
    before = pack.parameters.clone()
    pack.update()
    clipped, refused, usual = (pack.outcomes(run, 1)[0] for run in range(3))
    assert math.isfinite(clipped.loss)
    assert clipped.grad_norm > 1.9e19
    assert (clipped.applied, clipped.clipped) == (True, True)
    assert float((pack.parameters[0] - before[0]).norm()) == pytest.approx(1.0, rel=1e-4)
    assert (refused.applied, refused.grad_norm) == (False, math.inf)
    assert torch.equal(pack.parameters[1], before[1])
    assert usual.applied


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_run_stops_at_its_first_update_that_is_not_finite_and_others_go_on(bad, machine):
    plan = SMALL
    whole = make_pack(plan, machine(plan), [4, 5], 6, 3, slots=4)
    hurt = make_pack(plan, machine(plan), [4, 5], 6, 3, slots=4)
    hurt.inputs[2, 1, 3, 1, 0] = bad
    adam = numbers(rule="adam", beta1=0.9, beta2=0.99, epsilon=1e-8, max_norm=1.0)
    kept = None
    for pack in (whole, hurt):
        pack.set_numbers([adam] * 2)
        for slot in range(4):
            if slot == 2:
                kept = pack.parameters[1].clone()
            pack.update()
    going, stopped = hurt.outcomes(0, 4), hurt.outcomes(1, 4)
    assert torch.equal(hurt.parameters[0], whole.parameters[0])
    assert torch.equal(hurt.parameters[1], kept)
    assert [update.applied for update in stopped] == [True, True, False]
    assert not math.isfinite(stopped[2].loss)
    assert [update.applied for update in going] == [True] * 4
    assert hurt.ask(4)() == [[4, 1, 4, 4], [2, 1, 3, 4]]


def test_evaluation_gives_the_error_of_every_row_with_the_weights_of_every_run(machine):
    plan = replace(SMALL, rows=4)
    pack = make_pack(plan, machine(plan), [4, 5], 6, 3)
    inputs = torch.rand(6, 13, 3).expand(2, -1, -1, -1)
    targets = torch.rand(13).expand(2, -1)
    errors = torch.full((2, 13), math.nan)
    pack.evaluate(inputs, targets, errors)
    for run, seed in enumerate((4, 5)):
        assert error(errors[run], exact(plan, seed, inputs[run], targets[run])[0]) < 1e-5


def test_a_network_too_large_is_refused_by_name():
    with pytest.raises(ValueError, match="up to 256 units and 32 input features, not 300 and 2"):
        choose(300, 2)
