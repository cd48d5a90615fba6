"""The compiled kernel equals the reference in value and in every gradient, at odd sizes."""

from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from kernel_problems import (
    Problem,
    assert_solves,
    distance_from_kink,
    error,
    evaluate,
    exact,
    results,
)

from irnn.kernels import native, reference
from irnn.kernels.compiled import Compiled
from irnn.kernels.loading import Library, load

DTYPES = [torch.float32, torch.float64]
SIZES = [
    (1, 1, 1, 1),
    (1, 17, 2, 100),
    (2, 3, 1, 7),
    (33, 1, 2, 113),
    (40, 17, 2, 100),
    (150, 8, 2, 100),
    (19, 16, 2, 256),
    (21, 13, 100, 33),
    (130, 1, 3, 5),
    (17, 150, 2, 16),
]


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize(("T", "B", "F", "H"), SIZES, ids=lambda n: str(n))
def test_kernel_matches_reference(T, B, F, H, nonlinearity, dtype, kernel):
    for last_only in (True, False):
        problem = Problem(T, B, F, H, nonlinearity, last_only, dtype=dtype)
        got = results(native.recurrence, problem, kernel=kernel)
        assert_solves(got, problem)


@pytest.mark.parametrize("last_only", [True, False])
@pytest.mark.parametrize("h0", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_bias_and_initial_state_may_be_absent(bias, h0, last_only, kernel):
    problem = Problem(T=9, B=11, H=20, bias=bias, h0=h0, last_only=last_only)
    got = results(native.recurrence, problem, kernel=kernel)
    assert ("bias" in got, "h0" in got) == (bias, h0)
    assert_solves(got, problem)


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("last_only", [True, False])
def test_kernel_matches_reference_where_the_gradient_vanishes(last_only, nonlinearity, kernel):
    sizes = {"T": 150, "B": 19, "H": 33}
    problem = Problem(
        **sizes,
        nonlinearity=nonlinearity,
        last_only=last_only,
        forgetting=True,
        dtype=torch.float32,
    )
    got = results(native.recurrence, problem, kernel=kernel)
    assert_solves(got, problem)
    if last_only:
        assert not got["h0"].any()
        assert not got["inputs"][:100].any()


def test_backward_does_not_visit_steps_that_no_gradient_reaches(kernel):
    problem = Problem(T=150, B=19, H=33, forgetting=True, dtype=torch.float32)
    tensors = problem.tensors()
    tensors["inputs"].data[0] = torch.inf  # times a gradient of zero it would be NaN
    tensors["w_ih"].data.abs_().neg_()
    got = evaluate(native.recurrence, problem, tensors, kernel=kernel)
    assert all(value.isfinite().all() for value in got.values())


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize(("B", "F", "H"), [(19, 2, 100), (8, 1, 113), (3, 3, 64), (16, 2, 7)])
@pytest.mark.parametrize("last_only", [True, False])
def test_kernel_matches_reference_where_most_units_are_silent(last_only, B, F, H, dtype, kernel):
    problem = Problem(T=60, B=B, F=F, H=H, last_only=last_only, silent=True, dtype=dtype)
    assert_solves(results(native.recurrence, problem, kernel=kernel), problem)


def test_more_units_than_can_be_listed(kernel):
    problem = Problem(T=3, B=2, H=2060, silent=True)
    assert_solves(results(native.recurrence, problem, kernel=kernel), problem)


@pytest.mark.parametrize("name", ["w_hh", "w_ih"])
def test_weights_of_silent_units_that_are_not_finite_are_seen(name, kernel):
    problem = Problem(T=6, B=9, H=20, silent=True)
    for poison in (torch.nan, torch.inf):
        tensors = problem.tensors()
        tensors["inputs"].data[:, :, 0] = 0.0
        tensors["h0"].data.zero_()
        tensors[name].data[:, {"w_hh": 1, "w_ih": 0}[name]] = poison  # what zeros are multiplied by
        for run in (reference.recurrence, partial(native.recurrence, kernel=kernel)):
            output = run(*tensors.values(), nonlinearity="relu", last_only=True)
            assert output.isnan().all()


@pytest.mark.parametrize("last_only", [True, False])
def test_gradients_that_are_zero_or_negative_only_go_back_to_the_start(last_only, kernel):
    problem = Problem(T=150, B=3, H=20, storing=True, last_only=last_only)
    wanted, gradients = (), ()
    for run in (reference.recurrence, partial(native.recurrence, kernel=kernel)):
        tensors = problem.tensors()
        output = run(*tensors.values(), nonlinearity="relu", last_only=last_only)
        loss = torch.zeros_like(output)
        (loss if last_only else loss[2])[...] = -1.0  # with all states: steps of zeros come first
        wanted, gradients = gradients, torch.autograd.grad(output, list(tensors.values()), loss)
    for got, expected in zip(gradients, wanted, strict=True):
        assert expected.any()
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def variants():
    library = load()
    return st.sampled_from(list(library.variants) if isinstance(library, Library) else [None])


@pytest.mark.skipif(not native.is_available(), reason="the compiled kernel was not built")
# Drawing asks the reference how near a kink is, which may take its time on a slow processor.
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    problem=st.builds(
        Problem,
        T=st.integers(1, 40),
        B=st.integers(1, 40),
        F=st.integers(1, 20),
        H=st.integers(1, 70),
        nonlinearity=st.sampled_from(["relu", "tanh"]),
        last_only=st.booleans(),
        bias=st.booleans(),
        h0=st.booleans(),
        dtype=st.sampled_from(DTYPES),
    ),
    variant=variants(),
)
@example(  # the recurrent gradient is 2.1, a sum of 1 080 numbers that cancel
    problem=Problem(T=36, B=30, F=8, H=1, last_only=False, bias=False, dtype=torch.float32),
    variant="baseline",
)
def test_kernel_matches_reference_at_any_shape(problem, variant):
    if problem.dtype is torch.float32 and problem.nonlinearity == "relu":
        assume(distance_from_kink(problem) > 3e-6)  # several times the rounding of a state
    got = results(native.recurrence, problem, kernel=Compiled(variant, poison=True))
    assert_solves(got, problem)


def test_non_contiguous_arguments_give_the_same_bits(kernel):
    problem = Problem(T=12, B=10, F=6, H=9, last_only=False)
    plain = problem.tensors()
    strided = {
        "inputs": plain["inputs"].detach().permute(2, 1, 0).contiguous().permute(2, 1, 0),
        "w_ih": plain["w_ih"].detach().repeat_interleave(2, dim=1)[:, ::2],
        "w_hh": plain["w_hh"].detach().T.contiguous().T,
        "bias": plain["bias"].detach().repeat_interleave(3)[::3],
        "h0": plain["h0"].detach().T.contiguous().T,
    }
    assert not any(t.is_contiguous() for t in strided.values())
    strided = {name: t.requires_grad_() for name, t in strided.items()}
    expected = evaluate(native.recurrence, problem, plain, kernel=kernel)
    got = evaluate(native.recurrence, problem, strided, kernel=kernel)
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_an_expanded_gradient_of_the_output_is_accepted(kernel):
    tensors = Problem(T=6, last_only=False).tensors()
    options = {"nonlinearity": "relu", "last_only": False}
    native.recurrence(*tensors.values(), **options, kernel=kernel).sum().backward()
    same_run = Problem(T=6, last_only=False).tensors()
    reference.recurrence(*same_run.values(), **options).sum().backward()
    assert all(error(t.grad, same_run[name].grad) < 1e-13 for name, t in tensors.items())


def test_only_the_gradients_that_are_needed_are_returned(kernel):
    problem = Problem(T=6, B=5)
    tensors = problem.tensors()
    tensors = {name: t.requires_grad_(name == "w_ih") for name, t in tensors.items()}
    got = evaluate(native.recurrence, problem, tensors, kernel=kernel)
    assert got.keys() == {"output", "w_ih"}
    assert error(got["w_ih"], exact(problem)["w_ih"]) < 1e-13


def test_five_thousand_steps_do_not_drift(kernel):
    problem = Problem(T=5000, B=2, H=20, storing=True, dtype=torch.float32)
    got = results(native.recurrence, problem, kernel=kernel)
    assert got["output"].max() > 10  # so much has piled up that rounding could show
    assert_solves(got, problem)


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("last_only", [True, False])
def test_gradients_agree_with_finite_differences(nonlinearity, last_only, kernel):
    tensors = Problem(T=4, B=3, H=5).tensors()

    def run(*arguments):
        return native.recurrence(
            *arguments, nonlinearity=nonlinearity, last_only=last_only, kernel=kernel
        )

    assert torch.autograd.gradcheck(run, tuple(tensors.values()))
