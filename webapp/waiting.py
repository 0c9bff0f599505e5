"""Waiting places: limits on the requests that wait for an outcome at once, in total and per person. No I/O.

A waiting request holds one of the site's threads. Without limits, 32 slow quotes would block everybody's pages. Exports
(`webapp.exports`) have places of their own.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class WaitingPlaces:
    """Places for `places` requests in total, `places_each` per person. Safe for any thread."""

    def __init__(self, places: int, places_each: int):
        self._places = places
        self._places_each = places_each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place_of(self, user: str) -> Iterator[bool]:
        """Whether this person got a waiting place, which they keep until the `with` block ends. Never blocks."""
        has_place = self._take(user)
        try:
            yield has_place
        finally:
            if has_place:
                self._leave(user)

    def _take(self, user: str) -> bool:
        with self._lock:
            if self._taken[user] >= self._places_each or self._taken.total() >= self._places:
                return False
            self._taken[user] += 1
            return True

    def _leave(self, user: str) -> None:
        with self._lock:
            self._taken[user] -= 1
            if not self._taken[user]:
                del self._taken[user]
