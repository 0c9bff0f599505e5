"""Places for requests that wait: how many may wait at once, in all and of one person. No I/O.

Who waits holds one of the site's threads. Without bounds, 32 slow quotes are the end of everybody's pages.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class WaitingPlaces:
    """`places` in all, `places_each` for one person. Safe for any thread."""

    def __init__(self, places: int, places_each: int):
        self._places = places
        self._places_each = places_each
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def place_of(self, user: str) -> Iterator[bool]:
        """Whether this person has a place to wait in, from here to the end of the block. Never blocks."""
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
