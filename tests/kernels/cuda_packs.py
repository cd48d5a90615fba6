"""Packs of small random networks on the shim, with memory that is NaN wherever it was never written."""

import math

import torch
from cuda_on_cpu import OnCpu

from irnn.kernels import reference
from irnn.kernels.cuda.pack import Pack, numbers
from irnn.kernels.cuda.plan import Plan

SGD = numbers(rule="sgd", max_norm=math.inf)


def weights(plan: Plan, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    H, F = plan.H, plan.F
    biases = [0.1 * draw(H), 0.1 * draw(H)] if plan.bias else []
    recurrent = 0.9 * torch.eye(H) + 0.2 * draw(H, H) / H**0.5
    return [draw(H, F) / F**0.5, recurrent, *biases, draw(1, H) / H**0.5, draw(1)]


def flat(tensors: list[torch.Tensor]) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def make_pack(plan: Plan, machine: OnCpu, seeds: list[int], T: int, B: int, slots: int = 1) -> Pack:
    """Run `n` of the pack is a function of seeds[n] alone."""
    pack = Pack(plan, machine, runs=len(seeds), steps=T, batch=B, slots=slots, device="cpu")
    working = (pack.history, pack.deltas, pack.partials, pack.last, pack.errors, pack.measures)
    for tensor in (*working, pack.gradient):
        tensor.fill_(math.nan)
    for run, seed in enumerate(seeds):
        generator = torch.Generator().manual_seed(seed)
        pack.parameters[run] = flat(weights(plan, seed))
        pack.inputs[:, run] = torch.rand(slots, T, B, plan.F, generator=generator)
        pack.targets[:, run] = torch.rand(slots, B, generator=generator)
    pack.scales.fill_(1)
    pack.rates.fill_(0.01)
    pack.set_numbers([SGD] * len(seeds))
    pack.begin([0] * len(seeds))
    return pack


def exact(
    plan: Plan, seed: int, inputs: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    """Errors, loss and gradients by the reference in float64."""
    own = [w.double().requires_grad_() for w in weights(plan, seed)]
    bias = own[2] + own[3] if plan.bias else None
    last = reference.recurrence(
        inputs.double(), own[0], own[1], bias, None,
        nonlinearity="tanh" if plan.tanh else "relu", last_only=True,
    )  # fmt: skip
    errors = (last @ own[-2].T + own[-1])[:, 0] - targets.double()
    loss = errors.square().mean()
    return errors.detach(), loss.detach(), list(torch.autograd.grad(loss, own))
