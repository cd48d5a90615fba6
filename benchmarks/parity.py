"""Before any clock is started: the fast kernel is right, and all contenders do the same work."""

import torch

from cases import Case, batches, network
from irnn.kernels import native, reference

GRADIENT_TOLERANCE = 1e-5  # of the kernel, against the reference in float64,
ROUNDING = 3.0  # or this many times the reference's own error in float32, if that is more
LOSS_TOLERANCE = 2e-3  # of a contender's first losses, against ours


def kernel_errors(case: Case) -> tuple[float, float]:
    """Return the largest relative error of state and gradients: the kernel's, and what it may be."""
    inputs, _ = next(batches(case))
    model = network(case).recurrent
    weights = [model.weight_ih_l0, model.weight_hh_l0, model.bias_ih_l0]
    with torch.no_grad():
        weights[0].mul_(100)  # so that every gradient is large enough to be wrong

    def results(recurrence, dtype):
        used = [w.detach().to(dtype).requires_grad_() for w in weights]
        last = recurrence(
            inputs.to(dtype), *used, None, nonlinearity="relu", last_only=True
        )  # (B, H)
        return [last.detach(), *torch.autograd.grad(last.square().sum(), used)]

    exact = results(reference.recurrence, torch.float64)

    def error(recurrence):
        got = results(recurrence, torch.float32)
        pairs = zip(got, exact, strict=True)
        return max(float((value - true).norm() / true.norm()) for value, true in pairs)

    allowed = max(GRADIENT_TOLERANCE, ROUNDING * error(reference.recurrence))
    return error(native.recurrence), allowed


def loss_difference(losses: list[float], ours: list[float]) -> float:
    """Return the largest relative difference between two contenders' first losses."""
    return max(abs(a - b) / abs(b) for a, b in zip(losses, ours, strict=True))


@torch.no_grad()
def silent_share(case: Case) -> float:
    """Return how much of a batch's states the kernel may leave out: units at zero for 8 sequences."""
    inputs, _ = next(batches(case))
    model = network(case).recurrent
    bias = model.bias_ih_l0 + model.bias_hh_l0
    weights = model.weight_ih_l0, model.weight_hh_l0, bias, None
    states = reference.recurrence(
        inputs, *weights, nonlinearity="relu", last_only=False
    )  # (T, B, H)
    silent = [(block == 0).all(dim=1) for block in states.split(8, dim=1)]
    return float(torch.stack(silent).float().mean())
