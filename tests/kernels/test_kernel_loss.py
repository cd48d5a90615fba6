"""The loss and its gradients in one call are those of the reference, a Linear and autograd."""

from functools import cache

import pytest
import torch
from kernel_problems import error

from irnn.kernels import reference
from irnn.kernels.loss import Loss

NAMES = ("w_ih", "w_hh", "b_ih", "b_hh", "w_out", "b_out")


def parameters(F, H, dtype, bias=True):
    generator = torch.Generator().manual_seed(H)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    drawn = (
        draw(H, F) / F**0.5,
        0.9 * torch.eye(H, dtype=torch.float64) + 0.2 * draw(H, H) / H**0.5,
        0.1 * draw(H) if bias else None,
        0.1 * draw(H) if bias else None,
        draw(1, H) / H**0.5,
        draw(1),
    )
    return [None if t is None else t.float().to(dtype).requires_grad_() for t in drawn]


def batch(T, B, F, dtype):
    generator = torch.Generator().manual_seed(T + B)
    inputs = torch.rand(T, B, F, generator=generator).to(dtype)
    return inputs, torch.rand(B, generator=generator).to(dtype)


@cache
def expected(T, B, F, H, nonlinearity, bias):
    own = parameters(F, H, torch.float64, bias)
    w_ih, w_hh, b_ih, b_hh, w_out, b_out = own
    inputs, targets = batch(T, B, F, torch.float64)
    total = b_ih + b_hh if bias else None
    last = reference.recurrence(
        inputs, w_ih, w_hh, total, None, nonlinearity=nonlinearity, last_only=True
    )
    loss = torch.nn.functional.mse_loss((last @ w_out.T + b_out).squeeze(1), targets)
    loss.backward()
    return [loss.detach(), *(p.grad for p in own if p is not None)]


def measured(T, B, F, H, nonlinearity, bias, dtype, kernel):
    own = parameters(F, H, dtype, bias)
    step = Loss(*own, nonlinearity=nonlinearity, kernel=kernel)
    inputs, targets = batch(T, B, F, dtype)
    step(inputs.flip(0), targets + 1)  # leaves room and gradients that must not matter
    loss = step(inputs, targets)
    return [loss, *(p.grad.clone() for p in own if p is not None)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("T", "B", "F", "H"),
    [(1, 1, 1, 1), (40, 3, 2, 7), (50, 17, 2, 100), (7, 200, 3, 33), (9, 16, 2, 256)],
    ids=lambda n: str(n),
)
def test_loss_and_gradients_match_the_reference(T, B, F, H, nonlinearity, dtype, kernel):
    for bias in (True, False):
        exact = expected(T, B, F, H, nonlinearity, bias)
        got = measured(T, B, F, H, nonlinearity, bias, dtype, kernel)
        assert len(got) == len(exact)
        for value, true in zip(got, exact, strict=True):
            assert value.dtype == dtype
            assert error(value, true) < (2e-5 if dtype is torch.float32 else 1e-13)


def test_steps_that_no_gradient_reaches_add_nothing_and_are_not_visited(kernel):
    T, B, F, H = 150, 19, 2, 33
    gradients = []
    for start in (0.5, torch.inf):  # times a gradient of zero, infinity would be NaN
        own = parameters(F, H, torch.float32)
        with torch.no_grad():
            own[0].abs_().neg_()
            own[1].mul_(0.01)
        inputs, targets = batch(T, B, F, torch.float32)
        inputs[0] = start
        Loss(*own, nonlinearity="relu", kernel=kernel)(inputs, targets)
        gradients.append([p.grad.clone() for p in own])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("B", [1, 16, 23, 300])
def test_loss_is_bitwise_independent_of_the_number_of_threads(B, kernel, threads):
    sizes = (30, B, 2, 50, "relu", True, torch.float32, kernel)
    threads(1)
    alone = measured(*sizes)
    for count in (2, 5):
        threads(count)
        assert all(torch.equal(a, b) for a, b in zip(measured(*sizes), alone, strict=True))


def test_nan_in_a_batch_reaches_the_loss_and_the_gradients(kernel):
    own = parameters(2, 20, torch.float32)
    inputs, targets = batch(9, 10, 2, torch.float32)
    inputs[3, 4, 0] = torch.nan
    loss = Loss(*own, nonlinearity="relu", kernel=kernel)(inputs, targets)
    assert loss.isnan()
    assert own[1].grad.isnan().any()


def test_gradients_are_written_where_they_are_and_replace_what_was_there(kernel):
    own = parameters(2, 20, torch.float32)
    flat = torch.full((sum(p.numel() for p in own),), 7.0)
    for p, piece in zip(own, flat.split([p.numel() for p in own]), strict=True):
        p.grad = piece.view_as(p)
    step = Loss(*own, nonlinearity="relu", kernel=kernel)
    step(*batch(9, 10, 2, torch.float32))
    assert own[0].grad.data_ptr() == flat.data_ptr()
    assert not (flat == 7.0).any()


def test_loss_refuses_what_does_not_fit():
    own = parameters(2, 20, torch.float32)
    step = Loss(*own, nonlinearity="relu")
    inputs, targets = batch(9, 10, 2, torch.float32)
    with pytest.raises(ValueError, match="targets is"):
        step(inputs, targets[:-1])
    with pytest.raises(ValueError, match=r"targets is .* on meta"):
        step(inputs, targets.to("meta"))
    step(inputs, targets)
    with pytest.raises(ValueError, match=r"w_hh is on cpu; expected meta"):
        step(inputs.to("meta"), targets)
    with pytest.raises(ValueError, match="at least one"):
        step(inputs[:, :0], targets[:0])
    with pytest.raises(ValueError, match="the read-out has shapes"):
        Loss(*own[:4], own[4][:, 1:].contiguous(), own[5], nonlinearity="relu")
    with pytest.raises(ValueError, match=r"b_hh has shape \(19,\); expected \(20,\)"):
        Loss(*own[:3], own[3][1:].contiguous(), *own[4:], nonlinearity="relu")
    with pytest.raises(ValueError, match=r"is torch\.float64; expected torch\.float32"):
        Loss(*own[:4], own[4].double(), own[5], nonlinearity="relu")
    with pytest.raises(ValueError, match="expected contiguous float32"):
        Loss(own[0], own[1].T, *own[2:], nonlinearity="relu")
