"""Signs of life of a process: when its main loop last turned, and when each server last answered. No I/O.

The main loop notes them, and the thread of the endpoint (`runtime.endpoint`) judges them.
"""

import time
from collections.abc import Mapping

LOOP_SECONDS_MAX = 2.0
"""Longest time since the last turn of the main loop for a process that is ready."""

ANSWER_SECONDS_MAX = 5.0
"""Longest time since each server's last answer for a process that is ready."""

HANGING_SECONDS = 60.0
"""Time without a turn after which a process counts as hanging, and is to be restarted.

No wait in a main loop is as long, not even an attempt to connect to servers that do not answer.
"""


class Vitals:
    """Signs of life of one process, in seconds of `time.monotonic`."""

    def __init__(self) -> None:
        self._turned_at = time.monotonic()
        self._broker_at = self._database_at = float("-inf")

    def turned(self) -> None:
        """Notes that the main loop turned."""
        self._turned_at = time.monotonic()

    def broker_answered(self) -> None:
        """Notes that RabbitMQ answered."""
        self._broker_at = time.monotonic()

    def database_answered(self) -> None:
        """Notes that Postgres answered."""
        self._database_at = time.monotonic()

    def lives(self) -> bool:
        """Whether the main loop still turns, however slowly."""
        return time.monotonic() - self._turned_at < HANGING_SECONDS

    def ready(self) -> Mapping[str, bool]:
        """Conditions of being ready, by name; the process is ready if all are met."""
        now = time.monotonic()
        return {
            "loop": now - self._turned_at < LOOP_SECONDS_MAX,
            "broker": now - self._broker_at < ANSWER_SECONDS_MAX,
            "database": now - self._database_at < ANSWER_SECONDS_MAX,
        }


VITALS = Vitals()
"""Signs of life of this process."""
