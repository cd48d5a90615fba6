"""A run collects what asks it to end, whenever that comes."""

import signal
from typing import Any

import pytest

from irnn.training.session import ending_signals


@pytest.mark.usefixtures("hangups_count")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_collected_and_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with ending_signals() as received:
        signal.raise_signal(number)
        assert received == [number]
    assert signal.getsignal(number) is before


def test_a_signal_while_handlers_are_installed_is_collected_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    really, sent = signal.signal, []

    def install(number: int, handler: Any) -> Any:
        former = really(number, handler)
        if not sent and callable(handler):
            sent.append(number)
            signal.raise_signal(number)
        return former

    monkeypatch.setattr(signal, "signal", install)
    with ending_signals() as received:
        assert received == sent
    assert sent


@pytest.mark.usefixtures("hangups_count")
def test_of_a_terminal_that_goes_only_the_first_notice_counts() -> None:
    with ending_signals() as received:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)  # would end this process
        assert received == [signal.SIGHUP]


def test_what_is_ignored_stays_ignored_as_nohup_wants_it() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_signals() as received:
            signal.raise_signal(signal.SIGHUP)
            assert received == []
    finally:
        signal.signal(signal.SIGHUP, before)
