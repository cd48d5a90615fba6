"""The kernel's own tanh, over the whole range of both precisions, in units in the last place."""

import numpy as np
import pytest
import torch

from irnn.kernels import native

BOUND = 3  # units in the last place; docs/kernel.md says so
DTYPES = [torch.float32, torch.float64]


def sample(dtype: torch.dtype) -> torch.Tensor:
    """Take every so many bit patterns from 0 to infinity, the ends of the range, and their negatives."""
    whole, count = (torch.int32, 400_009) if dtype is torch.float32 else (torch.int64, 200_003)
    infinity = torch.tensor(torch.inf, dtype=dtype).view(whole).item()
    sizes = torch.arange(0, infinity, infinity // count, dtype=whole).view(dtype)
    limits = torch.finfo(dtype)
    edges = [0.0, limits.smallest_normal, limits.tiny / 4, limits.max, torch.inf]
    near = torch.linspace(0, 100, 100_003, dtype=dtype)
    both = torch.cat([sizes, torch.tensor(edges, dtype=dtype), near])
    return torch.cat([both, -both])


def ulps(got: torch.Tensor, exact: np.ndarray, smallest: float) -> np.ndarray:
    """Return the distance in units in the last place of the exact value."""
    size = np.maximum(np.abs(exact), np.longdouble(smallest))
    unit = np.exp2(np.floor(np.log2(size))) * np.longdouble(torch.finfo(got.dtype).eps)
    return np.abs(got.numpy().astype(np.longdouble) - exact) / unit


def tanh(x: torch.Tensor, kernel: object) -> torch.Tensor:
    """One step of a recurrence whose only weight is 1."""
    one, nothing = torch.ones(1, 1, dtype=x.dtype), torch.zeros(1, 1, dtype=x.dtype)
    options = {"nonlinearity": "tanh", "last_only": True, "kernel": kernel}
    return native.recurrence(x.view(1, -1, 1), one, nothing, None, None, **options).squeeze(1)


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_tanh_is_within_three_units_in_the_last_place_everywhere(dtype, kernel):
    x = sample(dtype)
    exact = np.tanh(x.numpy().astype(np.longdouble))
    assert ulps(tanh(x, kernel), exact, torch.finfo(dtype).smallest_normal).max() <= BOUND


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_tanh_of_nan_is_nan_and_below_the_normal_range_it_is_its_argument(dtype, kernel):
    tiny = torch.finfo(dtype).smallest_normal / 3
    x = torch.tensor([tiny, -tiny, 0.0, torch.nan], dtype=dtype)
    got = tanh(x, kernel)
    assert torch.equal(got[:3], x[:3])
    assert got[3].isnan()
