"""Held-out error of a network, and how far its recurrence has moved from where it started."""

from dataclasses import dataclass

import torch

from irnn.models.recurrent import RNN
from irnn.models.regressor import Regressor
from irnn.tasks.data import TaskData

_BLOCK_STATES = 1 << 24  # hidden values of one block: bounds the memory of kernels that keep them


@torch.no_grad()
def held_out_mse(model: Regressor, data: TaskData) -> float:
    """Mean squared error over the held-out set; the sum over blocks is in float64."""
    states = data.settings.seq_len * model.recurrent.hidden_size * model.recurrent.num_layers
    rows = min(max(_BLOCK_STATES // states, 16), 2048)
    total = torch.zeros((), dtype=torch.float64)
    for inputs, targets in data.held_out(rows):
        total += (model(inputs) - targets).cpu().double().square().sum()
    return float(total) / data.settings.test_size


@dataclass(frozen=True)
class Recurrence:
    """What the first layer's recurrent matrix W has become; None for gated layers, which have several."""

    spectral_radius: float | None  # largest absolute eigenvalue of W
    identity_distance: float | None  # Frobenius norm of W - I


@torch.no_grad()
def recurrence_of(model: Regressor) -> Recurrence:
    """Measure the first layer's recurrent matrix."""
    matrix = model.recurrent_parameters()[0].detach().cpu().double()
    if not isinstance(model.recurrent, RNN) or not torch.isfinite(matrix).all():
        return Recurrence(None, None)
    distance = torch.linalg.matrix_norm(matrix - torch.eye(len(matrix), dtype=matrix.dtype))
    return Recurrence(float(torch.linalg.eigvals(matrix).abs().max()), float(distance))
