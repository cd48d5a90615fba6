"""The LSTM and GRU layers are those of PyTorch, and keep little memory."""

import subprocess
import sys

import pytest
import torch

from irnn.models.recurrent import GRU, LSTM


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["LSTM", "GRU"])
def test_an_update_through_ten_thousand_steps_stays_below_a_gibibyte(layer):
    """The gates are kept, not computed again: docs/kernel.md says what that costs."""
    program = f"""
import resource, torch
from irnn import {layer}
x = torch.randn(10_000, 16, 2)
{layer}(2, 100, kernel="native").last_state(x).sum().backward()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    unit = 1024 if sys.platform != "darwin" else 1
    assert int(ran.stdout) * unit < 2**30


DTYPES = [torch.float32, torch.float64]
LAYERS = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"bias": False, "batch_first": True},
    {"num_layers": 3, "batch_first": True, "bidirectional": True},
]


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize("options", LAYERS, ids=str)
@pytest.mark.parametrize(("ours", "theirs"), [(LSTM, torch.nn.LSTM), (GRU, torch.nn.GRU)])
def test_gated_layers_are_those_of_pytorch(ours, theirs, options, dtype):
    torch.manual_seed(0)
    layer = ours(3, 20, **options, dtype=dtype, kernel="native")
    same_run = theirs(3, 20, **options, dtype=dtype)
    same_run.load_state_dict(layer.state_dict())
    layer.load_state_dict(same_run.state_dict())
    x = torch.randn(6, 5, 3, dtype=dtype)
    rows = layer.num_layers * layer._directions
    h, c = (torch.randn(rows, x.shape[not layer.batch_first], 20, dtype=dtype) for _ in range(2))
    alone = x[0], h[:, 0] if ours is GRU else (h[:, 0], c[:, 0])
    for arguments in ((x,), (x, h if ours is GRU else (h, c)), alone):
        got, expected = [], []
        for module, to in ((layer, got), (same_run, expected)):
            output, final = module(*arguments)
            final = final if isinstance(final, tuple) else (final,)
            loss = output.square().sum() + sum(each.sin().sum() for each in final)
            to += [output, *final, *torch.autograd.grad(loss, list(module.parameters()))]
        for value, true in zip(got, expected, strict=True):
            assert value.shape == true.shape
            torch.testing.assert_close(value, true)
    last = layer.last_state(x.transpose(0, 1) if layer.batch_first else x)
    final = same_run(x)[1]
    final = final[0] if isinstance(final, tuple) else final
    torch.testing.assert_close(last, torch.cat(tuple(final[-layer._directions :]), dim=-1))
