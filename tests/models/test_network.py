from collections.abc import Callable

import pytest
import torch

from irnn.models.network import Network, build
from irnn.seeding import generator
from irnn.spec.config import Config
from irnn.tasks.adding import Adding

MODELS = ["irnn", "rnn_relu", "rnn_tanh", "lstm", "gru"]
SQUARE = ["identity", "split_identity", "rotation"]
STARTS = ["pytorch", "gaussian", "orthogonal", *SQUARE]
Small = Callable[..., Config]


def built(config: Config) -> Network:
    return build(config, generator(config.seed, "init"), Adding.input_size)


@pytest.mark.parametrize("model", ["lstm", "gru"])
@pytest.mark.parametrize("start", SQUARE)
def test_a_network_of_gates_has_no_square_matrix_to_start_at(
    small: Small, model: str, start: str
) -> None:
    with pytest.raises(ValueError, match=f"init={start} .*model={model} has"):
        small(f"model={model}", f"init={start}")


@pytest.mark.parametrize(
    ("model", "start"),
    [(m, s) for m in MODELS for s in STARTS if m not in ("lstm", "gru") or s not in SQUARE],
)
@pytest.mark.parametrize("layers", [1, 2])
def test_every_model_and_start_answers_with_one_number(
    small: Small, model: str, start: str, layers: int
) -> None:
    config = small(f"model={model}", f"init={start}", f"model.num_layers={layers}")
    answers = built(config)(torch.rand(12, 5, 2))
    assert answers.shape == (5,)
    assert torch.isfinite(answers).all()


@pytest.mark.parametrize("model", MODELS)
def test_the_answer_is_read_from_the_last_state_only(small: Small, model: str) -> None:
    network = built(small(f"model={model}", "init=pytorch"))
    inputs = torch.rand(12, 5, 2)
    last = network.recurrent(inputs)[0][-1]
    torch.testing.assert_close(network(inputs), network.readout(last)[:, 0])


@pytest.mark.parametrize("bias", [1.0, 4.0])
def test_the_forget_gates_bias_is_what_it_says(small: Small, bias: float) -> None:
    lstm = built(small("model=lstm", "model.num_layers=2", f"model.forget_bias={bias}")).recurrent
    for layer in range(2):
        b_ih, b_hh = getattr(lstm, f"bias_ih_l{layer}"), getattr(lstm, f"bias_hh_l{layer}")
        total = (b_ih + b_hh).chunk(4)
        assert torch.equal(total[1], torch.full((8,), bias))
        assert not (total[0] == bias).any()


def test_the_gate_that_has_the_bias_is_the_forget_gate(small: Small) -> None:
    """With a huge forget bias and no input, an LSTM keeps its cell state."""
    lstm = built(small("model=lstm", "init=gaussian", "model.forget_bias=100")).recurrent
    cell = torch.rand(1, 3, 8)
    _, (_, kept) = lstm(torch.zeros(1, 3, 2), (torch.zeros(1, 3, 8), cell))
    torch.testing.assert_close(kept, cell, atol=1e-3, rtol=1e-3)


def test_the_readout_starts_as_the_configuration_says(small: Small) -> None:
    default = built(small())
    drawn = built(small("init.readout_std=0.001", "init.readout_bias=null"))
    assert default.readout.weight.abs().max() > 0.1
    assert default.readout.bias.item() == 1
    assert drawn.readout.weight.abs().max() < 0.005
    assert not drawn.readout.bias.any()


def test_both_precisions_start_alike(small: Small) -> None:
    single, double = built(small()), built(small("runtime.dtype=float64"))
    for one, other in zip(single.parameters(), double.parameters(), strict=True):
        assert torch.equal(one, other.float())


def test_building_leaves_the_global_generator_alone(small: Small) -> None:
    before = torch.random.get_rng_state()
    built(small("model=lstm"))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_default_network_has_the_papers_size() -> None:
    from irnn.spec.composition import compose_config

    parameters = sum(p.numel() for p in built(compose_config([])).parameters())
    assert parameters == 100 * 100 + 100 * 2 + 100 + 100 + 100 + 1
