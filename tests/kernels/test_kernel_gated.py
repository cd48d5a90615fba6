"""The compiled LSTM and GRU equal the reference and PyTorch's layers in value and in every gradient."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kernel_problems import error
from test_kernel_transcendental import BOUND, sample, ulps

from irnn.kernels import gated, native, reference
from irnn.kernels.compiled import Compiled
from irnn.kernels.gated_calls import CELLS
from irnn.kernels.loading import Library, load

DTYPES = [torch.float32, torch.float64]
VARIANTS = list(load().variants) if isinstance(load(), Library) else ["none built"]
NAMES = ("inputs", "w_ih", "w_hh", "b_ih", "b_hh", "h0", "c0")
SIZES = [
    (1, 1, 1, 1),
    (3, 17, 1, 7),
    (20, 5, 3, 33),
    (9, 3, 47, 113),
    (11, 16, 2, 100),
    (7, 9, 100, 20),
    (30, 150, 14, 1),
]


@dataclass(frozen=True)
class Gated:
    """Sizes and options of one call; the numbers in it follow from them."""

    cell: str = "lstm"
    T: int = 5
    B: int = 3
    F: int = 2
    H: int = 7
    last_only: bool = True
    bias: bool = True
    states: bool = True
    dtype: torch.dtype = torch.float64

    def tensors(self):
        """Draw the arguments; rounded, so that every dtype gets the same."""
        generator = torch.Generator().manual_seed(hash((self.T, self.B, self.F, self.H)))
        rows = CELLS[self.cell].gates * self.H
        shapes = [(self.T, self.B, self.F), (rows, self.F), (rows, self.H), (rows,), (rows,)]
        shapes += [(self.B, self.H)] * (2 if self.cell == "lstm" else 1)
        scales = [1.0, self.F**-0.5, self.H**-0.5, 0.5, 0.5, 1.0, 1.0]
        given = [True] * 3 + [self.bias] * 2 + [self.states] * 2
        return [
            (torch.randn(shape, generator=generator) * scale).to(self.dtype).requires_grad_()
            if there
            else None
            for shape, scale, there in zip(shapes, scales, given, strict=False)
        ]


def evaluate(walk, problem, tensors, **options):
    """Return the outputs and the gradient of every argument for a fixed random loss."""
    outputs = walk(*tensors, last_only=problem.last_only, **options)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    generator = torch.Generator().manual_seed(1)
    drawn = [torch.randn(o.shape, generator=generator, dtype=torch.float64) for o in outputs]
    loss = sum((o * r.to(o.dtype)).sum() for o, r in zip(outputs, drawn, strict=True))
    wanted = {n: t for n, t in zip(NAMES, tensors, strict=False) if t is not None}
    gradients = torch.autograd.grad(loss, list(wanted.values()))
    values = dict(zip(("output", "cell"), [o.detach() for o in outputs], strict=False))
    return values | dict(zip(wanted, gradients, strict=True))


def solve(problem, kernel):
    return evaluate(getattr(gated, problem.cell), problem, problem.tensors(), kernel=kernel)


@cache
def exact(problem):
    return evaluate(getattr(reference, problem.cell), problem, problem.tensors())


def assert_solves(got, problem):
    expected = exact(replace(problem, dtype=torch.float64))
    assert got.keys() == expected.keys()
    allowed = 1e-5 if problem.dtype is torch.float32 else 1e-13
    for name, value in got.items():
        assert value.shape == expected[name].shape
        assert value.dtype == problem.dtype
        off = error(value, expected[name])
        own = error(exact(problem)[name], expected[name])
        # A state is a sum of terms of the size of 1, which may cancel: a single one to next to nothing.
        size = expected[name].norm() / max(value.numel(), 1) ** 0.5
        if name in ("output", "cell") and off * size < 4 * torch.finfo(problem.dtype).eps:
            continue
        assert off < allowed or off < 4 * own, (name, off)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(("T", "B", "F", "H"), SIZES, ids=lambda n: str(n))
def test_gated_kernel_matches_reference(T, B, F, H, cell, dtype, kernel):
    for last_only in (True, False):
        problem = Gated(cell, T, B, F, H, last_only, dtype=dtype)
        assert_solves(solve(problem, kernel), problem)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("last_only", [True, False])
@pytest.mark.parametrize("states", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_biases_and_initial_states_of_gated_cells_may_be_absent(
    bias, states, last_only, cell, kernel
):
    problem = Gated(cell, 9, 11, 2, 20, last_only, bias, states)
    got = solve(problem, kernel)
    assert ("b_hh" in got, "h0" in got) == (bias, states)
    assert_solves(got, problem)


@pytest.mark.skipif(not native.is_available(), reason="the compiled kernel was not built")
@settings(max_examples=60, deadline=None)
@given(
    problem=st.builds(
        Gated,
        cell=st.sampled_from(["lstm", "gru"]),
        T=st.integers(1, 30),
        B=st.integers(1, 40),
        F=st.integers(1, 60),
        H=st.integers(1, 70),
        last_only=st.booleans(),
        bias=st.booleans(),
        states=st.booleans(),
        dtype=st.sampled_from(DTYPES),
    ),
    variant=st.sampled_from(VARIANTS),
)
@example(
    Gated("gru", T=1, B=1, F=51, H=1, last_only=False, dtype=torch.float32), VARIANTS[0]
)  # 0.0007
def test_gated_kernel_matches_reference_at_any_shape(problem, variant):
    assert_solves(solve(problem, Compiled(variant, poison=True)), problem)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("last_only", [True, False])
def test_gated_gradients_agree_with_finite_differences_and_so_do_second_ones(last_only, cell):
    tensors = Gated(cell, T=2, B=2, F=1, H=2).tensors()

    def run(*arguments):
        return getattr(gated, cell)(*arguments, last_only=last_only)

    assert torch.autograd.gradcheck(run, tensors)
    assert torch.autograd.gradgradcheck(run, tensors)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("B", [1, 16, 23, 200])
def test_gated_result_is_bitwise_independent_of_the_number_of_threads(B, cell, kernel, threads):
    problem = Gated(cell, 12, B, 2, 50, last_only=False, dtype=torch.float32)
    threads(1)
    alone = solve(problem, kernel)
    for count in (2, 5):
        threads(count)
        together = solve(problem, kernel)
        assert all(torch.equal(together[name], alone[name]) for name in alone)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_only_the_gated_gradients_that_are_needed_are_computed(cell, kernel):
    problem = Gated(cell, 6, 5)
    full = exact(problem)
    for names in (["w_hh"], ["inputs"], ["h0"], ["c0"], ["b_hh"]):
        tensors = problem.tensors()
        chosen = [(n, t) for n, t in zip(NAMES, tensors, strict=False) if n in names]
        for name, tensor in zip(NAMES, tensors, strict=False):
            tensor.requires_grad_(name in names)
        if not chosen:
            continue
        outputs = getattr(gated, cell)(*tensors, last_only=True, kernel=kernel)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        generator = torch.Generator().manual_seed(1)
        loss = sum(
            (o * torch.randn(o.shape, generator=generator, dtype=torch.float64)).sum()
            for o in outputs
        )
        for name, tensor in chosen:
            assert error(torch.autograd.grad(loss, tensor)[0], full[name]) < 1e-13


def forgetting(cell, start):
    """Gates that forget: a gradient leaves float32 in some ten steps, and is exactly zero then."""
    problem = Gated(cell, T=120, B=19, H=33, states=False, dtype=torch.float32)
    tensors = problem.tensors()
    gate = slice(33, 66)
    with torch.no_grad():
        tensors[1].abs_()
        tensors[2].mul_(0.01)
        tensors[3][gate], tensors[4][gate] = -6.0, 0.0
        tensors[0][0] = start
    return problem, tensors


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_kernel_matches_reference_where_the_gradient_vanishes(cell, kernel):
    problem, tensors = forgetting(cell, 0.5)
    got = evaluate(getattr(gated, cell), problem, tensors, kernel=kernel)
    wide = [None if t is None else t.detach().double().requires_grad_() for t in tensors]
    expected = evaluate(getattr(reference, cell), problem, wide)
    assert not got["inputs"][:20].any()
    assert all(error(got[name], expected[name]) < 1e-5 for name in expected)


def test_gated_backward_does_not_visit_steps_that_no_gradient_reaches(kernel):
    """An infinite input saturates the gates; times a gradient of zero it would be NaN."""
    finite, infinite = (
        evaluate(gated.lstm, *forgetting("lstm", start), kernel=kernel)
        for start in (0.5, torch.inf)
    )
    assert all(torch.equal(finite[name], infinite[name]) for name in finite)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_sigmoid_is_within_three_units_in_the_last_place_everywhere(dtype, kernel):
    """Read off an LSTM's output gate; below the normal range the result may be 0."""
    x = sample(dtype)
    x = x[x.isfinite()]
    got, limit = output_gate(x, [0.0, 0.0, 0.0, 1.0], kernel), torch.finfo(dtype).smallest_normal
    wide = x.numpy().astype(np.longdouble)
    falling = np.exp(-np.abs(wide))
    true = np.where(wide < 0, falling, 1) / (1 + falling)
    assert ulps(got, true, limit)[true >= 2 * limit].max() <= BOUND
    assert np.abs(got.numpy()[true < 2 * limit]).max() <= 2 * limit
    ends = torch.tensor([-torch.inf, torch.inf, torch.nan], dtype=dtype)
    low, high, unknown = output_gate(ends, [1.0] * 4, kernel).tolist()
    assert (low, high) == (0.0, 1.0)
    assert unknown != unknown


def output_gate(x, w_ih, kernel):
    """Give sigmoid(x) as h of an LSTM whose c is so large that its tanh is 1."""
    weights = torch.tensor(w_ih, dtype=x.dtype).view(4, 1)
    bias = torch.tensor([-100.0, 100.0, 0.0, 0.0], dtype=x.dtype)  # c stays what it was
    c0 = torch.full((len(x), 1), 50.0, dtype=x.dtype)
    rest = torch.zeros(4, 1, dtype=x.dtype), bias, torch.zeros_like(bias), None, c0
    walk = gated.lstm(x.view(1, -1, 1), weights, *rest, last_only=True, kernel=kernel)
    return walk[0].squeeze(1)
