"""The fused update of an LSTM and a GRU is that of the reference, a Linear and autograd."""

from functools import cache

import pytest
import torch
from kernel_problems import error

from irnn.kernels import native, reference
from irnn.kernels.gated_calls import CELLS
from irnn.kernels.loss import Loss
from irnn.models.network import build
from irnn.optimizers.adam import Adam
from irnn.spec import registry
from irnn.spec.config import Clip, Config
from irnn.training.step import Updater

DTYPES = [torch.float32, torch.float64]
ADAM = Adam(lr=0.01)
SIZES = [(1, 1, 1, 1), (40, 3, 2, 7), (25, 17, 2, 100), (7, 200, 3, 33)]


def parameters(cell, F, H, dtype, bias=True):
    generator = torch.Generator().manual_seed(H)
    rows = CELLS[cell].gates * H
    shapes = [(rows, F), (rows, H), (rows,), (rows,), (1, H), (1,)]
    scales = [F**-0.5, H**-0.5, 0.5, 0.5, H**-0.5, 1.0]
    given = [True, True, bias, bias, True, True]
    return [
        (torch.randn(shape, generator=generator) * scale).to(dtype).requires_grad_()
        if there
        else None
        for shape, scale, there in zip(shapes, scales, given, strict=True)
    ]


def batch(T, B, F, dtype):
    generator = torch.Generator().manual_seed(T + B)
    inputs = torch.rand(T, B, F, generator=generator).to(dtype)
    return inputs, torch.rand(B, generator=generator).to(dtype)


@cache
def expected(cell, T, B, F, H, bias):
    own = parameters(cell, F, H, torch.float64, bias)
    inputs, targets = batch(T, B, F, torch.float64)
    states = [None] * (2 if cell == "lstm" else 1)
    last = getattr(reference, cell)(inputs, *own[:4], *states, last_only=True)
    last = last[0] if cell == "lstm" else last
    loss = torch.nn.functional.mse_loss((last @ own[4].T + own[5]).squeeze(1), targets)
    loss.backward()
    return [loss.detach(), *(p.grad for p in own if p is not None)]


def measured(cell, T, B, F, H, bias, dtype, kernel):
    own = parameters(cell, F, H, dtype, bias)
    step = Loss(*own, cell=cell, kernel=kernel)
    inputs, targets = batch(T, B, F, dtype)
    step(inputs.flip(0), targets + 1)  # leaves room and gradients that must not matter
    loss = step(inputs, targets)
    return [loss, *(p.grad.clone() for p in own if p is not None)]


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(("T", "B", "F", "H"), SIZES, ids=lambda n: str(n))
def test_gated_loss_and_gradients_match_the_reference(T, B, F, H, cell, dtype, kernel):
    for bias in (True, False):
        exact = expected(cell, T, B, F, H, bias)
        got = measured(cell, T, B, F, H, bias, dtype, kernel)
        assert len(got) == len(exact)
        for value, true in zip(got, exact, strict=True):
            assert value.dtype == dtype
            assert error(value, true) < (2e-5 if dtype is torch.float32 else 1e-13)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("B", [1, 16, 23, 300])
def test_gated_loss_is_bitwise_independent_of_the_number_of_threads(B, cell, kernel, threads):
    sizes = (cell, 12, B, 2, 50, True, torch.float32, kernel)
    threads(1)
    alone = measured(*sizes)
    for count in (2, 5):
        threads(count)
        assert all(torch.equal(a, b) for a, b in zip(measured(*sizes), alone, strict=True))


@pytest.mark.parametrize("name", ["lstm", "gru"])
def test_a_whole_update_of_a_gated_network_is_one_call_and_that_of_pytorch(name):
    if not native.is_available():
        pytest.skip(native.why_unavailable())
    config = Config(
        model=registry.get("model", name)(hidden_size=12), init=registry.get("init", "pytorch")()
    )
    ours, theirs = (build(config, torch.Generator().manual_seed(0), 2) for _ in range(2))
    theirs.recurrent._kernel = "torch"
    updates = []
    for model in (ours, theirs):
        updater = Updater(model, ADAM, Clip(max_norm=1.0))
        assert (updater._in_one_call is not None) == (model is ours)
        assert updater.kernel == ("native" if model is ours else "torch")
        done = [updater(*batch(9, 5, 2, torch.float32)) for _ in range(5)]
        updates.append([value for each in done for value in (each.loss, each.grad_norm)])
    assert updates[0] == pytest.approx(updates[1], rel=1e-4)
