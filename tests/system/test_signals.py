"""Ctrl-C and SIGTERM: obeyed at once, and what they did before comes back."""

import signal
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from alexnet_lightning.system import signals

HANDLED = (signal.SIGINT, signal.SIGTERM)


def handlers() -> list[object]:
    return [signal.getsignal(signum) for signum in HANDLED]


@pytest.fixture(autouse=True)
def obeyed() -> Iterator[None]:
    """A shell starts what runs in its background with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("signum", HANDLED)
def test_a_signal_stops_at_once_and_handlers_come_back(signum: signal.Signals) -> None:
    before, hook = handlers(), sys.unraisablehook
    with pytest.raises(signals.Stopped) as stop, signals.stopping():
        signal.raise_signal(signum)
    assert stop.value.signum == signum
    assert (handlers(), sys.unraisablehook) == (before, hook)


def test_after_the_first_signal_a_second_ends_the_process() -> None:
    with signals.stopping():
        with pytest.raises(signals.Stopped):
            signal.raise_signal(signal.SIGTERM)
        assert handlers() == [signal.SIG_DFL, signal.SIG_DFL]


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with signals.stopping():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_within_a_destructor_is_obeyed_a_moment_later() -> None:
    class Deaf:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(signals.Stopped), signals.stopping():
        Deaf()
        time.sleep(20 * signals.AGAIN)


def test_other_errors_of_destructors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(sys, "__unraisablehook__", told.append)
    ignored = SimpleNamespace(exc_value=ValueError())
    signals.heard(ignored)
    assert told == [ignored]


def test_noted_signals_do_afterwards_what_they_did_before() -> None:
    with signals.stopping():
        before = handlers()
        signals.listen(*HANDLED)
        signal.raise_signal(signal.SIGTERM)
        assert signals.received == signal.SIGTERM
        signals.forget()
        assert (signals.received, handlers()) == (None, before)


@pytest.mark.parametrize(
    ("spec", "ends"),
    [(SimpleNamespace(name="alexnet_lightning.study"), True), (None, False)],
    ids=["command", "library"],
)
def test_only_a_command_ends_quietly_while_it_is_imported(
    spec: object, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)
    try:
        signals.end_quietly()
        assert (signal.getsignal(signal.SIGINT) is signal.SIG_DFL) == ends
    finally:
        signal.signal(signal.SIGINT, before)
