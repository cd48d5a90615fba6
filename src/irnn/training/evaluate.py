"""Held-out error of a network, and how far its recurrence has moved from where it started."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from irnn.kernels.threads import one_thread
from irnn.models.heads import Classification
from irnn.models.layer import KernelLayer
from irnn.models.network import Network
from irnn.models.stepped import SteppedLayer
from irnn.tasks.data import TaskData

Squares = Callable[[Tensor, Tensor], Tensor]

_BLOCK_STATES = 1 << 24  # hidden values of one block: bounds the memory of kernels that keep them
_LEAST_ROWS = 16  # fewer sequences at once would be slow; beyond this, time is cut instead
_DENSE = 128  # units up to which all eigenvalues are computed
_DIRECTIONS = 96  # of the Krylov space of larger matrices


@dataclass(frozen=True)
class Scores:
    """What a network scored on the held-out set.

    Args:
        loss: mean over sequences (and over the steps that are answered).
        accuracy: share of right answers; None where the task is no classification.
    """

    loss: float
    accuracy: float | None = None


@torch.no_grad()
def held_out_scores(model: Network, data: TaskData, squares: Squares | None = None) -> Scores:
    """Score the held-out set; sums over blocks are in float64.

    Args:
        model: that is scored.
        data: that has the set.
        squares: sums this very model's squared errors faster than it does; see `training.stretch.Stretch`.
    """
    layer, steps = model.recurrent, data.task.steps
    if squares is not None:
        rows = max(_BLOCK_STATES // (steps * data.task.input_size), _LEAST_ROWS)
        parts = [squares(inputs, targets) for inputs, targets in data.held_out(rows)]
        return Scores(float(torch.stack(parts).sum()) / data.task.test_size)
    states = layer.hidden_size * layer.num_layers
    rows = min(max(_BLOCK_STATES // (steps * states), _LEAST_ROWS), 2048)
    at_once = max(1, _BLOCK_STATES // (rows * states))
    sums = torch.zeros(3, dtype=torch.float64)
    for inputs, targets in data.held_out(rows):
        if steps > at_once and _keeps_states(model, inputs):
            answers = model.in_pieces(inputs, at_once)
        else:
            answers = model(inputs)
        sums += model.head.sums(answers, targets)
    loss, right, count = sums.tolist()
    classifies = isinstance(model.head, Classification)
    return Scores(loss / count, right / count if classifies else None)


def _keeps_states(model: Network, inputs: Tensor) -> bool:
    """Whether the layer makes the whole sequence of states to give the last one."""
    if type(model) is not Network or model.recurrent.bidirectional:
        return False  # not to be cut; what another class does with the states is its own affair
    if model.head.last != 1:
        return True
    ours = isinstance(model.recurrent, (KernelLayer, SteppedLayer))
    return not (ours and model.recurrent.keeps_last_only(inputs))


@dataclass(frozen=True)
class Recurrence:
    """What the first layer's recurrent matrix W has become; None where there is no one such matrix."""

    spectral_radius: float | None  # largest absolute eigenvalue of W
    identity_distance: float | None  # Frobenius norm of W - I


@torch.no_grad()
def recurrence_of(model: Network) -> Recurrence:
    """Measure the first layer's recurrent matrix."""
    if (found := model.recurrent_matrix()) is None:
        return Recurrence(None, None)
    matrix = found.detach().cpu().double()
    if not torch.isfinite(matrix).all():
        return Recurrence(None, None)
    distance = torch.linalg.matrix_norm(matrix - torch.eye(len(matrix), dtype=matrix.dtype))
    # Trained on a GPU, a run is to leave the same numbers however many threads the processor gives it.
    with one_thread() if found.is_cuda else nullcontext():
        return Recurrence(spectral_radius(matrix), float(distance))


def spectral_radius(matrix: Tensor) -> float:
    """Give the largest absolute eigenvalue of a float64 matrix (H, H).

    All eigenvalues cost 25 H^3 operations, at every evaluation: beyond 128 units it is the largest Ritz
    value of a Krylov space of 96 dimensions instead (Arnoldi 1951; Saad 2011, section 6.2), 200 H^2
    operations. That is exact where few eigenvalues differ, as at a start, and else off by little: 0.1 %
    for a Gaussian matrix of 1,000 units, 1.2 % for an orthogonal one, whose eigenvalues are all as large.
    """
    if len(matrix) <= _DENSE:
        return float(torch.linalg.eigvals(matrix).abs().max())
    basis = matrix.new_zeros(_DIRECTIONS + 1, len(matrix))  # orthonormal rows
    projected = matrix.new_zeros(_DIRECTIONS + 1, _DIRECTIONS)  # the matrix in that basis
    first = torch.randn(len(matrix), generator=torch.Generator().manual_seed(0), dtype=matrix.dtype)
    basis[0] = first / first.norm()
    for k in range(_DIRECTIONS):
        image = matrix @ basis[k]
        size = image.norm()
        for _ in range(2):  # the second time removes what rounding left
            parts = basis[: k + 1] @ image
            image -= basis[: k + 1].T @ parts
            projected[: k + 1, k] += parts
        rest = image.norm()
        if rest <= 1e-10 * size:  # the space holds its own image: these are eigenvalues
            break
        projected[k + 1, k], basis[k + 1] = rest, image / rest
    return float(torch.linalg.eigvals(projected[: k + 1, : k + 1]).abs().max())
