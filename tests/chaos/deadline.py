"""Deadline of a wait, and the exception that a missed deadline raises."""

import time


class Stuck(Exception):
    """Something that must happen did not happen in time."""


class Deadline:
    def __init__(self, seconds: float, what: str):
        self._seconds, self._what = seconds, what
        self._at = time.monotonic() + seconds

    def check(self) -> None:
        """Raises Stuck when the time is over."""
        if time.monotonic() > self._at:
            raise Stuck(f"not within {self._seconds:g} s: {self._what}")
