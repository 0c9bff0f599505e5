"""Turns of one client: two at once, the next one when one ends, and nobody waits for ever."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from webapp import turns
from webapp.turns import ClientTurns


@pytest.fixture
def threads() -> Iterator[list[ThreadPoolExecutor]]:
    """Three threads, so that each can hold a turn of its own."""
    executors = [ThreadPoolExecutor(1) for _ in range(3)]
    yield executors
    for executor in executors:
        executor.shutdown()


def test_a_third_request_of_a_client_goes_on_when_one_of_two_ends(threads, monkeypatch) -> None:
    monkeypatch.setattr(turns, "SECONDS_MAX", 60)
    site = ClientTurns()
    first, second, third = threads
    for thread in (first, second):
        thread.submit(site.take, "ann").result()
    waiting = third.submit(site.take, "ann")
    with pytest.raises(TimeoutError):
        waiting.result(0.05)
    first.submit(site.end).result()
    waiting.result(20)


def test_a_turn_that_does_not_come_is_not_waited_for_for_ever(threads, monkeypatch) -> None:
    monkeypatch.setattr(turns, "SECONDS_MAX", 0.01)
    site = ClientTurns()
    for thread in threads:
        thread.submit(site.take, "ann").result(20)
    for thread in threads:  # a thread without a turn returns none
        thread.submit(site.end).result()
    assert [site._turns[hash("ann") % turns.CLIENTS].acquire(blocking=False) for _ in range(3)] == [True, True, False]
