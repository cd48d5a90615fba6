"""The benchmarks compare only what can be compared."""

import sys
from pathlib import Path

import pytest

from irnn.kernels import native

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
parity = pytest.importorskip("parity")
cases = pytest.importorskip("cases")
pytestmark = pytest.mark.skipif(not native.is_available(), reason="the kernel was not built")


@pytest.mark.parametrize("model", ["rnn_tanh", "lstm", "gru"])
def test_networks_that_remember_amplify_no_rounding(model):
    """In one that does, two right programs part within a few updates, and no loss says which is wrong."""
    _, allowed = parity.kernel_errors(cases.Case(1000, 2, 100, cases.OPEN, model=model))
    assert allowed < 1e-3, allowed


@pytest.mark.parametrize(
    ("error", "allowed", "says"),
    [(2e-5, 1e-5, "the kernel is wrong"), (0.1, 0.6, "amplifies rounding")],
)
def test_no_time_is_taken_where_the_kernel_is_wrong_or_nothing_can_be_told(
    error, allowed, says, monkeypatch
):
    monkeypatch.setattr(parity, "kernel_errors", lambda case: (error, allowed))
    with pytest.raises(SystemExit, match=says):
        parity.check([cases.Case(1, 1, 1)])
