"""The cross-entropy of answers and its gradients in one call are those of the reference and PyTorch."""

from functools import cache

import pytest
import torch
from kernel_problems import error

from irnn.kernels import native, reference
from irnn.kernels.gated_calls import CELLS
from irnn.kernels.loss import Loss
from irnn.models.heads import EVERY, Classification, Regression
from irnn.models.network import build
from irnn.optimizers.adam import Adam
from irnn.spec import registry
from irnn.spec.config import Clip, Config
from irnn.training.step import Updater

SIZES = [  # T, B, F, H, classes, last
    (1, 1, 1, 1, 1, 1),
    (40, 3, 2, 7, 4, 1),
    (25, 17, 3, 100, 9, EVERY),
    (40, 8, 1, 33, 40, 5),
    (5, 200, 2, 20, 2, 9),  # more steps are asked for than there are
]
CELL_NAMES = ["relu", "tanh", "lstm", "gru"]


def parameters(cell, F, H, classes, dtype):
    generator = torch.Generator().manual_seed(H)
    rows = CELLS[cell].gates * H if cell in CELLS else H
    shapes = [(rows, F), (rows, H), (rows,), (rows,), (classes, H), (classes,)]
    scales = [F**-0.5, 0.7 * H**-0.5, 0.5, 0.5, 2.0 * H**-0.5, 1.0]
    return [
        (torch.randn(shape, generator=generator) * scale).to(dtype).requires_grad_()
        for shape, scale in zip(shapes, scales, strict=True)
    ]


def batch(T, B, F, classes, last, dtype):
    generator = torch.Generator().manual_seed(T + B)
    inputs = torch.rand(T, B, F, generator=generator).to(dtype)
    shape = (B,) if last == 1 else (B, min(last or T, T))
    return inputs, torch.randint(classes, shape, generator=generator)


@cache
def expected(cell, T, B, F, H, classes, last):
    own = parameters(cell, F, H, classes, torch.float64)
    inputs, targets = batch(T, B, F, classes, last, torch.float64)
    head = Classification(last, classes)
    if cell in CELLS:
        start = [None] * (1 + CELLS[cell].carries)
        states = getattr(reference, cell)(inputs, *own[:4], *start, last_only=False)
        states = states[0] if isinstance(states, tuple) else states
    else:
        total = own[2] + own[3]
        states = reference.recurrence(
            inputs, *own[:2], total, None, nonlinearity=cell, last_only=False
        )
    read = torch.nn.functional.linear(states[-1] if last == 1 else states[-last:], *own[4:])
    loss = head.loss(head.shape(read), targets)
    loss.backward()
    return [loss.detach(), *(p.grad for p in own)]


def step_of(cell, own, classes, last, kernel=None):
    kind = {"cell": cell} if cell in CELLS else {"nonlinearity": cell}
    return Loss(*own, **kind, classes=classes, last=last, kernel=kernel)


def measured(cell, T, B, F, H, classes, last, dtype, kernel):
    own = parameters(cell, F, H, classes, dtype)
    step = step_of(cell, own, classes, last, kernel)
    inputs, targets = batch(T, B, F, classes, last, dtype)
    step(inputs.flip(0), targets.flip(0))  # leaves room and gradients that must not matter
    loss = step(inputs, targets)
    return [loss, *(p.grad.clone() for p in own)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("cell", CELL_NAMES)
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_cross_entropy_and_its_gradients_match_the_reference(sizes, cell, dtype, kernel):
    for value, true in zip(
        measured(cell, *sizes, dtype, kernel), expected(cell, *sizes), strict=True
    ):
        assert value.dtype == dtype
        assert value.shape == true.shape
        assert error(value, true) < (2e-5 if dtype is torch.float32 else 1e-13)


@pytest.mark.parametrize("cell", CELL_NAMES)
def test_squared_errors_of_several_steps_match_the_reference(cell, kernel):
    T, B, F, H, last = 20, 11, 2, 20, 3
    own = parameters(cell, F, H, 1, torch.float64)
    inputs, _ = batch(T, B, F, 1, last, torch.float64)
    targets = torch.rand(B, last, dtype=torch.float64)
    got = [step_of(cell, own, None, last, kernel)(inputs, targets), own[1].grad.clone()]
    config = Config(
        model=registry.get("model", cell if cell in CELLS else f"rnn_{cell}")(hidden_size=H),
        init=registry.get("init", "pytorch")(),
    )
    model = build(config, torch.Generator(), F, Regression(last)).double()
    model.recurrent._kernel = "reference"
    for parameter, value in zip(model.parameters(), own, strict=True):
        parameter.data = value.detach()
    loss = model.head.loss(model(inputs), targets)
    loss.backward()
    for value, true in zip(got, (loss.detach(), model.recurrent.weight_hh_l0.grad), strict=True):
        assert error(value, true) < 1e-13


@pytest.mark.parametrize("cell", ["relu", "lstm"])
@pytest.mark.parametrize("B", [1, 16, 23, 300])
def test_cross_entropy_is_bitwise_independent_of_the_number_of_threads(B, cell, kernel, threads):
    sizes = (cell, 12, B, 2, 50, 9, EVERY, torch.float32, kernel)
    threads(1)
    alone = measured(*sizes)
    for count in (2, 5):
        threads(count)
        assert all(torch.equal(a, b) for a, b in zip(measured(*sizes), alone, strict=True))


def test_targets_without_a_class_count_for_nothing_and_others_are_refused(kernel):
    own = parameters("tanh", 2, 9, 4, torch.float64)
    inputs, targets = batch(6, 10, 2, 4, EVERY, torch.float64)
    targets[targets == 2] = -100
    step = step_of("tanh", own, 4, EVERY, kernel)
    loss = step(inputs, targets).item()
    states = reference.recurrence(
        inputs, *own[:2], own[2] + own[3], None, nonlinearity="tanh", last_only=False
    )
    logits = torch.nn.functional.linear(states, *own[4:]).reshape(-1, 4)
    true = torch.nn.functional.cross_entropy(logits, targets.T.reshape(-1))
    assert loss == pytest.approx(true.item(), rel=1e-12)
    exact = torch.autograd.grad(true, own[4:])
    assert all(torch.allclose(p.grad, g, rtol=1e-11) for p, g in zip(own[4:], exact, strict=True))
    assert step(inputs, torch.full_like(targets, -100)).isnan()  # as in PyTorch: a mean of nothing
    assert step(inputs, targets.clamp(0).to(torch.uint8)).isfinite()
    for wrong in (4, -1):
        targets[0, 0] = wrong
        with pytest.raises(ValueError, match=r"expected classes from 0 to 3, or -100 for none"):
            step(inputs, targets)
    with pytest.raises(ValueError, match=r"expected torch\.int64 of shape \(10, 6\)"):
        step(inputs, targets[:, 1:])
    with pytest.raises(ValueError, match=r"expected torch\.int64"):
        step(inputs, targets.float())
    with pytest.raises(ValueError, match=r"expected \(5, 9\) and \(5,\)"):
        step_of("tanh", own, 5, EVERY)


def test_extreme_logits_give_the_loss_of_pytorch_and_what_is_not_finite_is_seen(kernel):
    own = parameters("tanh", 2, 9, 4, torch.float32)
    inputs, targets = batch(6, 10, 2, 4, 1, torch.float32)
    step = step_of("tanh", own, 4, 1, kernel)
    for bias, finite in (([0, 800, 0, -800], True), ([0, torch.inf, 0, 0], False)):
        own[5].data = torch.tensor(bias, dtype=torch.float32)
        loss = step(inputs, targets).item()
        assert torch.tensor(loss).isfinite() == finite
        if finite:
            last = reference.recurrence(
                inputs, *own[:2], own[2] + own[3], None, nonlinearity="tanh", last_only=True
            )
            logits = torch.nn.functional.linear(last, *own[4:])
            true = torch.nn.functional.cross_entropy(logits, targets)
            assert loss == pytest.approx(true.item(), rel=1e-6)


@pytest.mark.parametrize("last", [1, 4, EVERY])
@pytest.mark.parametrize("name", ["irnn", "gru"])
def test_a_whole_update_of_a_classifier_is_one_call_and_that_of_pytorch(name, last):
    if not native.is_available():
        pytest.skip(native.why_unavailable())
    config = Config(
        model=registry.get("model", name)(hidden_size=12), init=registry.get("init", "pytorch")()
    )
    head = Classification(last, 5)
    ours, theirs = (build(config, torch.Generator().manual_seed(0), 2, head) for _ in range(2))
    theirs.recurrent._kernel = "torch"
    updates = []
    for model in (ours, theirs):
        updater = Updater(model, Adam(lr=0.01), Clip(max_norm=1.0))
        assert (updater._in_one_call is not None) == (model is ours)
        done = [updater(*batch(9, 5, 2, 5, last, torch.float32)) for _ in range(5)]
        updates.append([value for each in done for value in (each.loss, each.grad_norm)])
    assert updates[0] == pytest.approx(updates[1], rel=1e-4)
