"""Waiting within limits: what is raised when something that has to come does not. Not what is waited for, or how."""

import time


class Stuck(Exception):
    """Something that had to come did not come in time."""


class Deadline:
    def __init__(self, seconds: float, what: str):
        self._seconds, self._what = seconds, what
        self._at = time.monotonic() + seconds

    def check(self) -> None:
        """Raises Stuck when it is over."""
        if time.monotonic() > self._at:
            raise Stuck(f"not within {self._seconds:g} s: {self._what}")
