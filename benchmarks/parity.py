"""Before any clock is started: the fast kernel is right, and all contenders do the same work."""

import sys
from collections.abc import Iterable

import torch

from cases import Case, batches, network
from irnn.kernels import gated, native, reference

GRADIENT_TOLERANCE = 1e-5  # of the kernel, against the reference in float64,
ROUNDING = 3.0  # or this many times the reference's own error in float32, if that is more
MOST_ROUNDING = (
    1e-2  # of the reference in float32: a problem that amplifies more proves nothing about anybody
)
LOSS_TOLERANCE = 2e-3  # of a contender's first losses, against ours


def check(cases: Iterable[Case]) -> dict[str, float]:
    """Return the kernel's error in every case; exit where it is wrong, or where nothing could be told."""
    errors = {}
    for case in cases:
        error, allowed = kernel_errors(case)
        errors[str(case)] = error
        print(f"parity {case}: relative error {error:.1e}, allowed {allowed:.1e}", flush=True)
        if allowed > ROUNDING * MOST_ROUNDING:
            sys.exit(
                "float32 is no judge of this problem, which amplifies rounding; no time is worth measuring"
            )
        if not error < allowed:
            sys.exit("the kernel is wrong; no time is worth measuring")
    return errors


def kernel_errors(case: Case) -> tuple[float, float]:
    """Return the largest relative error of state and gradients: the kernel's, and what it may be."""
    inputs, _ = next(batches(case))
    model = network(case).recurrent
    if case.model in ("lstm", "gru"):
        return gated_errors(case, inputs, model)
    nonlinearity = "relu" if case.model == "irnn" else "tanh"
    weights = [model.weight_ih_l0, model.weight_hh_l0, model.bias_ih_l0]
    with torch.no_grad():
        weights[0].mul_(100)  # so that every gradient is large enough to be wrong

    def results(recurrence, dtype):
        used = [w.detach().to(dtype).requires_grad_() for w in weights]
        last = recurrence(
            inputs.to(dtype), *used, None, nonlinearity=nonlinearity, last_only=True
        )  # (B, H)
        return [last.detach(), *torch.autograd.grad(last.square().sum(), used)]

    return compared(results, native.recurrence, reference.recurrence)


def gated_errors(case: Case, inputs, model) -> tuple[float, float]:
    """Do the same for an LSTM or a GRU."""

    def results(walk, dtype):
        used = [w.detach().to(dtype).requires_grad_() for w in model.all_weights[0]]
        start = [None] * (2 if case.model == "lstm" else 1)
        last = walk(inputs.to(dtype), *used, *start, last_only=True)
        last = last[0] if case.model == "lstm" else last
        return [last.detach(), *torch.autograd.grad(last.square().sum(), used)]

    return compared(results, getattr(gated, case.model), getattr(reference, case.model))


def compared(results, kernel, plain) -> tuple[float, float]:
    """Return the largest relative error of `kernel`, and what it may be by that of `plain`, in float32."""
    exact = results(plain, torch.float64)

    def error(walk):
        pairs = zip(results(walk, torch.float32), exact, strict=True)
        return max(float((value - true).norm() / true.norm()) for value, true in pairs)

    return error(kernel), max(GRADIENT_TOLERANCE, ROUNDING * error(plain))


def loss_difference(losses: list[float], ours: list[float]) -> float:
    """Return the largest relative difference between two contenders' first losses."""
    return max(abs(a - b) / abs(b) for a, b in zip(losses, ours, strict=True))


@torch.no_grad()
def silent_share(case: Case) -> float:
    """Return how much of a batch's states the kernel may leave out: units at zero for 8 sequences."""
    if case.model != "irnn":
        return 0.0
    inputs, _ = next(batches(case))
    model = network(case).recurrent
    bias = model.bias_ih_l0 + model.bias_hh_l0
    weights = model.weight_ih_l0, model.weight_hh_l0, bias, None
    states = reference.recurrence(
        inputs, *weights, nonlinearity="relu", last_only=False
    )  # (T, B, H)
    silent = [(block == 0).all(dim=1) for block in states.split(8, dim=1)]
    return float(torch.stack(silent).float().mean())
