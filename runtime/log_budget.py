"""Bound on the lines that one event may write to a process's log, for processes that strangers can reach.

A stranger can cause a refusal, and so a line, as often as they like. Beyond the bound the lines of that event are only
counted, and its next line says how many were left out.
"""

import logging
import threading
import time
from collections.abc import Callable

import structlog
from structlog.typing import EventDict, WrappedLogger

LINES_MAX = 100
"""Maximum lines of one event in a span."""

SPAN_SECONDS = 10.0
EVENTS_MAX = 1_000
"""Maximum events that are told apart; libraries may put a client's text into an event."""

OTHERS = "other events"


class LogBudget:
    """Lines written and left out, by event. `clock`: monotonic seconds. Safe for any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._lock = threading.Lock()
        self._spans: dict[str, tuple[float, int, int]] = {}

    def take(self, event: str) -> int | None:
        """Takes a line of this event. Returns how many lines were left out before it; None: leave out this one too."""
        now = self._clock()
        with self._lock:
            name = event if event in self._spans or len(self._spans) < EVENTS_MAX else OTHERS
            began, written, left_out = self._spans.get(name, (now, 0, 0))
            if now - began >= SPAN_SECONDS:
                began, written = now, 0
            if written >= LINES_MAX:
                self._spans[name] = began, written, left_out + 1
                return None
            self._spans[name] = began, written + 1, 0
            return left_out

    def of_structlog(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Processor of structlog that drops lines beyond the bound, and counts them in the next line."""
        left_out = self.take(str(event.get("event")))
        if left_out is None:
            raise structlog.DropEvent
        if left_out:
            event["left_out"] = left_out
        return event

    def of_logging(self, record: logging.LogRecord) -> bool:
        """Filter of Python's own logging, which libraries use; it drops lines beyond the bound."""
        return self.take(f"{record.name} {record.msg}") is not None
