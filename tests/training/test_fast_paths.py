"""Fast paths are taken only by networks for which they compute exactly the same."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn.utils import parametrizations, prune

from irnn.kernels import native
from irnn.models.network import Network
from irnn.models.recurrent import IRNN, RNN
from irnn.training.session import kernel_name
from irnn.training.step import Updater
from tests.training.test_step import Small, batches, network

pytestmark = pytest.mark.skipif(not native.is_available(), reason="the kernel was not built")

OURS = ("optim=sgd", "optim.lr=0.1", "clip=none", "init=pytorch")


class Residual(IRNN):
    """Adds the inputs' mean to its states."""

    def forward(self, input: Any, hx: torch.Tensor | None = None) -> Any:
        output, final = super().forward(input, hx)
        return output + input.mean(), final + input.mean()


class Answerless(IRNN):
    """Has a last state of its own."""

    def last_state(self, input: torch.Tensor) -> torch.Tensor:
        return super().last_state(input) * 2


class Squared(Network):
    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(inputs).square()


class Halved(torch.nn.Linear):
    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) / 2


def another_class(kind: type[IRNN]) -> Callable[[Network], None]:
    def change(model: Network) -> None:
        model.recurrent.__class__ = kind

    return change


def another_readout(model: Network) -> None:
    model.readout.__class__ = Halved


def another_regressor(model: Network) -> None:
    model.__class__ = Squared


def bounded(model: Network) -> None:
    parametrizations.weight_norm(model.recurrent, "weight_hh_l0")


def bounded_readout(model: Network) -> None:
    parametrizations.spectral_norm(model.readout)


def pruned(model: Network) -> None:
    prune.l1_unstructured(model.recurrent, "weight_ih_l0", amount=0.5)


def with_forward_hook(model: Network) -> None:
    model.recurrent.register_forward_hook(lambda m, i, out: (out[0] * 2, out[1] * 2))


def with_input_hook(model: Network) -> None:
    model.readout.register_forward_pre_hook(lambda m, inputs: (inputs[0] * 2,))


def with_gradient_hook(model: Network) -> None:
    model.recurrent.weight_hh_l0.register_hook(lambda gradient: gradient * 0)  # type: ignore[union-attr, operator]


def with_frozen_matrix(model: Network) -> None:
    model.recurrent.weight_hh_l0.requires_grad_(False)  # type: ignore[union-attr, operator]


def with_replaced_method(model: Network) -> None:
    plain = model.forward
    model.forward = lambda inputs: plain(inputs) + 1  # type: ignore[method-assign]


def with_parameter_of_its_own(model: Network) -> None:
    model.recurrent.register_parameter("scale", torch.nn.Parameter(torch.ones(())))


def with_dropout(model: Network) -> None:
    readout = model.readout
    model.readout = torch.nn.Sequential(torch.nn.Dropout(0.0), readout)  # type: ignore[assignment]


CHANGES: dict[str, Callable[[Network], None]] = {
    "overridden forward": another_class(Residual),
    "overridden last_state": another_class(Answerless),
    "another read-out": another_readout,
    "another network": another_regressor,
    "weight norm": bounded,
    "spectral norm of the read-out": bounded_readout,
    "pruning": pruned,
    "forward hook": with_forward_hook,
    "forward pre-hook": with_input_hook,
    "gradient hook": with_gradient_hook,
    "frozen matrix": with_frozen_matrix,
    "replaced method": with_replaced_method,
    "further parameter": with_parameter_of_its_own,
    "layers around the read-out": with_dropout,
}


def plainly_stepped(model: Network, inputs: torch.Tensor, targets: torch.Tensor) -> None:
    torch.nn.functional.mse_loss(model(inputs), targets).backward()  # type: ignore[no-untyped-call]
    torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1).step()


@pytest.mark.parametrize("name", CHANGES)
def test_a_network_that_was_changed_is_trained_as_it_is(small: Small, name: str) -> None:
    config = small(*OURS)
    ours, textbook = network(config), network(config)
    for model in (ours, textbook):
        torch.manual_seed(0)
        CHANGES[name](model)
    updater = Updater(ours, config.optim, config.clip)
    for inputs, targets in batches(3):
        loss = torch.nn.functional.mse_loss(textbook(inputs), targets).item()
        assert updater(inputs, targets).loss == pytest.approx(loss, rel=1e-5)
        for parameter in textbook.parameters():
            parameter.grad = None
        plainly_stepped(textbook, inputs, targets)
    for mine, theirs in zip(ours.parameters(), textbook.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "kernel"),
    [
        (lambda model: None, "native"),
        (another_class(Residual), "Residual.forward"),
        (another_class(Answerless), "Answerless.forward"),
        (bounded, "native"),
    ],
)
def test_what_computes_the_recurrence_is_named(
    small: Small, change: Callable[[Network], None], kernel: str
) -> None:
    config = small(*OURS)
    model = network(config)
    change(model)
    assert Updater(model, config.optim, config.clip).kernel == kernel


@pytest.mark.parametrize("kernel", ["auto", "torch", "reference"])
@pytest.mark.parametrize("model", ["irnn", "rnn_tanh", "lstm", "gru"])
def test_provenance_names_what_the_network_of_a_run_uses(
    small: Small, model: str, kernel: str
) -> None:
    config = small(f"model={model}", "init=pytorch", f"runtime.kernel={kernel}")
    updater = Updater(network(config), config.optim, config.clip)
    assert updater.kernel == kernel_name(config, torch.device("cpu"))


def test_an_unchanged_network_takes_the_fast_path(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(*OURS)
    updater = Updater(network(config), config.optim, config.clip)
    monkeypatch.setattr(Network, "forward", None)  # never called
    updater(*batches(1)[0])


def test_a_hook_that_comes_later_runs(small: Small) -> None:
    config = small(*OURS)
    model, seen = network(config), []
    updater = Updater(model, config.optim, config.clip)
    updater(*batches(1)[0])
    handle = model.recurrent.register_forward_hook(lambda *_: seen.append(1))
    updater(*batches(1)[0])
    handle.remove()
    updater(*batches(1)[0])
    assert seen == [1]


@pytest.mark.parametrize("kernel", ["auto", "torch"])
def test_gradients_and_weights_that_somebody_moved_are_found_again(
    small: Small, kernel: str
) -> None:
    config = small(*OURS, f"runtime.kernel={kernel}")
    moved, still = network(config), network(config)
    updaters = [Updater(model, config.optim, config.clip) for model in (moved, still)]
    for inputs, targets in batches(4):
        moved.zero_grad()  # sets every gradient to None
        moved.readout.weight.data = moved.readout.weight.data.clone()
        assert updaters[0](inputs, targets) == updaters[1](inputs, targets)
    for mine, theirs in zip(moved.parameters(), still.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_parameters_that_were_replaced_are_refused(small: Small) -> None:
    config = small(*OURS)
    for replace in (bounded, lambda m: m.load_state_dict(m.state_dict(), assign=True)):
        model = network(config)
        updater = Updater(model, config.optim, config.clip)
        updater(*batches(1)[0])
        replace(model)
        with pytest.raises(ValueError, match="make a new Updater"):
            updater(*batches(1)[0])


@pytest.mark.parametrize("kernel", ["auto", "torch"])
@pytest.mark.parametrize("optim", ["sgd", "adam", "adamw"])
def test_a_frozen_parameter_does_not_decay(small: Small, optim: str, kernel: str) -> None:
    config = small(f"optim={optim}", "optim.weight_decay=0.5", f"runtime.kernel={kernel}")
    model = network(config)
    model.readout.weight.requires_grad_(False)
    before = model.readout.weight.clone(), model.recurrent.weight_hh_l0.clone()  # type: ignore[operator]
    updater = Updater(model, config.optim, config.clip)
    updater(*batches(1)[0])
    assert torch.equal(model.readout.weight, before[0])
    assert not torch.equal(model.recurrent.weight_hh_l0, before[1])  # type: ignore[arg-type]


def test_a_network_with_nothing_to_train_is_refused(small: Small) -> None:
    config = small(*OURS)
    model = network(config).requires_grad_(False)
    with pytest.raises(ValueError, match="expected some"):
        Updater(model, config.optim, config.clip)


def test_evaluation_sees_an_overridden_forward_too() -> None:
    plain, other = IRNN(2, 4, std=0.5), Residual(2, 4)
    other.load_state_dict(plain.state_dict())
    inputs = torch.rand(5, 3, 2)
    assert torch.allclose(other.last_state(inputs), plain.last_state(inputs) + inputs.mean())
    assert isinstance(other, RNN)
