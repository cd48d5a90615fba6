"""Cells by their one step in plain PyTorch: the generic layer, our cells' steps, the antisymmetric RNN."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from irnn.extend import Cell
from irnn.models.antisymmetric import Antisymmetric
from irnn.models.cells import Gru, Irnn, Lstm, RnnRelu, RnnTanh
from irnn.models.heads import EVERY, Classification
from irnn.models.initializers import Gaussian, PyTorch
from irnn.models.network import Network
from irnn.models.stepped import SteppedLayer
from irnn.seeding import generator
from irnn.spec.composition import Composer
from irnn.spec.config import Config, ConfigError
from irnn.training.evaluate import held_out_scores
from tests.models.own_cells import elman, leaky, trainer

Small = Callable[..., Config]
START = PyTorch().weights
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


def test_a_layer_is_copied_and_pickled_with_its_cell() -> None:
    layer: Any = Antisymmetric(hidden_size=4).layer(2, start=START)
    again = pickle.loads(pickle.dumps(layer))
    inputs = torch.randn(3, 2, 2)
    assert torch.equal(layer(inputs)[0], again(inputs)[0])
    assert "antisymmetric, 2, 4" in repr(layer)


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
