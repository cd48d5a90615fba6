"""The registered operator: PyTorch can look into it, and it is the same kernel."""

import pytest
import torch
from kernel_problems import Problem, results

from irnn.kernels import native

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
