"""What an evaluation costs, and that its numbers are right where it takes another way."""

import math

import pytest
import torch

from irnn.kernels import native
from irnn.models.layer import KernelLayer
from irnn.models.network import Network
from irnn.tasks.data import TaskData
from irnn.training import evaluate
from irnn.training.evaluate import held_out_scores, recurrence_of, spectral_radius
from tests.training.test_step import Small, network


def gaussian(units: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(1)
    return torch.randn(units, units, generator=source, dtype=torch.float64) / math.sqrt(units)


MATRICES = {
    "identity": torch.eye(160, dtype=torch.float64),
    "zero": torch.zeros(160, 160, dtype=torch.float64),
    "near the identity": torch.eye(160, dtype=torch.float64) + 0.1 * gaussian(160),
    "gaussian": gaussian(160),
    "orthogonal": torch.linalg.qr(gaussian(160))[0],
    "exploding": torch.eye(160, dtype=torch.float64)
    + 1e3 * gaussian(160)[:, :1] @ gaussian(160)[:1],
}


@pytest.mark.parametrize("name", MATRICES)
def test_the_spectral_radius_of_a_large_matrix_is_within_two_percent(name: str) -> None:
    matrix = MATRICES[name]
    exact = torch.linalg.eigvals(matrix).abs().max().item()
    assert spectral_radius(matrix) == pytest.approx(exact, rel=0.02, abs=1e-12)
    assert spectral_radius(matrix) == spectral_radius(matrix)


def test_a_large_matrix_is_never_decomposed(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    eigenvalues = torch.linalg.eigvals

    def counted(matrix: torch.Tensor) -> torch.Tensor:
        sizes.append(len(matrix))
        return eigenvalues(matrix)

    monkeypatch.setattr(torch.linalg, "eigvals", counted)
    spectral_radius(gaussian(400))
    spectral_radius(gaussian(100))
    assert sizes == [96, 100]


@pytest.mark.parametrize("model", ["lstm", "gru", "rnn_tanh", "irnn"])
@pytest.mark.parametrize("kernel", ["auto", "torch"])
def test_a_long_sequence_is_evaluated_in_pieces_with_the_same_answer(
    small: Small, monkeypatch: pytest.MonkeyPatch, model: str, kernel: str
) -> None:
    config = small(f"model={model}", "init=pytorch", f"runtime.kernel={kernel}")
    cpu = torch.device("cpu")
    data = TaskData(config.task, seed=0, batch_size=8, device=cpu, dtype=torch.float32)
    net = network(config)
    whole = held_out_scores(net, data).loss
    at_once = []
    monkeypatch.setattr(evaluate, "_BLOCK_STATES", 5 * 16 * 8)  # five steps of the fewest rows
    if kernel == "auto" and isinstance(net.recurrent, KernelLayer) and native.is_available():
        assert held_out_scores(net, data).loss == pytest.approx(whole, rel=1e-6)
        return  # the kernel keeps two states, however long a sequence is
    pieces = Network.in_pieces

    def counted(self: Network, inputs: torch.Tensor, steps: int) -> torch.Tensor:
        at_once.append(steps)
        return pieces(self, inputs, steps)

    monkeypatch.setattr(Network, "in_pieces", counted)
    assert held_out_scores(net, data).loss == pytest.approx(whole, rel=1e-6)
    assert set(at_once) == {5}


def test_a_gated_layer_has_no_one_recurrent_matrix(small: Small) -> None:
    model = network(small("model=lstm", "init=pytorch"))
    assert recurrence_of(model) == evaluate.Recurrence(None, None)
