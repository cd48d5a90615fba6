"""The adding problem's sequences and batches in compiled code, to the bit what `adding` says in PyTorch.

There is no choice to make: where the compiled library is there and the data is on the CPU, it is used.
"""

import ctypes

import torch
from torch import Tensor

from irnn.kernels.loading import Draw, Layout, Library, load


def library_for(tensor: Tensor) -> Library | None:
    """Return the compiled library where it can compute on what `tensor` is like."""
    library = load() if tensor.device.type == "cpu" else ""
    return library if isinstance(library, Library) else None


def draw(
    library: Library, key: int, index: Tensor, steps: int, bounds: tuple[int, int, int, bool]
) -> tuple[Tensor, Tensor]:
    """Make the sequences at positions `index` (N,) of stream `key`: values (N, T), marks (N, 2).

    Args:
        library: see `library_for`.
        key: from `irnn.seeding.stream_key`.
        index: (N,) int64.
        steps: T.
        bounds: see `irnn.tasks.adding.mark_bounds`.
    """
    index, count = index.contiguous(), len(index)
    values, marks = torch.empty(count, steps), torch.empty(count, 2, dtype=torch.int64)
    pointers = (index.data_ptr(), values.data_ptr(), marks.data_ptr())
    library.draw(ctypes.byref(Draw(steps, count, key, *bounds, *pointers)))
    return values, marks


def lay_out(
    library: Library,
    values: Tensor,
    marks: Tensor,
    rows: Tensor | None,
    batches: int,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Lay sequences out for a network: inputs (K, T, B, 2) and targets (K, B).

    Args:
        library: see `library_for`.
        values: (N, T) float32, contiguous.
        marks: (N, 2) int64, contiguous.
        rows: (K B,) int64, which of the N to take; None for all of them in order.
        batches: K.
        dtype: float32 or float64.
    """
    steps, size = values.shape[1], (len(values) if rows is None else len(rows)) // batches
    inputs = torch.empty(batches, steps, size, 2, dtype=dtype)
    targets = torch.empty(batches, size, dtype=dtype)
    rows = None if rows is None else rows.contiguous()
    call = Layout(
        steps, batches, size, values.data_ptr(), marks.data_ptr(),
        None if rows is None else rows.data_ptr(), inputs.data_ptr(), targets.data_ptr(),
    )  # fmt: skip
    library.lay_out(ctypes.byref(call), dtype is torch.float64)
    return inputs, targets
