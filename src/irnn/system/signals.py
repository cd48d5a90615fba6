"""Signals that ask a command to end, collected so that what is under way can write what it has."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a command to end."""


@contextmanager
def collected(
    wanted: Sequence[signal.Signals] = ENDING, *, once: bool = False
) -> Iterator[list[int]]:
    """Collect signals while the context lasts, but for those that are ignored.

    Of SIGHUP only what comes first counts: of a terminal that goes, the kernel and the shell both tell. In
    other threads than the main one, to which alone Python delivers signals, there are none.

    Args:
        wanted: which signals.
        once: whether a second one has its usual effect.
    """
    received: list[int] = []
    before: dict[signal.Signals, Any] = {}
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def remember(number: int, _: FrameType | None) -> None:
        if number != signal.SIGHUP or not received:
            received.append(number)
        for each, handler in before.items() if once else ():
            signal.signal(each, signal.SIG_IGN if each == signal.SIGHUP else handler)

    for each in wanted:
        handler = signal.getsignal(each)
        if handler not in (signal.SIG_IGN, None):
            before[each] = handler
    try:
        for each in before:
            if not (once and received):
                signal.signal(each, remember)
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
