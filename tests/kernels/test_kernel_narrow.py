"""Backward through the awake units alone gives the bits of backward through all of them."""

import pytest
import torch
from kernel_problems import Problem

from irnn.kernels import native
from irnn.kernels.loss import Loss

# Every fifth unit is always awake: in 81, 66 and 36 one of those that do not fill a vector.
SIZES = [(19, 100), (8, 81), (3, 66), (16, 64), (1, 130), (9, 36)]


def gradients(tensors, kernel, *, narrow, slope=None):
    """Return the gradients of both matrices and the bias; an input that wants one keeps the chunks whole."""
    tensors["inputs"].requires_grad_(not narrow)
    output = native.recurrence(
        *tensors.values(), nonlinearity="relu", last_only=True, kernel=kernel
    )
    if slope is None:
        slope = torch.linspace(-1.0, 1.0, output.numel()).view_as(output).to(output.dtype)
    wanted = [tensors[name] for name in ("w_ih", "w_hh", "bias")]
    return torch.autograd.grad(output, wanted, slope)


def waking(B, H, dtype):
    """Make a network of which now few, now other, now nearly all units are awake."""
    tensors = Problem(T=150, B=B, H=H, h0=False, silent=True, dtype=dtype).tensors()
    strength = torch.ones(150, 1, 1, dtype=dtype)
    for start, factor in (
        (16, 3.0),
        (32, 4.0),
        (48, 8.0),
        (64, 3.0),
        (90, 100.0),
        (92, 2.5),
        (120, 0.1),
    ):
        strength[start:] = factor
    with torch.no_grad():
        tensors["inputs"] *= strength
        tensors["w_hh"] *= 0.9
    return tensors


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("B", "H"), SIZES)
def test_no_bit_depends_on_which_units_are_left_out(B, H, dtype, kernel):
    tensors = waking(B, H, dtype)
    narrow = gradients(tensors, kernel, narrow=True)
    whole = gradients(tensors, kernel, narrow=False)
    for got, expected in zip(narrow, whole, strict=True):
        assert expected.isfinite().all()
        assert expected.any()
        assert torch.equal(got, expected)


def changing(F, H):
    """Make a network in which every chunk of 16 steps, going back, finds a new unit awake."""
    generator = torch.Generator().manual_seed(0)
    angle = 2 * torch.pi * torch.arange(H) / H
    w_ih = 1e-3 * torch.randn(H, F, generator=generator)
    w_ih[:, :2] = torch.stack([angle.cos(), angle.sin()], 1)
    unit = (torch.arange(16 * H, 0, -1) + 7) // 16 % H
    strength = 3000 + 0.001 * torch.rand(16 * H, 8, 1, generator=generator)
    inputs = 0.1 * torch.rand(16 * H, 8, F, generator=generator)
    inputs[:, :, :2] = strength * w_ih[unit, None, :2]
    w_hh = 0.995 + 0.01 * torch.rand(H, H, generator=generator)
    named = {"inputs": inputs, "w_ih": w_ih, "w_hh": w_hh, "bias": torch.full((H,), -3000.0)}
    return {**{name: tensor.requires_grad_() for name, tensor in named.items()}, "h0": None}


@pytest.mark.parametrize("F", [2, 16, 17])
@pytest.mark.parametrize("H", [28, 30, 31, 47])
def test_units_that_wake_one_by_one_get_no_more_places_than_there_are(H, F, kernel):
    tensors = changing(F, H)
    narrow = gradients(tensors, kernel, narrow=True)
    whole = gradients(tensors, kernel, narrow=False)
    for got, expected in zip(narrow, whole, strict=True):
        assert expected.isfinite().all()
        assert expected.any()
        assert torch.equal(got, expected)


@pytest.mark.parametrize("value", [torch.inf, torch.nan, 1e38])
def test_a_gradient_that_is_not_finite_meets_the_zeros_of_silent_units(value, kernel):
    """Zero times infinity is NaN: what a narrow chunk leaves out counts there."""
    tensors = waking(9, 100, torch.float32)
    with torch.no_grad():
        tensors["w_hh"] *= 1.5
    slope = torch.zeros(9, 100)
    slope[4] = value
    narrow = gradients(tensors, kernel, narrow=True, slope=slope)
    whole = gradients(tensors, kernel, narrow=False, slope=slope)
    for got, expected in zip(narrow, whole, strict=True):
        assert expected.isnan().any()
        assert torch.equal(got.isnan(), expected.isnan())
        assert torch.equal(got.nan_to_num(), expected.nan_to_num())


@pytest.mark.parametrize(("B", "H"), SIZES)
def test_a_loss_that_lists_them_on_its_way_forward_has_the_same_bits(B, H, kernel):
    tensors = waking(B, H, torch.float32)
    with torch.no_grad():
        last = native.recurrence(
            *tensors.values(), nonlinearity="relu", last_only=True, kernel=kernel
        )
    unit = int(last[0].argmax())
    readout = torch.zeros(1, H)
    readout[0, unit] = 0.5  # one unit, so that there is no sum whose order could differ
    targets = torch.linspace(0.0, 5.0, B)
    own = [tensors[name].detach().clone().requires_grad_() for name in ("w_ih", "w_hh", "bias")]
    rest = [torch.zeros(H), readout.clone(), torch.zeros(1)]
    step = Loss(*own, *(t.requires_grad_() for t in rest), nonlinearity="relu", kernel=kernel)
    step(tensors["inputs"].detach(), targets)
    error = last[:, unit] * 0.5 - targets
    slope = (2 * error / B)[:, None] * readout
    whole = gradients(tensors, kernel, narrow=False, slope=slope)
    for got, expected in zip(own, whole, strict=True):
        assert expected.any()
        assert torch.equal(got.grad, expected)
