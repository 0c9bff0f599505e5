"""Pauses between the sessions of a process that has lost a server."""

from types import SimpleNamespace

import pytest

from ownership import lifecycle
from ownership.lifecycle import GOOD_SECONDS, PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX, live
from schema.errors import BrokerError

STOP_SECONDS_MAX = 0.1
"""Longest time after which a pausing process notices that it has to stop."""


class SleptTime:
    """Time that passes only while the process sleeps or works."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def clock(monkeypatch) -> SleptTime:
    clock = SleptTime()
    monkeypatch.setattr(lifecycle, "time", SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    return clock


def pauses(clock: SleptTime, lengths: list[float], never=lambda: False) -> list[float]:
    """Runs sessions of these lengths, each of which loses a server; returns the pause after each."""
    ended, after = 0.0, []
    remaining = iter(lengths)

    def session() -> None:
        nonlocal ended
        if ended:
            after.append(clock.now - ended)
        length = next(remaining, None)
        if length is None:
            return
        clock.now += length
        ended = clock.now
        raise BrokerError("away")

    live(session, never)
    return after


def test_sessions_that_fail_at_once_are_further_and_further_apart(clock):
    wanted = [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0]
    assert (wanted[0], wanted[-1]) == (PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX)
    for pause, most in zip(pauses(clock, [0.0] * len(wanted)), wanted, strict=True):
        assert most / 2 - 1e-9 <= pause <= most + 1e-9


def test_pauses_differ_so_that_processes_do_not_return_together(clock):
    assert len({round(pause, 6) for pause in pauses(clock, [0.0] * 10)[4:]}) > 1


def test_the_first_pause_after_a_good_session_is_short_again(clock):
    assert pauses(clock, [0.0] * 5 + [GOOD_SECONDS + 1])[-1] <= PAUSE_SECONDS_FIRST + 1e-9


def test_a_stop_ends_a_pause(clock):
    began: list[float] = []

    def session() -> None:
        assert len(began) < 6, "a session began after the stop"
        began.append(clock.now)
        raise BrokerError("away")

    live(session, lambda: len(began) == 6 and clock.now > began[-1] + 0.05)
    assert len(began) == 6
    assert clock.now - began[-1] <= STOP_SECONDS_MAX + 1e-9
