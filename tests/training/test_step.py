import math
from collections.abc import Callable
from functools import partial

import pytest
import torch

from irnn.models.network import Network, build
from irnn.seeding import generator
from irnn.spec.config import Config
from irnn.training import step
from irnn.training.flat import FlatParameters
from irnn.training.step import Updater

Small = Callable[..., Config]


def network(config: Config) -> Network:
    return build(config, generator(0, "init"), 2)


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    source = torch.Generator().manual_seed(0)
    return [
        (torch.rand(12, 8, 2, generator=source), torch.rand(8, generator=source))
        for _ in range(count)
    ]


def plainly_trained(config: Config, optimizer: Callable[..., torch.optim.Optimizer]) -> Network:
    """The textbook loop, with PyTorch's own clipping."""
    model = network(config)
    chosen = optimizer(model.parameters())
    for inputs, targets in batches(30):
        chosen.zero_grad()
        torch.nn.functional.mse_loss(model(inputs), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.clip.max_norm or math.inf)
        chosen.step()
    return model


@pytest.mark.parametrize(
    ("overrides", "optimizer"),
    [
        (["optim=sgd"], lambda p: torch.optim.SGD(p, lr=0.01)),
        (
            ["optim=sgd", "optim.momentum=0.9", "optim.nesterov=true"],
            lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True),
        ),
        (
            ["optim=sgd", "optim.momentum=0.9", "optim.weight_decay=0.1"],
            lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=0.1),
        ),
        (["optim=adam"], lambda p: torch.optim.Adam(p, lr=0.001)),
        (
            ["optim=adam", "optim.weight_decay=0.1", "optim.beta1=0.5", "optim.eps=1e-3"],
            lambda p: torch.optim.Adam(p, betas=(0.5, 0.999), eps=1e-3, weight_decay=0.1),
        ),
        (
            ["optim=rmsprop", "optim.weight_decay=0.1"],
            lambda p: torch.optim.RMSprop(p, lr=0.001, weight_decay=0.1),
        ),
        (["optim=adam", "optim.amsgrad=true"], lambda p: torch.optim.Adam(p, amsgrad=True)),
        (["optim=adamw"], lambda p: torch.optim.AdamW(p, lr=0.001, weight_decay=0.01)),
        (
            ["optim=rmsprop", "optim.momentum=0.5", "optim.centered=true"],
            lambda p: torch.optim.RMSprop(p, lr=0.001, momentum=0.5, centered=True),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
@pytest.mark.parametrize("clip", ["clip=0.05", "clip=none"])
def test_updates_are_those_of_the_textbook_loop(
    small: Small, overrides: list[str], optimizer: Callable[..., torch.optim.Optimizer], clip: str
) -> None:
    config = small(*overrides, clip, "init=pytorch")
    model = network(config)
    updater = Updater(model, config.optim, config.clip)
    for inputs, targets in batches(30):
        updater(inputs, targets)
    expected = plainly_trained(config, optimizer)
    for mine, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", ["irnn", "lstm"])
def test_parameters_with_memory_of_their_own_are_trained_the_same(
    small: Small, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """What is done on a GPU, where parameters cannot be views into one vector."""
    config = small(f"model={model}", "init=pytorch", "runtime.kernel=torch")
    shared, own = network(config), network(config)
    updaters = [Updater(shared, config.optim, config.clip)]
    monkeypatch.setattr(step, "FlatParameters", partial(FlatParameters, shared=False))
    updaters.append(Updater(own, config.optim, config.clip))
    assert own.readout.weight.untyped_storage().size() == 4 * own.readout.weight.numel()
    for inputs, targets in batches(5):
        assert updaters[0](inputs, targets) == updaters[1](inputs, targets)
    for mine, theirs in zip(shared.parameters(), own.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    own.load_state_dict(network(config).state_dict())
    updaters[1].flat.adopt()
    updaters[1](*batches(1)[0])
    assert (own.readout.weight - network(config).readout.weight).abs().max() < 0.01


def test_clipping_scales_the_whole_gradient_to_the_threshold(small: Small) -> None:
    config = small("optim=sgd", "optim.lr=1", "clip=0.01", "init=pytorch")
    model = network(config)
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    update = Updater(model, config.optim, config.clip)(*batches(1)[0])
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    assert update.clipped
    assert update.grad_norm > 0.01
    assert (after - before).norm().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("kernel", ["auto", "torch"])
def test_clipping_works_where_the_norm_of_a_finite_gradient_overflows(
    small: Small, kernel: str
) -> None:
    config = small(
        "optim=sgd", "optim.lr=1", "clip=0.01", "init=pytorch", f"runtime.kernel={kernel}"
    )
    model, reference = network(config), network(config).double()
    inputs, targets = batches(1)[0]
    inputs[3, 2, 0] = 3e15
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    update = Updater(model, config.optim, config.clip)(inputs, targets)
    wide = Updater(reference, config.optim, config.clip)(inputs.double(), targets.double())
    assert wide.grad_norm > 2e19
    assert update.grad_norm == pytest.approx(wide.grad_norm, rel=1e-4)
    assert update.applied
    assert update.clipped
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    expected = torch.cat([p.detach().flatten() for p in reference.parameters()]).float()
    assert (after - before).norm().item() == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(after, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kernel", ["auto", "torch"])
@pytest.mark.parametrize("overrides", [["optim=adam"], ["optim=rmsprop", "optim.momentum=0.5"]])
def test_every_optimizer_gets_an_overflowing_gradient_clipped(
    small: Small, overrides: list[str], kernel: str
) -> None:
    config = small(*overrides, "clip=0.01", "init=pytorch", f"runtime.kernel={kernel}")
    model, reference = network(config), network(config).double()
    updater = Updater(model, config.optim, config.clip)
    in_double = Updater(reference, config.optim, config.clip)
    for number, (inputs, targets) in enumerate(batches(5)):
        inputs[3, 2, 0] = 3e15 if number == 2 else 0.5
        update = updater(inputs, targets)
        wide = in_double(inputs.double(), targets.double())
        assert (update.clipped, update.applied) == (wide.clipped, True)
    for mine, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs.float(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kernel", ["auto", "torch"])
def test_a_gradient_of_overflowing_norm_below_the_threshold_is_left_whole(
    small: Small, kernel: str
) -> None:
    config = small(
        "optim=sgd", "optim.lr=1e-19", "clip=1e30", "init=pytorch", f"runtime.kernel={kernel}"
    )
    model, reference = network(config), network(config).double()
    inputs, targets = batches(1)[0]
    inputs[3, 2, 0] = 3e15
    before = model.readout.weight.detach().clone()
    update = Updater(model, config.optim, config.clip)(inputs, targets)
    wide = Updater(reference, config.optim, config.clip)(inputs.double(), targets.double())
    assert update.grad_norm == pytest.approx(wide.grad_norm, rel=1e-4)
    assert (update.clipped, update.applied) == (False, True)
    assert (model.readout.weight - before).abs().max() > 0.1
    torch.testing.assert_close(
        model.readout.weight, reference.readout.weight.float(), rtol=1e-3, atol=1e-4
    )


def test_a_network_gets_out_of_where_pytorchs_clipping_holds_it(small: Small) -> None:
    """PyTorch multiplies a gradient of overflowing norm by zero, and so at every later batch."""
    config = small("optim=sgd", "optim.lr=0.1", "clip=1", "init.gain=12", "init.readout_std=1")
    stuck, free = network(config), network(config)
    updater = Updater(free, config.optim, config.clip)
    optimizer = torch.optim.SGD(stuck.parameters(), lr=0.1)
    start = torch.cat([p.detach().flatten().clone() for p in stuck.parameters()])
    inputs, targets = batches(1)[0]
    for _ in range(100):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(stuck(inputs), targets).backward()
        assert torch.nn.utils.clip_grad_norm_(stuck.parameters(), 1.0).isinf()
        optimizer.step()
        last = updater(inputs, targets)
    assert torch.equal(start, torch.cat([p.detach().flatten() for p in stuck.parameters()]))
    assert last.loss < 0.1


def test_a_small_gradient_is_not_clipped(small: Small) -> None:
    config = small("clip=1e6")
    assert not Updater(network(config), config.optim, config.clip)(*batches(1)[0]).clipped


def test_the_recurrent_matrix_learns_at_its_own_rate(small: Small) -> None:
    def moved(scale: float) -> tuple[torch.Tensor, torch.Tensor]:
        config = small(
            "optim=sgd", "clip=none", "init=pytorch", f"optim.recurrent_lr_scale={scale}"
        )
        model = network(config)
        recurrent, others = model.recurrent.weight_hh_l0, model.recurrent.weight_ih_l0
        before = recurrent.detach().clone(), others.detach().clone()
        Updater(model, config.optim, config.clip)(*batches(1)[0])
        return (recurrent - before[0]).detach(), (others - before[1]).detach()

    whole, tenth, frozen = moved(1.0), moved(0.1), moved(0.0)
    torch.testing.assert_close(tenth[0], whole[0] * 0.1, rtol=1e-2, atol=1e-7)
    torch.testing.assert_close(tenth[1], whole[1])
    assert not frozen[0].any()


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e30])
def test_a_gradient_that_is_not_finite_is_never_applied(small: Small, bad: float) -> None:
    config = small("init=pytorch", "model=rnn_relu")
    model = network(config)
    updater = Updater(model, config.optim, config.clip)
    updater(*batches(1)[0])
    before = [p.detach().clone() for p in model.parameters()]
    inputs, targets = batches(1)[0]
    inputs[3, 2, 0] = bad
    update = updater(inputs, targets)
    assert not update.applied
    assert not (math.isfinite(update.grad_norm) and math.isfinite(update.loss))
    for parameter, kept in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, kept)
    assert updater(*batches(1)[0]).applied


@pytest.mark.parametrize("kernel", ["auto", "torch"])
@pytest.mark.parametrize(
    "overrides",
    [
        ["optim=adam"],
        ["optim=adam", "optim.amsgrad=true"],
        ["optim=adamw"],
        ["optim=rmsprop"],
        ["optim=rmsprop", "optim.centered=true", "optim.momentum=0.5"],
    ],
    ids=" ".join,
)
def test_a_huge_gradient_leaves_every_running_square_finite(
    small: Small, overrides: list[str], kernel: str
) -> None:
    config = small(*overrides, "clip=1e30", "init=pytorch", f"runtime.kernel={kernel}")
    model = network(config)
    updater = Updater(model, config.optim, config.clip)
    inputs, targets = batches(1)[0]
    inputs[3, 2, 0] = 1e16
    update = updater(inputs, targets)
    assert update.grad_norm > 1e21
    assert (update.applied, update.clipped) == (True, True)
    assert updater.overflow() is None


@pytest.mark.parametrize("optim", ["sgd", "adam", "adamw", "rmsprop"])
def test_weights_and_running_averages_that_are_not_finite_are_found(
    small: Small, optim: str
) -> None:
    config = small(f"optim={optim}")
    updater = Updater(network(config), config.optim, config.clip)
    updater(*batches(1)[0])
    assert updater.overflow() is None
    for name, average in updater.optimizer.averages().items():
        kept = average[3].item()
        average[3] = math.inf
        assert updater.overflow() == f"1 number of the optimizer's running {name} is not finite"
        average[3] = kept
    updater.flat.vector[:2] = math.nan
    assert updater.overflow() == "2 weights are not finite"
