"""Cells by their one step in plain PyTorch: the generic layer, our cells' steps, the antisymmetric RNN."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from irnn.extend import Cell, cell, option
from irnn.models.antisymmetric import Antisymmetric
from irnn.models.cells import Gru, Irnn, Lstm, RnnRelu, RnnTanh
from irnn.models.heads import EVERY, Classification
from irnn.models.initializers import Gaussian, PyTorch
from irnn.models.network import Network, build
from irnn.models.stepped import SteppedLayer
from irnn.predict import main as predict
from irnn.runs.directory import RunDirectory
from irnn.runs.metrics import read_records
from irnn.seeding import generator
from irnn.spec.composition import Composer
from irnn.spec.config import Config, ConfigError
from irnn.spec.errors import RegistrationError
from irnn.spec.saved import load_config
from irnn.training import stretch
from irnn.training.evaluate import held_out_scores, recurrence_of
from irnn.training.rates import parameter_scales
from irnn.training.session import run
from irnn.training.trainer import Trainer
from tests.forgetting import registrations_forgotten

if TYPE_CHECKING:
    from torch import Tensor

Small = Callable[..., Config]
START = PyTorch().weights


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with registrations_forgotten():
        yield


def elman() -> type[Cell]:
    """Register a tanh network by its step."""

    @cell("elman")
    class Elman(Cell):
        """h' = tanh(W x + U h + b)."""

        def step(self, x: Tensor, state: Any, weights: Any) -> Any:
            return (
                torch.tanh(x @ weights.weight_ih.T + state[0] @ weights.weight_hh.T + weights.bias),
            )

    return Elman


def leaky() -> type[Cell]:
    """Register a cell of two states, with a parameter of its own and a setting."""

    @cell("leaky")
    class Leaky(Cell):
        """h' = u h + (1 - u) v', v' = relu(W x + b): no recurrent matrix, one rate per unit."""

        states = 2
        slowest: float = option(0.9, "largest rate", at_least=0, below=1)

        def parameters(self, shape: Any, weights: Any, generator: Any) -> dict[str, Tensor]:
            rates = torch.rand(shape.hidden, generator=generator, dtype=torch.float64)
            return {"weight_ih": weights.w_ih, "bias": weights.b_ih, "rate": rates * self.slowest}

        def step(self, x: Tensor, state: Any, weights: Any) -> Any:
            v = torch.relu(x @ weights.weight_ih.T + weights.bias)
            return weights.rate * state[0] + (1 - weights.rate) * v, v

    return Leaky


OURS: list[Cell] = [
    kind(hidden_size=5, num_layers=layers)
    for kind in (Irnn, RnnRelu, RnnTanh, Lstm, Gru)
    for layers in (1, 2)
]


@pytest.mark.parametrize("ours", OURS, ids=lambda each: f"{each.name}-{each.num_layers}")
def test_the_step_of_our_cells_is_what_their_layers_compute(ours: Cell) -> None:
    layer: Any = ours.layer(3, start=START, generator=generator(0, "t"), dtype=torch.float64)
    inputs = torch.randn(6, 4, 3, dtype=torch.float64)
    expected, final = layer(inputs)
    x = inputs
    for number in range(ours.num_layers):
        end = f"_l{number}"
        weights = SimpleNamespace(
            **{n.removesuffix(end): p for n, p in layer.named_parameters() if n.endswith(end)}
        )
        state: Any = (x.new_zeros(4, 5),) * ours.states
        states = []
        for at in x:
            state = ours.step(at, state, weights)
            states.append(state[0])
        x = torch.stack(states)
    torch.testing.assert_close(x, expected)
    last = final if isinstance(final, tuple) else (final,)
    assert len(last) == ours.states
    for mine, its in zip(state, last, strict=True):
        torch.testing.assert_close(mine, its[-1])


@pytest.mark.parametrize("layers", [1, 3])
def test_a_layer_made_of_a_step_equals_the_compiled_one_in_value_and_gradient(layers: int) -> None:
    made = elman()(hidden_size=5, num_layers=layers)
    ours: Any = made.layer(3, start=START, generator=generator(0, "t"), dtype=torch.float64)
    theirs: Any = RnnTanh(hidden_size=5, num_layers=layers).layer(
        3, start=START, generator=generator(0, "t"), dtype=torch.float64
    )
    inputs = torch.randn(7, 4, 3, dtype=torch.float64, requires_grad=True)
    h0 = torch.randn(layers, 4, 5, dtype=torch.float64)
    got, wanted = ours(inputs, h0), theirs(inputs, h0)
    torch.testing.assert_close(got, wanted)
    torch.testing.assert_close(ours.last_state(inputs), theirs.last_state(inputs))
    weight = torch.randn_like(got[0])
    for layer, (states, _) in ((ours, got), (theirs, wanted)):
        (states * weight).sum().backward()
        layer.seen, inputs.grad = inputs.grad, None
    torch.testing.assert_close(ours.seen, theirs.seen)
    for number in range(layers):
        for name in ("weight_ih", "weight_hh"):
            name = f"{name}_l{number}"
            torch.testing.assert_close(getattr(ours, name).grad, getattr(theirs, name).grad)
        bias = getattr(theirs, f"bias_ih_l{number}").grad
        torch.testing.assert_close(getattr(ours, f"bias_l{number}").grad, bias)


def test_a_step_of_the_antisymmetric_network_by_hand() -> None:
    ours = Antisymmetric(hidden_size=2, step_size=0.5, diffusion=0.1)
    weights = ours.prepare(
        SimpleNamespace(
            weight_ih=torch.tensor([[1.0], [2.0]]),
            weight_hh=torch.tensor([[7.0, 3.0], [1.0, -4.0]]),
            bias=torch.tensor([0.5, -0.5]),
        )
    )
    (h,) = ours.step(torch.tensor([[0.25]]), (torch.tensor([[1.0, -1.0]]),), weights)
    # W - W^T - 0.1 I = [[-0.1, 2], [-2, -0.1]]
    first = 1.0 + 0.5 * math.tanh(-0.1 * 1 + 2 * -1 + 1 * 0.25 + 0.5)
    second = -1.0 + 0.5 * math.tanh(-2 * 1 + -0.1 * -1 + 2 * 0.25 - 0.5)
    assert h.flatten().tolist() == pytest.approx([first, second])


def test_small_states_of_the_antisymmetric_network_neither_grow_nor_fade() -> None:
    ours = Antisymmetric(hidden_size=20, step_size=0.01, diffusion=0.0)
    layer: Any = ours.layer(3, start=Gaussian(recurrent_std=0.2).weights, generator=None)
    matrix = layer.transition().detach().double()
    h = torch.randn(20, dtype=torch.float64)
    step = layer.weights(0)
    expected = ours.step(torch.zeros(1, 3), (1e-6 * h[None].float(),), ours.prepare(step))[0]
    torch.testing.assert_close((1e-6 * h @ matrix.T).float(), expected[0], rtol=1e-3, atol=1e-10)
    eigenvalues = torch.linalg.eigvals(matrix)
    assert ((eigenvalues.real - 1).abs() < 1e-6).all()
    assert eigenvalues.abs().max() < 1.01


def trainer(config: Config) -> Trainer:
    return Trainer(config, "x", RunDirectory.of(config), torch.device("cpu"))


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


def test_a_step_s_optimizer_is_the_compiled_one(small: Small) -> None:
    pytest.importorskip("irnn.kernels.native")
    made = trainer(replace(small(), model=elman()(hidden_size=8)))
    usual = trainer(small())
    assert (made.updater._descent is None) is (usual.updater._descent is None)
    assert made.updater.kernel == "torch"


def test_long_held_out_sets_are_scored_in_pieces_as_at_once(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(small("task.seq_len=40"), model=leaky()(hidden_size=8, num_layers=2))
    made = trainer(config)
    whole = held_out_scores(made.model, made.data)
    monkeypatch.setattr("irnn.training.evaluate._BLOCK_STATES", 700)
    assert held_out_scores(made.model, made.data).loss == pytest.approx(whole.loss, rel=1e-5)
    inputs = torch.randn(11, 3, 2)
    every = Network(made.model.recurrent, torch.nn.Linear(8, 4), Classification(EVERY, 4))
    torch.testing.assert_close(every(inputs), every.in_pieces(inputs, 4))


def test_on_a_gpu_no_step_of_ones_own_is_captured(small: Small) -> None:
    made = trainer(replace(small(), model=elman()(hidden_size=8))).updater
    there: Any = SimpleNamespace(
        flat=SimpleNamespace(vector=SimpleNamespace(device=torch.device("cuda"))),
        model=made.model,
        optimizer=made.optimizer,
    )
    assert stretch.of(there) is None


def test_a_layer_is_copied_and_pickled_with_its_cell() -> None:
    layer: Any = Antisymmetric(hidden_size=4).layer(2, start=START)
    again = pickle.loads(pickle.dumps(layer))
    inputs = torch.randn(3, 2, 2)
    assert torch.equal(layer(inputs)[0], again(inputs)[0])
    assert "antisymmetric, 2, 4" in repr(layer)


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
    "a fault": (lambda x, state, weights: (weights.nosuch,), r"nosuch.*test_stepped\.py:\d+"),
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("runtime.kernel=native",), "model=antisymmetric has no kernel; use runtime.kernel=auto"),
        (("init=split_identity",), "sets thresholds of ReLU units; use model=irnn"),
        (("model.step_size=0",), "must be a number above 0"),
        (("model.forget_bias=1",), "model=lstm has it"),
    ],
)
def test_what_a_cell_without_a_kernel_lacks_is_refused(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Composer().attempt(["model=antisymmetric", *words])


def test_a_call_with_wrong_shapes_is_refused() -> None:
    layer = SteppedLayer(Antisymmetric(hidden_size=4), 2, start=START)
    for inputs in (torch.zeros(3, 2), torch.zeros(3, 2, 5), torch.zeros(0, 2, 2)):
        with pytest.raises(ValueError, match=r"expected an input \(T, B, 2\)"):
            layer(inputs)
    with pytest.raises(ValueError, match=r"hx has \(1, 2\), expected 1 of \(1, 2, 4\)"):
        layer(torch.zeros(3, 2, 2), torch.zeros(1, 2))
