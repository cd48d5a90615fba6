"""One layer's arguments at any size, and what a kernel makes of them."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from irnn.kernels import reference

GRADIENTS = ("inputs", "w_ih", "w_hh", "bias", "h0")


@dataclass(frozen=True)
class Problem:
    """Sizes and options of one call; the numbers in it follow from them."""

    T: int = 5
    B: int = 3
    F: int = 2
    H: int = 7
    nonlinearity: str = "relu"
    last_only: bool = True
    bias: bool = True
    h0: bool = True
    storing: bool = False  # the identity and small positive inputs: nothing is ever forgotten
    forgetting: bool = False  # a small recurrent matrix: gradients leave float32 in some 30 steps
    silent: bool = False  # most units never rise above 0, others only at times
    dtype: torch.dtype = torch.float64

    def tensors(self) -> dict[str, Tensor | None]:
        """Draw the arguments: in float64, then rounded, so that every dtype gets the same."""
        generator = torch.Generator().manual_seed(hash((self.T, self.B, self.F, self.H)))

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        made = {
            "inputs": 0.01 * draw(self.T, self.B, self.F).abs()
            if self.storing
            else draw(self.T, self.B, self.F),
            "w_ih": draw(self.H, self.F) / self.F**0.5,
            "w_hh": torch.eye(self.H, dtype=torch.float64)
            if self.storing
            else (0.01 if self.forgetting else 1.0)
            * (0.9 * torch.eye(self.H) + 0.2 * draw(self.H, self.H) / self.H**0.5),
            "bias": 0.1 * draw(self.H) - 9.0 * self.silent * (torch.arange(self.H) % 5 > 0)
            if self.bias
            else None,
            "h0": draw(self.B, self.H) if self.h0 else None,
        }
        return {
            name: None if t is None else t.float().to(self.dtype).requires_grad_()
            for name, t in made.items()
        }


def results(recurrence: Any, problem: Problem, **options: Any) -> dict[str, Tensor]:
    """Return the output and the gradient of every argument for a fixed random loss."""
    return evaluate(recurrence, problem, problem.tensors(), **options)


def evaluate(
    recurrence: Any, problem: Problem, tensors: dict[str, Tensor | None], **options: Any
) -> dict[str, Tensor]:
    output = recurrence(
        *tensors.values(),
        nonlinearity=problem.nonlinearity,
        last_only=problem.last_only,
        **options,
    )
    generator = torch.Generator().manual_seed(1)
    loss = torch.randn(output.shape, generator=generator, dtype=torch.float64).to(output.dtype)
    wanted = {name: t for name, t in tensors.items() if t is not None and t.requires_grad}
    gradients = torch.autograd.grad(output, list(wanted.values()), loss)
    return {"output": output.detach(), **dict(zip(wanted, gradients, strict=True))}


def error(got: Tensor, expected: Tensor) -> float:
    """Return the distance relative to the expected tensor's norm."""
    distance = (got.double() - expected).norm() / expected.norm().clamp_min(1e-30)
    return float(distance)


def solve(problem: Problem) -> dict[str, Tensor]:
    """Run the reference on one thread: its products are too small to gain by more."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return results(reference.recurrence, problem)
    finally:
        torch.set_num_threads(before)


@cache
def exact(problem: Problem) -> dict[str, Tensor]:
    """Solve by the reference in float64."""
    return solve(replace(problem, dtype=torch.float64))


@cache
def rounded(problem: Problem) -> dict[str, Tensor]:
    """Solve by the reference in the problem's own dtype: as far off as rounding has to be."""
    return solve(problem)


def assert_solves(got: dict[str, Tensor], problem: Problem) -> None:
    """Every result is within rounding of the exact one, as far as the problem allows it."""
    expected = exact(problem)
    assert got.keys() == expected.keys()
    tolerance = 1e-5 if problem.dtype is torch.float32 else 1e-13
    for name, value in got.items():
        assert value.shape == expected[name].shape
        assert value.dtype == problem.dtype
        off = error(value, expected[name])
        if problem.H == 1 and name == "w_hh":  # one number, which may be next to nothing of its sum
            own, other = expected[name].norm().item(), expected["w_ih"].norm().item()
            off *= own / max(own + other, 1e-30)
        # Gradients of saturated units are ill-conditioned: there the reference's own error rules.
        assert off < tolerance or off < 4 * error(rounded(problem)[name], expected[name]), name


@torch.no_grad()
def distance_from_kink(problem: Problem) -> float:
    """Return the smallest argument of the nonlinearity: one near 0 gets another sign by rounding alone.

    The gradient of a ReLU network jumps there, so that no kernel in float32 can be held to the exact one.
    """
    whole = replace(problem, dtype=torch.float64, last_only=False)
    inputs, w_ih, w_hh, bias, h0 = whole.tensors().values()
    with torch.enable_grad():
        states = exact(whole)["output"]  # (T, B, H)
    start = torch.zeros_like(states[:1]) if h0 is None else h0[None]
    drive = inputs @ w_ih.T + torch.cat([start, states[:-1]]) @ w_hh.T
    return float((drive if bias is None else drive + bias).abs().min())
