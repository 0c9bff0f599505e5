"""The bound on the lines that an event writes, with the count of those left out."""

import logging

import pytest
import structlog

from runtime.log_budget import EVENTS_MAX, LINES_MAX, SPAN_SECONDS, LogBudget


class SteppedClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock()


def test_lines_beyond_the_bound_are_left_out_and_counted_in_the_next_line(clock: SteppedClock) -> None:
    budget = LogBudget(clock)
    taken = [budget.take("refused") for _ in range(LINES_MAX + 7)]
    assert taken == [0] * LINES_MAX + [None] * 7
    assert budget.take("another event") == 0
    clock.now += SPAN_SECONDS
    assert [budget.take("refused"), budget.take("refused")] == [7, 0]


def test_events_with_a_clients_text_in_them_share_one_bound(clock: SteppedClock) -> None:
    budget = LogBudget(clock)
    written = [budget.take(f"path {number}") is not None for number in range(EVENTS_MAX + 10 * LINES_MAX)]
    assert sum(written) == EVENTS_MAX + LINES_MAX


def test_both_kinds_of_logging_obey_the_bound(clock: SteppedClock) -> None:
    budget = LogBudget(clock)
    record = logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, "Invalid HTTP request received.", None, None)
    assert sum(budget.of_logging(record) for _ in range(2 * LINES_MAX)) == LINES_MAX
    for _ in range(LINES_MAX):
        budget.of_structlog(None, "warning", {"event": "unavailable"})
    with pytest.raises(structlog.DropEvent):
        budget.of_structlog(None, "warning", {"event": "unavailable"})
    clock.now += SPAN_SECONDS
    assert budget.of_structlog(None, "warning", {"event": "unavailable"})["left_out"] == 1
