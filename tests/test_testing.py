"""Our own options keep the contracts that others' are held to; each contract is seen to fail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from irnn.extend import (
    Cell,
    Classification,
    Initialization,
    Optimizer,
    Regression,
    Rule,
    Task,
    accuracy,
    cell,
    initialization,
    optimizer,
    squared_error,
    task,
)  # fmt: skip
from irnn.spec import registry
from irnn.testing import check_cell, check_initialization, check_optimizer, check_task
from tests.forgetting import registrations_forgotten
from tests.tasks import idx_files

SETTINGS: dict[str, dict[str, Any]] = {"split_identity": {"firings": 3.0}}
EXTRA = {"torch": {"algorithm": "NAdam"}}


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with registrations_forgotten():
        yield


@pytest.mark.parametrize("name", [name for name in registry.classes("task") if name != "pixels"])
def test_our_tasks_keep_the_contract(name: str) -> None:
    check_task(registry.get("task", name))


def test_our_pixels_keep_the_contract(tmp_path: Path) -> None:
    root, size = str(idx_files.write_files(tmp_path, train=500)), idx_files.SIDE**2
    check_task(
        registry.get("task", "pixels"), root=root, seq_len=size, train_size=500, test_size=40
    )


@pytest.mark.parametrize("name", registry.classes("init"))
def test_our_initializations_keep_the_contract(name: str) -> None:
    check_initialization(registry.get("init", name), **SETTINGS.get(name, {}))


@pytest.mark.parametrize("name", registry.classes("model"))
def test_our_cells_keep_the_contract(name: str) -> None:
    check_cell(registry.get("model", name))


@pytest.mark.parametrize("name", registry.classes("optim"))
def test_our_optimizers_keep_the_contract(name: str) -> None:
    check_optimizer(registry.get("optim", name), **EXTRA.get(name, {}))


class Bits(Task):
    """Is the first of random bits 1?"""

    input_size = 1
    metric = accuracy(0.6931, 0.5, "guessing", ("0.9",))
    head = Classification(1, 2)

    def draw(self, key: Any, positions: Any) -> Any:
        from irnn.tasks.random import integers

        return (integers(key, positions, self.steps, 2),)

    def encode(self, drawn: Any, dtype: Any) -> Any:
        return drawn[0].T[:, :, None].to(dtype), drawn[0][:, 0]


def broken_task(**members: Any) -> Any:
    return task("broken")(type("Broken", (Bits,), members))


TASKS = {
    "depends on the other positions": {
        "draw": lambda self, key, positions: (positions[:, None].repeat(1, 20) - positions.max(),)
    },
    "global generator": {
        "draw": lambda self, key, positions: (torch.randint(2, (len(positions), self.steps)),)
    },
    "are the training sequences": {
        "draw": lambda self, key, positions: (positions[:, None].repeat(1, 20) % 2,)
    },
    "inputs have shape": {"input_size": 2},
    "targets have shape": {"head": Classification(0, 2)},
    "targets must be int64 and classes 0 to 0": {"head": Classification(1, 1)},
    "its metric says mse": {"metric": squared_error(0.6931, "guessing")},
    "it loses 0.69": {"metric": accuracy(0.3, 0.5, "guessing", ("0.9",))},
    "targets are not": {"head": Regression()},
}


@pytest.mark.parametrize("said", TASKS)
def test_a_task_that_breaks_the_contract_is_told_where(said: str) -> None:
    check_task(broken_task())
    with pytest.raises(AssertionError, match=said):
        check_task(broken_task(**TASKS[said]))


INITS = {
    "w_hh has shape": lambda self, shape, generator: torch.zeros(shape.hidden, 1).double(),
    "w_hh is not float64": lambda self, shape, generator: torch.eye(shape.hidden).repeat(
        shape.gates, 1
    ),
    "w_hh is not finite": lambda self, shape, generator: torch.full(
        (shape.gates * shape.hidden, shape.hidden), float("nan")
    ).double(),
    "global generator": lambda self, shape, generator: torch.rand(
        shape.gates * shape.hidden, shape.hidden
    ).double(),
}


@pytest.mark.parametrize("said", INITS)
def test_an_initialization_that_breaks_the_contract_is_told_where(said: str) -> None:
    cls = initialization("broken")(type("Broken", (Initialization,), {"recurrent": INITS[said]}))
    with pytest.raises(AssertionError, match=said):
        check_initialization(cls)


class Plain(torch.nn.Module):
    """A layer of a user's own, with one thing wrong."""

    def __init__(self, inputs: int, hidden: int, wrong: str, **how: Any) -> None:
        super().__init__()
        generator, dtype = how["generator"], how["dtype"]
        self.hidden_size, self.num_layers, self.wrong = hidden, 1, wrong
        self.weight_hh_l0 = torch.nn.Parameter(
            torch.rand(hidden, hidden, generator=generator, dtype=dtype) / hidden
        )
        self.weight_ih_l0 = torch.nn.Parameter(
            torch.rand(hidden, inputs, generator=generator, dtype=dtype)
        )

    def forward(self, inputs: Any, state: Any = None) -> Any:
        given = inputs @ self.weight_ih_l0.T
        if self.wrong == "later":
            given = given + 0.1 * inputs[-1].sum(dim=1, keepdim=True)
        h = torch.zeros_like(given[0]) if state is None or self.wrong == "going on" else state[0]
        states = []
        for x in given:
            h = torch.tanh(x + h @ self.weight_hh_l0.T)
            states.append(h + h.sum(dim=0) if self.wrong == "others" else h)
        found = torch.stack(states)
        return (found[..., :2] if self.wrong == "shape" else found), h[None]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("shape", "states have shape"),
        ("later", "depends on later inputs"),
        ("others", "the others of its batch"),
        ("going on", "going on from a final state"),
    ],
)
def test_a_cell_that_breaks_the_contract_is_told_where(wrong: str, said: str) -> None:
    def layer(self: Any, input_size: int, **how: Any) -> Any:
        return Plain(input_size, self.hidden_size, wrong, **how)

    with pytest.raises(AssertionError, match=said):
        check_cell(cell("broken")(type("Broken", (Cell,), {"layer": layer})))


class Broken(Rule):
    def __init__(self, wrong: str) -> None:
        self.wrong, self.made = wrong, 0

    def step(self, parameters: Any, gradient: Any, rate: Any, count: Any) -> None:
        self.made += 1
        if self.wrong == "goes up":
            parameters += gradient * rate
        elif self.wrong == "moves all":
            parameters -= 0.001 * gradient
        else:
            parameters -= gradient * rate / self.made


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("goes up", "took the loss from"),
        ("moves all", "does not hold the recurrent matrix"),
        ("forgets", "not in a checkpoint"),
    ],
)
def test_an_optimizer_that_breaks_the_contract_is_told_where(wrong: str, said: str) -> None:
    members = {"rule": lambda self, like: Broken(wrong)}
    with pytest.raises(AssertionError, match=said):
        check_optimizer(optimizer("broken")(type("Broken", (Optimizer,), members)))
