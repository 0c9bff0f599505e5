"""Regular sign of life of the broker, for a process that may have nothing to hear from it for hours.

It asks without waiting: the answer comes whenever the connection is pumped.
"""

import time
from collections.abc import Callable

import pika.channel

PULSE_SECONDS = 1.0
"""Seconds from one question to the next, unless the last one is still unanswered."""


class Pulse:
    """Questions on a channel of their own. `on_answer` is called in the thread that pumps."""

    def __init__(self, channel: pika.channel.Channel, on_answer: Callable[[], None]):
        self._channel = channel
        self._on_answer = on_answer
        self._asked_at = 0.0
        self._is_asking = False

    def beat(self) -> None:
        """Asks if a question is due. Costs the broker next to nothing: a limit on a channel without consumers."""
        now = time.monotonic()
        if self._is_asking or now - self._asked_at < PULSE_SECONDS:
            return
        self._is_asking, self._asked_at = True, now
        self._channel.basic_qos(prefetch_count=1, callback=self._answered)

    def _answered(self, _frame: object) -> None:
        self._is_asking = False
        self._on_answer()
