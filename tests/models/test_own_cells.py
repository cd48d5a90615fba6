"""A cell of a user's own trains, is resumed and copied, and is refused where it cannot work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from irnn.extend import Cell, cell
from irnn.models.network import build
from irnn.predict import main as predict
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.seeding import generator
from irnn.spec.config import Config, ConfigError
from irnn.spec.errors import RegistrationError
from irnn.spec.saved import load_config
from irnn.training import stretch
from irnn.training.evaluate import recurrence_of
from irnn.training.rates import parameter_scales
from irnn.training.session import run
from irnn.training.trainer import Trainer
from tests.models.own_cells import elman, leaky, trainer

if TYPE_CHECKING:
    from torch import Tensor

Small = Callable[..., Config]


@pytest.mark.parametrize("make", [elman, leaky])
def test_a_cell_of_ones_own_trains_is_resumed_bitwise_and_predicts(
    small: Small, make: Callable[[], type[Cell]], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    kind = make()
    base = small("model=rnn_tanh", "init=pytorch", "init_scale=none")
    config = replace(base, model=kind(hidden_size=8, num_layers=2))
    whole = run(config)
    directory = RunDirectory.of(config)
    records = read_records(directory.metrics)
    assert directory.path.name.startswith(f"{kind.name}-pytorch-adam-")
    assert records[-1]["test_mse"] < records[0]["test_mse"]
    assert (records[-1]["spectral_radius"] is None) is (kind.name == "leaky")
    assert "slow: model=" in directory.log.read_text()
    assert load_config(directory.config).model == config.model
    capsys.readouterr()
    assert predict([str(directory.path), "--samples", "3"]) == 0
    assert "3 sequences: MSE" in capsys.readouterr().out
    weights = torch.load(directory.last, weights_only=True)["weights"]["model"]
    for path in (directory.result, directory.last, directory.best, directory.metrics):
        path.unlink()
    evaluate = Trainer.evaluate

    def killed(self: Trainer) -> Any:
        if self.progress.step == 20:
            raise KeyboardInterrupt
        return evaluate(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            run(config)
    assert run(config)["test_mse"] == whole["test_mse"]
    after = torch.load(directory.last, weights_only=True)["weights"]["model"]
    assert all(torch.equal(after[name], value) for name, value in weights.items())


def test_what_begins_with_weight_hh_learns_at_the_rate_of_recurrent_matrices(small: Small) -> None:
    config = replace(small("optim.recurrent_lr_scale=0.5"), model=elman()(hidden_size=8))
    network = build(config, generator(0, "init"), 2)
    scales = parameter_scales(network, config.optim, 0)
    slow = int((scales == 0.5).sum())
    assert slow == 8 * 8
    assert len(scales) - slow == 8 * 2 + 8 + 8 + 1


def test_on_a_gpu_no_step_of_ones_own_is_captured(small: Small) -> None:
    made = trainer(replace(small(), model=elman()(hidden_size=8))).updater
    there: Any = SimpleNamespace(
        flat=SimpleNamespace(vector=SimpleNamespace(device=torch.device("cuda"))),
        model=made.model,
        optimizer=made.optimizer,
    )
    assert stretch.of(there) is None


def test_a_gated_cell_of_ones_own_has_no_one_recurrent_matrix(small: Small) -> None:
    @cell("minimal")
    class Minimal(Cell):
        """Minimal gated unit."""

        gates = 2

        def step(self, x: Tensor, state: Any, weights: Any) -> Any:
            (h,) = state
            a, b = (x @ weights.weight_ih.T + weights.bias).chunk(2, dim=1)
            u, v = weights.weight_hh.chunk(2)
            f = torch.sigmoid(a + h @ u.T)
            return ((1 - f) * h + f * torch.tanh(b + (f * h) @ v.T),)

    base = small("model=gru")
    made = trainer(replace(base, model=Minimal(hidden_size=8)))
    assert made.model.recurrent.weight_hh_l0.shape == (16, 8)
    assert recurrence_of(made.model).spectral_radius is None
    assert made.update() is None


WRONG: dict[str, tuple[Callable[..., Any], str]] = {
    "a tensor": (lambda x, state, weights: state[0], "gave Tensor, not a tuple of 1"),
    "two states": (lambda x, state, weights: (*state, *state), "gave a tuple of 2, not"),
    "another size": (lambda x, state, weights: (x,), r"a state of shape \(3, 2\), not \(3, 8\)"),
    "a fault": (lambda x, state, weights: (weights.nosuch,), r"nosuch.*test_own_cells\.py:\d+"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_step_that_cannot_work_is_refused_before_anything_is_made(
    small: Small, name: str
) -> None:
    wrong, said = WRONG[name]

    @cell("wrong")
    class Wrong(Cell):
        """Wrong."""

        def step(self, x: Tensor, state: Any, weights: Any) -> Any:
            return wrong(x, state, weights)

    config = replace(small(), model=Wrong(hidden_size=8))
    with pytest.raises(ConfigError, match=f"^model=wrong: .*{said}"):
        run(config)
    assert not RunDirectory.of(config).path.exists()


def test_a_cell_with_neither_step_nor_layer_is_no_cell() -> None:
    with pytest.raises(RegistrationError, match="the class lacks step"):

        @cell("nothing")
        class Nothing(Cell):
            """Nothing."""
