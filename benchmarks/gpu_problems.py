"""Packs with weights and data to measure on a GPU, and their check against autograd in float64."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from irnn.kernels import reference
from irnn.kernels.cuda.gpu import machine
from irnn.kernels.cuda.pack import Pack, numbers
from irnn.kernels.cuda.plan import Plan

HIDDEN, BATCH = 100, 16
DEVICE = "cuda"
ADAM = {"rule": "adam", "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "max_norm": 1.0}


def adding(
    shape: tuple[int, ...], T: int, seed: int = 0, device: str | None = None
) -> tuple[Tensor, Tensor]:
    """Make sequences of the adding problem: inputs (*shape, T, 2), targets (*shape)."""
    device = device or DEVICE
    generator = torch.Generator(device).manual_seed(seed)
    values = torch.rand(*shape, T, device=device, generator=generator)
    first = torch.randint(0, max(T // 2, 1), shape, device=device, generator=generator)
    second = torch.randint(T // 2, T, shape, device=device, generator=generator)
    marks = torch.zeros_like(values)
    for place in (first, second):
        marks.scatter_(-1, place[..., None], 1.0)
    return torch.stack((values, marks), -1), (values * marks).sum(-1)


def pack_for(plan: Plan, runs: int, T: int, B: int, slots: int, seed: int = 0) -> Pack:
    """Make a pack of identity networks with small random weights, ready for its first update."""
    pack = Pack(plan, machine(plan, torch.device(DEVICE)), runs=runs, steps=T, batch=B, slots=slots,
                device=DEVICE)  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    for run in range(runs):
        pack.parameters[run] = torch.cat([w.reshape(-1) for w in weights(plan, generator)]).to(
            DEVICE
        )
    pack.scales.fill_(1)
    pack.rates.fill_(1e-4)
    if plan.F == 2:
        inputs, targets = adding((slots, runs, B), T, seed)
        pack.inputs.copy_(inputs.movedim(-2, 2))
        pack.targets.copy_(targets)
    else:
        pack.inputs.uniform_()
        pack.targets.uniform_()
    pack.set_numbers([numbers(**ADAM)] * runs)
    pack.begin([0] * runs)
    return pack


def weights(plan: Plan, generator: torch.Generator) -> list[Tensor]:
    """Draw w_ih, w_hh, both biases, w_out, b_out."""

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    H = plan.H
    biases = [0.02 * draw(H), 0.02 * draw(H)] if plan.bias else []
    recurrent = 0.95 * torch.eye(H) + 0.05 * draw(H, H) / math.sqrt(H)
    return [0.1 * draw(H, plan.F), recurrent, *biases, 0.1 * draw(1, H), draw(1)]


def parity(plan: Plan, T: int, B: int, runs: int = 3) -> float:
    """Largest relative error of loss, norm and each gradient against autograd in float64."""
    pack = pack_for(plan, runs, T, B, 1, seed=T)
    for tensor in (pack.history, pack.deltas, pack.partials, pack.last, pack.errors, pack.gradient):
        tensor.fill_(math.nan)
    before = pack.parameters.double()
    pack.update()
    outcomes, worst = [pack.outcomes(run, 1)[0] for run in range(runs)], 0.0
    H, F = plan.H, plan.F
    shapes = [(H, F), (H, H), *([(H,), (H,)] if plan.bias else []), (1, H), (1,)]
    for run, outcome in enumerate(outcomes):
        sizes = [math.prod(shape) for shape in shapes]
        own = [p.view(s).clone().requires_grad_()
               for p, s in zip(before[run].split(sizes), shapes, strict=True)]  # fmt: skip
        bias = own[2] + own[3] if plan.bias else None
        last = reference.recurrence(pack.inputs[0, run].double(), own[0], own[1], bias, None,
                                    nonlinearity="tanh" if plan.tanh else "relu", last_only=True)  # fmt: skip
        loss = ((last @ own[-2].T + own[-1])[:, 0] - pack.targets[0, run].double()).square().mean()
        exact = torch.autograd.grad(loss, own)
        for got, true in zip(pack.gradient[run].split(sizes), exact, strict=True):
            off = float((got.double() - true.reshape(-1)).norm() / true.norm())
            worst = off if not off <= worst else worst
        norm = math.sqrt(sum(float(g.square().sum()) for g in exact))
        for got, true in ((outcome.loss, loss.item()), (outcome.grad_norm, norm)):
            off = abs(got - true) / true
            worst = off if not off <= worst else worst
    return worst


def same_bits(alone: Plan, packed: Plan, T: int = 150, updates: int = 5) -> bool:
    """Whether a run of a pack ends with the weights that it has alone."""
    many = pack_for(packed, 5, T, BATCH, updates)
    one = pack_for(alone, 1, T, BATCH, updates)
    one.parameters.copy_(many.parameters[3:4])
    one.inputs.copy_(many.inputs[:, 3:4])
    one.targets.copy_(many.targets[:, 3:4])
    for _ in range(updates):
        many.update()
        one.update()
    return torch.equal(one.parameters[0], many.parameters[3])


def median_ms(work: Callable[[], object], repeats: int = 7) -> float:
    """Time work on the GPU between two events; the median of several."""
    work()
    times = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        work()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end))
    return statistics.median(times)
