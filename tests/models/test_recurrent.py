import copy
import pickle
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from irnn import IRNN
from irnn.kernels import native
from irnn.models.initializers import Orthogonal, PyTorch
from irnn.models.recurrent import LSTM, RNN
from irnn.seeding import generator

KERNELS = ["torch", "reference", "native", "auto"]
LAYOUTS: list[dict[str, Any]] = [
    {},
    {"num_layers": 3},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True},
    {"bias": False},
    {"nonlinearity": "tanh"},
    {"num_layers": 2, "dropout": 0.5},
    {"dtype": torch.float64},
]


def needs(kernel: str) -> None:
    if kernel == "native" and not native.is_available():
        pytest.skip(f"no native kernel: {native.why_unavailable()}")


def twins(kernel: str, **layout: Any) -> tuple[RNN, torch.nn.RNN]:
    """Our layer and PyTorch's, with the same random weights."""
    ours = IRNN(3, 7, kernel=kernel, **layout)
    theirs = torch.nn.RNN(3, 7, **{"nonlinearity": "relu", **layout})
    ours.load_state_dict(theirs.state_dict())
    return ours.eval(), theirs.eval()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_irnn_equals_pytorch_given_equal_weights(kernel: str, layout: dict[str, Any]) -> None:
    needs(kernel)
    ours, theirs = twins(kernel, **layout)
    dtype = layout.get("dtype", torch.float32)
    inputs = torch.randn(5, 4, 3, dtype=dtype)
    batch = 5 if layout.get("batch_first") else 4
    rows = ours.num_layers * (2 if ours.bidirectional else 1)
    for hx in (None, torch.rand(rows, batch, 7, dtype=dtype)):
        for mine, expected in zip(ours(inputs, hx), theirs(inputs, hx), strict=True):
            torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_equal_pytorchs(kernel: str) -> None:
    needs(kernel)
    ours, theirs = twins(kernel, num_layers=2, bidirectional=True)
    inputs = torch.randn(9, 4, 3)
    for layer in (ours, theirs):
        layer(inputs)[0].square().sum().backward()
    for mine, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, expected.grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_sequence_without_batch_works_as_in_pytorch(kernel: str) -> None:
    needs(kernel)
    ours, theirs = twins(kernel)
    inputs = torch.randn(5, 3)
    for mine, expected in zip(ours(inputs), theirs(inputs), strict=True):
        torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_packed_sequences_work_as_in_pytorch(kernel: str) -> None:
    needs(kernel)
    ours, theirs = twins(kernel)
    packed = pack_sequence([torch.randn(6, 3), torch.randn(4, 3), torch.randn(1, 3)])
    expected = pad_packed_sequence(theirs(packed)[0])[0]
    with nullcontext() if kernel == "torch" else pytest.warns(UserWarning, match="packed"):
        mine = pad_packed_sequence(ours(packed)[0])[0]
    torch.testing.assert_close(mine, expected)
    ours(packed)  # said once


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_projections_work_as_in_pytorch_and_say_once_that_no_kernel_computes_them(
    options: dict[str, Any], kernel: str
) -> None:
    needs(kernel)
    ours, theirs = (
        LSTM(3, 7, proj_size=2, kernel=kernel, **options),
        torch.nn.LSTM(3, 7, proj_size=2, **options),
    )
    ours.load_state_dict(theirs.state_dict())
    inputs = torch.randn(5, 4, 3)
    words = r"projections \(proj_size\) are computed by torch.nn.LSTM"
    with nullcontext() if kernel == "torch" else pytest.warns(UserWarning, match=words):
        output, (h, c) = ours(inputs)
    expected, (h_true, c_true) = theirs(inputs)
    for got, true in ((output, expected), (h, h_true), (c, c_true)):
        assert torch.equal(got, true)
    last = torch.cat(tuple(h_true[-ours._directions :]), dim=-1)
    assert torch.equal(ours.last_state(inputs), last)  # nothing is said again


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_last_state_is_the_final_state_of_the_top_layer(
    kernel: str, layout: dict[str, Any]
) -> None:
    needs(kernel)
    ours, theirs = twins(kernel, **layout)
    inputs = torch.randn(5, 4, 3, dtype=layout.get("dtype", torch.float32))
    final = theirs(inputs.transpose(0, 1) if ours.batch_first else inputs)[1]
    directions = 2 if ours.bidirectional else 1
    expected = torch.cat(tuple(final[-directions:]), dim=-1)
    torch.testing.assert_close(ours.last_state(inputs), expected)


def test_state_dicts_fit_both_ways() -> None:
    ours, theirs = IRNN(3, 7, num_layers=2), torch.nn.RNN(3, 7, num_layers=2)
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_irnn_starts_every_layer_and_direction_at_gain_times_identity() -> None:
    layer = IRNN(3, 7, num_layers=2, bidirectional=True, gain=0.9, std=0.01)
    for name, parameter in layer.named_parameters():
        if name.startswith("weight_hh"):
            assert torch.equal(parameter, 0.9 * torch.eye(7)), name
        elif name.startswith("bias"):
            assert not parameter.any(), name
        else:
            assert 0.003 < parameter.std() < 0.03, name


def test_identity_cell_carries_a_positive_state_unchanged() -> None:
    layer = IRNN(2, 50)
    with torch.no_grad():
        layer.weight_ih_l0.zero_()
    state = torch.rand(1, 4, 50)
    assert torch.equal(layer(torch.rand(1000, 4, 2), state)[1], state)


def test_a_generator_makes_the_start_repeatable_and_leaves_the_global_one_alone() -> None:
    one, two = (IRNN(2, 5, generator=generator(0, "init")) for _ in range(2))
    assert torch.equal(one.weight_ih_l0, two.weight_ih_l0)
    before = torch.random.get_rng_state()
    IRNN(2, 5, generator=generator(0, "init"))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_without_a_start_the_layer_begins_as_pytorchs() -> None:
    torch.manual_seed(0)
    ours = RNN(2, 5)
    torch.manual_seed(0)
    theirs = torch.nn.RNN(2, 5)
    for mine, expected in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(mine, expected)


def test_any_start_can_be_given() -> None:
    layer = IRNN(2, 6, start=Orthogonal().weights)
    assert torch.allclose(layer.weight_hh_l0 @ layer.weight_hh_l0.T, torch.eye(6), atol=1e-5)


def test_an_irnn_can_be_copied_and_pickled() -> None:
    layer = IRNN(2, 5, generator=generator(0, "init"))
    inputs = torch.randn(3, 1, 2)
    for clone in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(clone(inputs)[0], layer(inputs)[0])


def test_dropout_between_layers_acts_in_training_only() -> None:
    layer = IRNN(3, 50, num_layers=2, dropout=0.5, start=PyTorch().weights)
    inputs = torch.randn(5, 4, 3)
    assert not torch.equal(layer(inputs)[0], layer(inputs)[0])
    layer.eval()
    assert torch.equal(layer(inputs)[0], layer(inputs)[0])


@pytest.mark.parametrize("kernel", KERNELS)
def test_wrong_shapes_are_refused(kernel: str) -> None:
    needs(kernel)
    layer = IRNN(3, 7, kernel=kernel)
    for inputs in (torch.randn(5, 4, 2), torch.randn(5), torch.randn(2, 5, 4, 3)):
        with pytest.raises((ValueError, RuntimeError)):
            layer(inputs)
    with pytest.raises((ValueError, RuntimeError)):
        layer(torch.randn(5, 4, 3), torch.zeros(1, 5, 7))
    for rows in (0, 2):
        with pytest.raises((ValueError, RuntimeError)):
            layer(torch.randn(5, 4, 3), torch.zeros(rows, 4, 7))


def test_a_negative_gain_is_refused() -> None:
    with pytest.raises(ValueError, match="gain=-1"):
        IRNN(2, 5, gain=-1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_irnn_equals_its_cpu_self() -> None:
    ours, _ = twins("auto", num_layers=2)
    inputs = torch.randn(50, 4, 3)
    expected = ours(inputs)[0]
    torch.testing.assert_close(ours.cuda()(inputs.cuda())[0].cpu(), expected, rtol=1e-4, atol=1e-4)
