"""The registered operator: PyTorch can look into it, and it is the same kernel."""

import pytest
import torch
from kernel_problems import Problem, results
from test_kernel_gated import Gated, evaluate

from irnn.kernels import gated, native
from irnn.kernels.compiled import Compiled
from irnn.kernels.gated_calls import forward
from irnn.models.recurrent import GRU, LSTM

pytestmark = pytest.mark.skipif(not native.is_available(), reason="the kernel was not built")


@pytest.mark.parametrize("last_only", [True, False])
@pytest.mark.parametrize("nonlinearity", ["relu", "tanh"])
def test_operator_passes_the_checks_of_pytorch(nonlinearity, last_only):
    settings = nonlinearity == "tanh", last_only
    tensors = Problem().tensors().values()
    torch.library.opcheck(native.recurrence_operator, (*tensors, *settings, True))
    without = [t.detach() for t in tensors][:3]
    torch.library.opcheck(native.recurrence_operator, (*without, None, None, *settings, False))


@pytest.mark.parametrize("last_only", [True, False])
def test_compiled_model_gives_the_bits_of_eager_mode(last_only):
    torch.compiler.reset()
    problem = Problem(T=6, B=9, H=12, last_only=last_only)
    # The whole graph is captured and differentiated; a C++ compiler would only slow the test down.
    compiled = torch.compile(native.recurrence, fullgraph=True, backend="aot_eager")
    expected = results(native.recurrence, problem)
    got = results(compiled, problem)
    assert all(torch.equal(got[name], expected[name]) for name in expected)


def test_operator_without_history_refuses_to_differentiate():
    tensors = Problem().tensors()
    output, _ = native.recurrence_operator(*tensors.values(), False, True, False)
    with pytest.raises(RuntimeError, match="keep=False"):
        output.sum().backward()


def test_operator_and_direct_path_agree_bitwise():
    tensors = Problem(T=9, B=20, H=33).tensors()
    direct = native.recurrence(*tensors.values(), nonlinearity="relu", last_only=True)
    through = native.recurrence_operator(*tensors.values(), False, True, True)[0]
    assert torch.equal(direct, through)


def test_fake_tensors_take_their_shapes_through_the_kernel():
    with torch._subclasses.FakeTensorMode():
        x, w_ih, w_hh = torch.empty(5, 3, 2), torch.empty(7, 2), torch.empty(7, 7)
        options = {"nonlinearity": "relu"}
        last = native.recurrence(x, w_ih, w_hh, None, None, last_only=True, **options)
        states = native.recurrence(x, w_ih, w_hh, None, None, last_only=False, **options)
    assert (last.shape, states.shape) == ((3, 7), (5, 3, 7))


def seven(problem):
    """The arguments of the gated operator: a GRU has no initial cell."""
    tensors = problem.tensors()
    return [*tensors, *[None] * (7 - len(tensors))]


@pytest.mark.parametrize("last_only", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_operator_passes_the_checks_of_pytorch(cell, last_only):
    tensors = seven(Gated(cell, T=3, B=2, F=1, H=5, last_only=last_only))
    torch.library.opcheck(gated.gated_operator, (*tensors, cell, last_only, True))
    without = [t.detach() for t in tensors[:3]]
    torch.library.opcheck(gated.gated_operator, (*without, *[None] * 4, cell, last_only, False))


@pytest.mark.parametrize("last_only", [True, False])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_compiled_gated_model_gives_the_bits_of_eager_mode(cell, last_only):
    torch.compiler.reset()
    problem = Gated(cell, T=6, B=9, H=12, last_only=last_only)
    walk = getattr(gated, cell)
    compiled = torch.compile(walk, fullgraph=True, backend="aot_eager")
    expected = evaluate(walk, problem, problem.tensors())
    got = evaluate(compiled, problem, problem.tensors())
    assert all(torch.equal(got[name], expected[name]) for name in expected)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_operator_without_history_refuses_to_differentiate(cell):
    output, *_ = gated.gated_operator(*seven(Gated(cell)), cell, True, False)
    with pytest.raises(RuntimeError, match="keep=False"):
        output.sum().backward()


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_gated_operator_and_direct_path_agree_bitwise(cell):
    problem = Gated(cell, T=9, B=20, H=33)
    direct = getattr(gated, cell)(*problem.tensors(), last_only=True)
    through = gated.gated_operator(*seven(problem), cell, True, True)
    direct = direct if isinstance(direct, tuple) else (direct,)
    assert all(torch.equal(a, b) for a, b in zip(direct, through, strict=False))


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_fake_tensors_take_their_shapes_through_the_gated_kernel(layer):
    with torch._subclasses.FakeTensorMode():
        states, final = layer(2, 7, kernel="native")(torch.empty(5, 3, 2))
    final = final[0] if isinstance(final, tuple) else final
    assert (states.shape, final.shape) == ((5, 3, 7), (1, 3, 7))


@pytest.mark.parametrize("H", [5, 12, 33, 100])
@pytest.mark.parametrize("cell", ["lstm", "gru", "recurrence"])
def test_no_byte_of_a_history_depends_on_what_memory_held(cell, H, variant):
    """Those that compare an operator's results compare its padding, too."""
    problem = Gated(cell, T=3, B=2, H=H) if cell != "recurrence" else Problem(T=3, B=2, H=H)
    kept = []
    for poison in (False, True):
        kernel = Compiled(variant, poison=poison)
        if cell == "recurrence":
            tensors = problem.tensors().values()
            kept.append(kernel.forward(*tensors, True, True, True, zeroed=True)[1])
        else:
            kept.append(forward(kernel, seven(problem), cell, True, keep=True, zeroed=True)[2])
    assert torch.equal(*kept)
