"""Signals that ask a sweep to end."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def received_signals() -> Iterator[list[int]]:
    """Collect SIGINT, SIGTERM and SIGHUP while the context lasts.

    Of SIGHUP only what comes first counts: of a terminal that goes, the kernel and the shell both tell.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def remember(number: int, _: FrameType | None) -> None:
        if number != signal.SIGHUP or not received:
            received.append(number)

    before: dict[signal.Signals, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        handler = signal.getsignal(number)
        if handler not in (signal.SIG_IGN, None):
            before[number] = handler
    try:
        for number in before:
            signal.signal(number, remember)
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
