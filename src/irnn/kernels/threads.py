"""Who may use the processor's cores between two calls of the kernel."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread for work too small to share.

    After a shared piece of work PyTorch's other threads go on spinning for milliseconds, on the
    cores that the recurrence needs next; where cores are scarce that costs more than the work.
    """
    threads = torch.get_num_threads()
    if threads > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if threads > 1:
            torch.set_num_threads(threads)
