"""An optimizer of a user's own, made as PyTorch makes one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from irnn.extend import Optimizer, optimizer, option
from irnn.runs.directory import RunDirectory
from irnn.spec.config import Config, ConfigError
from irnn.spec.errors import RegistrationError
from irnn.training.session import run
from tests.forgetting import registrations_forgotten
from tests.training.learning import learn, updater

Small = Callable[..., Config]


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with registrations_forgotten():
        yield


class Signs(torch.optim.Optimizer):
    """Moves by the sign of the gradient, and by less the longer it goes: with a number as its state, and one
    that comes with the second step.
    """

    def __init__(self, parameters: Any, lr: float, fading: float) -> None:
        super().__init__(parameters, {"lr": lr, "fading": fading, "seen": 0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            group["seen"] += 1
            for each in group["params"]:
                self.state[each]["before"] = each.grad.clone()
                if group["seen"] > 1:
                    self.state[each].setdefault("later", torch.zeros(())).add_(1)
                each -= group["lr"] * group["fading"] ** group["seen"] * each.grad.sign()


def signs() -> type[Optimizer]:
    @optimizer("signs")
    class OfSigns(Optimizer):
        """Signs of the gradient."""

        fading: float = option(0.9, "factor after each step", above=0, at_most=1)

        def make(self, parameters: Any) -> torch.optim.Optimizer:
            return Signs(parameters, self.lr, self.fading)

    return OfSigns


def test_an_optimizer_of_ones_own_trains_and_is_resumed_with_all_that_it_keeps(
    small: Small,
) -> None:
    config = replace(small(), optim=signs()(lr=0.01))
    assert run(config)["status"] == "exhausted"
    assert "-signs-" in RunDirectory.of(config).path.name
    whole, part, again = (updater(config) for _ in range(3))
    learn(whole, 0, 4)
    learn(part, 0, 2)
    again.model.load_state_dict(part.model.state_dict())
    again.flat.adopt()
    saved = part.optimizer.state_dict()
    again.optimizer.check_fits(saved, "optimizer")
    again.optimizer.load_state_dict(saved)
    learn(again, 2, 2)
    assert torch.equal(whole.flat.vector, again.flat.vector)
    assert again.optimizer.state_dict()["state"][0]["later"] == 3
    assert whole.optimizer.state_dict()["groups"] == [{"fading": 0.9, "seen": 4}]


def test_an_optimizer_that_needs_a_closure_is_refused_with_its_line(small: Small) -> None:
    class Asks(Signs):
        def step(self, closure: Any) -> None:  # type: ignore[override]
            closure()

    @optimizer("asks")
    class OfAsks(Optimizer):
        """Asks."""

        def make(self, parameters: Any) -> torch.optim.Optimizer:
            return Asks(parameters, self.lr, 1.0)

    config = replace(small(), optim=OfAsks())
    with pytest.raises(ConfigError, match=r"^optim=asks: TypeError: .*closure.*\(.*:\d+\)"):
        run(config)
    assert not RunDirectory.of(config).path.exists()


def test_an_optimizer_that_makes_nothing_is_none() -> None:
    with pytest.raises(RegistrationError, match="the class lacks make"):

        @optimizer("nothing")
        class Nothing(Optimizer):
            """Nothing."""
