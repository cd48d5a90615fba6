"""How far a command is with many jobs, every few seconds."""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

from irnn.system import screen

T = TypeVar("T")
_LINE_SECONDS = 5.0


def with_progress_lines(items: Sequence[T], done: str) -> Iterator[T]:
    """Walk over jobs, and say now and then how many are done."""
    latest = time.monotonic()
    for number, item in enumerate(items):
        yield item
        if time.monotonic() - latest >= _LINE_SECONDS:
            latest = time.monotonic()
            screen.complain(f"irnn-train: {number + 1:,} of {len(items):,} jobs {done}")
