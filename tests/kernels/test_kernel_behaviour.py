"""What a kernel promises beside the right numbers: same bits, loud divergence, plain refusals."""

import contextlib
import ctypes
import re
import subprocess
import sys
import threading

import pytest
import torch
from kernel_problems import Problem, results

from irnn.kernels import loading, native, reference
from irnn.kernels.compiled import Compiled
from irnn.kernels.loading import load
from irnn.kernels.threads import one_thread


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("B", [1, 16, 23, 200])
def test_result_is_bitwise_independent_of_the_number_of_threads(B, dtype, kernel, threads):
    problem = Problem(T=30, B=B, H=50, last_only=False, dtype=dtype)
    threads(1)
    alone = results(native.recurrence, problem, kernel=kernel)
    for count in (2, 5):
        threads(count)
        together = results(native.recurrence, problem, kernel=kernel)
        assert all(torch.equal(together[name], alone[name]) for name in alone)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("H", [30, 35, 100])
def test_a_row_does_not_depend_on_the_rows_beside_it(H, dtype, kernel):
    """With other rows other units are silent for all, and are left out: no bit depends on that."""
    arguments = Problem(T=9, B=21, H=H, dtype=dtype).tensors()

    def solve(tensors):
        output = native.recurrence(
            *tensors.values(), nonlinearity="relu", last_only=True, kernel=kernel
        )
        return output, *torch.autograd.grad(output.sum(), [tensors["inputs"], tensors["h0"]])

    output, inputs, h0 = solve(arguments)
    for row in (0, 9, 20):
        one = {
            **arguments,
            "inputs": arguments["inputs"][:, row : row + 1],
            "h0": arguments["h0"][row : row + 1],
        }
        alone = solve(one)
        assert torch.equal(alone[0][0], output[row])
        assert torch.equal(alone[1][:, 0], inputs[:, row])
        assert torch.equal(alone[2][0], h0[row])


def test_threads_that_call_at_the_same_time_get_their_own_results(kernel, threads):
    threads(2)
    problems = [Problem(T=40, B=40, H=20 + i) for i in range(4)]
    expected = [results(native.recurrence, p, kernel=kernel) for p in problems]
    same = [False] * len(problems)

    def work(i):
        runs = [results(native.recurrence, problems[i], kernel=kernel) for _ in range(10)]
        same[i] = all(torch.equal(run[name], expected[i][name]) for run in runs for name in run)

    workers = [threading.Thread(target=work, args=(i,)) for i in range(len(problems))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(same)


FORK = """
import os, sys, warnings, torch
from irnn.kernels import native
from irnn.kernels.compiled import Compiled
warnings.simplefilter("ignore")
torch.set_num_threads(2)
x, w = torch.rand(50, 64, 2), torch.eye(30)
for variant in sys.argv[1:]:
    options = {"nonlinearity": "relu", "last_only": True, "kernel": Compiled(variant)}
    run = lambda: native.recurrence(x, torch.ones(30, 2), w, None, None, **options)
    before = run()
    child = os.fork()
    if child == 0:
        os._exit(0 if torch.equal(run(), before) else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs fork")
def test_every_instruction_set_works_in_a_forked_child():
    if not native.is_available():
        pytest.skip(native.why_unavailable())
    variants = list(load().variants)
    command = [sys.executable, "-c", FORK, *variants]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["0"] * len(variants), done.stderr


@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_nan_and_infinity_spread_as_in_the_reference(poison, nonlinearity, kernel):
    tensors = {
        n: t.detach() for n, t in Problem(T=8, B=10, H=20, last_only=False).tensors().items()
    }
    tensors["inputs"][4, 3, 0] = poison
    options = {"nonlinearity": nonlinearity, "last_only": False}
    got = native.recurrence(*tensors.values(), **options, kernel=kernel)
    expected = reference.recurrence(*tensors.values(), **options)
    assert not torch.isfinite(expected).all() or nonlinearity == "tanh"
    torch.testing.assert_close(got, expected, equal_nan=True, rtol=1e-12, atol=1e-12)


def test_gradient_of_a_diverged_state_is_not_finite(kernel):
    tensors = Problem(T=8, B=4, H=20).tensors()
    with torch.no_grad():
        tensors["inputs"][2, 1, 0] = torch.nan
    output = native.recurrence(
        *tensors.values(), nonlinearity="relu", last_only=True, kernel=kernel
    )
    output.sum().backward()
    assert tensors["w_hh"].grad.isnan().any()
    assert tensors["inputs"].grad[:, [0, 2, 3]].isfinite().all()


def test_no_history_is_stored_without_gradients(kernel):
    tensors = Problem(T=8).tensors()
    sizes = []

    class Spy(Compiled):
        def forward(self, *arguments, **options):
            output, history = super().forward(*arguments, **options)
            sizes.append(history.numel())
            return output, history

    spy = Spy(kernel.variant)
    options = {"nonlinearity": "relu", "last_only": True, "kernel": spy}
    with torch.no_grad():
        native.recurrence(*tensors.values(), **options)
    with torch.inference_mode():
        native.recurrence(*tensors.values(), **options)
    native.recurrence(*(t.detach() for t in tensors.values()), **options)
    assert sizes == [0, 0, 0]
    native.recurrence(*tensors.values(), **options)
    assert sizes[-1] > 0


def test_weights_changed_before_backward_are_an_error(kernel):
    tensors = Problem().tensors()
    output = native.recurrence(
        *tensors.values(), nonlinearity="relu", last_only=True, kernel=kernel
    )
    with torch.no_grad():
        tensors["w_hh"].zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


REFUSED = {
    "empty batch": ({"inputs": (5, 0, 2)}, "at least one"),
    "empty sequence": ({"inputs": (0, 3, 2)}, "at least one"),
    "no features": ({"inputs": (5, 3, 0), "w_ih": (7, 0)}, "at least one"),
    "two axes": ({"inputs": (5, 3)}, r"expected \(T, B, F\)"),
    "w_ih": ({"w_ih": (7, 3)}, r"w_ih has shape \(7, 3\); expected \(7, 2\)"),
    "w_hh": ({"w_hh": (7, 6)}, "w_hh has shape"),
    "bias": ({"bias": (6,)}, "bias has shape"),
    "h0": ({"h0": (5, 7)}, "h0 has shape"),
    "no units": ({"w_hh": (0, 0), "w_ih": (0, 2)}, "at least one unit"),
}


@pytest.mark.parametrize("recurrence", [native.recurrence, reference.recurrence])
@pytest.mark.parametrize(("shapes", "message"), REFUSED.values(), ids=REFUSED)
def test_arguments_that_do_not_fit_are_refused(shapes, message, recurrence):
    tensors = {**Problem().tensors(), **{name: torch.ones(shape) for name, shape in shapes.items()}}
    tensors = {name: t.detach().double() for name, t in tensors.items()}
    with pytest.raises(ValueError, match=message):
        recurrence(*tensors.values(), nonlinearity="relu", last_only=True)


@pytest.mark.parametrize("recurrence", [native.recurrence, reference.recurrence])
def test_mixed_dtypes_and_unknown_nonlinearities_are_refused(recurrence):
    tensors = Problem().tensors()
    with pytest.raises(ValueError, match="nonlinearity is 'gelu'; expected 'relu' or 'tanh'"):
        recurrence(*tensors.values(), nonlinearity="gelu", last_only=True)
    tensors["bias"] = tensors["bias"].detach().float()
    with pytest.raises(ValueError, match=r"bias has dtype torch\.float32; expected torch\.float64"):
        recurrence(*tensors.values(), nonlinearity="relu", last_only=True)


@pytest.mark.parametrize("recurrence", [native.recurrence, reference.recurrence])
@pytest.mark.parametrize("name", ["w_ih", "w_hh", "bias", "h0"])
def test_tensors_of_several_devices_are_refused(name, recurrence):
    tensors = {key: tensor.detach() for key, tensor in Problem().tensors().items()}
    tensors[name] = tensors[name].to("meta")
    with pytest.raises(ValueError, match=f"{name} is on meta; expected cpu, as inputs"):
        recurrence(*tensors.values(), nonlinearity="relu", last_only=True)


def test_other_dtypes_and_devices_are_refused_by_the_compiled_kernel():
    for change in ({"dtype": torch.bfloat16}, {"device": "meta"}):
        tensors = [t.detach().to(**change) for t in Problem().tensors().values()]
        with pytest.raises(ValueError, match=r"runtime\.kernel"):
            native.recurrence(*tensors, nonlinearity="relu", last_only=True)


def test_one_thread_is_for_its_block_only(threads):
    threads(2)
    with contextlib.suppress(KeyError), one_thread():
        inside = torch.get_num_threads()
        raise KeyError
    assert inside == 1
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("name", ["Call", "Step", "Draw", "Layout"])
def test_the_layout_of_a_call_is_that_of_the_compiled_code(name):
    """Field by field, in order: a struct of cpp/call.hpp, read as text, and its twin in Python."""
    text = (loading.PACKAGE / "cpp" / "call.hpp").read_text()
    (body,) = re.findall(rf"struct {name} {{(.*?)\n}};", text, flags=re.DOTALL)
    kinds = {"std::int64_t": ctypes.c_int64, "double": ctypes.c_double}
    expected = []
    for declared in re.sub(r"//.*", "", body).split(";")[:-1]:
        kind, names = re.match(r"\s*((?:const )?[\w:]+)\s+(.*)", declared, re.DOTALL).groups()
        for field in names.split(","):
            pointer, word, count = re.match(r"\s*(\*?)(\w+)(?:\[(\d+)\])?\s*$", field).groups()
            one = ctypes.c_void_p if pointer else kinds[kind]
            expected.append((word, one * int(count) if count else one))
    assert getattr(loading, name)._fields_ == expected


def test_cells_and_rules_are_numbered_by_the_compiled_code():
    library = load()
    assert library.cells == {"recurrence": 0, "lstm": 1, "gru": 2}
    assert list(library.rules) == ["sgd", "adam", "rmsprop"]
