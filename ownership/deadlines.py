"""Times at which something is to be done, soonest first, for a process whose clock may be set back.

Pure: the caller passes the time. A time that is too far ahead was set before the clock went back. It counts as due
(`schema.events.is_due`), because waiting until then would stall the process.
"""

import heapq
import itertools
from typing import Generic, TypeVar

from schema.events import CLOCK_STEP_MS_MAX, is_due

T = TypeVar("T")

OVERDUE_MS = 0
"""Sort key of subjects that are due because the clock went back: they come first."""


class Deadlines(Generic[T]):
    """Subjects by the time at which each is due; a subject may be in here more than once.

    `ahead_ms_max`: how far ahead of the caller's clock a time may be set. Subjects of the same time are due in the
    order in which they were added.
    """

    def __init__(self, ahead_ms_max: int):
        self._ahead_ms_max = ahead_ms_max
        self._heap: list[tuple[int, int, int, T]] = []
        """Entries: sort key, tie breaker, time at which the subject is due, subject."""
        self._furthest_ms = 0
        """No sort key in the heap is greater than this."""
        self._count = itertools.count()

    def add(self, subject: T, at_ms: int) -> None:
        """Adds a subject that is due at this time, ms since the epoch."""
        self._furthest_ms = max(self._furthest_ms, at_ms)
        heapq.heappush(self._heap, (at_ms, next(self._count), at_ms, subject))

    def any_due(self, now_ms: int) -> bool:
        """Whether `pop` may have a subject to return. If this is False, no subject is due."""
        longest_ms = now_ms + self._ahead_ms_max + CLOCK_STEP_MS_MAX
        if self._furthest_ms > longest_ms:
            self._bring_forward(longest_ms)
        return bool(self._heap) and self._heap[0][0] <= now_ms

    def pop(self, now_ms: int) -> tuple[T, int] | None:
        """Removes the first subject that is due; returns it with the time that was set. None if none is due."""
        while self.any_due(now_ms):
            _, _, at_ms, subject = heapq.heappop(self._heap)
            if is_due(at_ms, now_ms, self._ahead_ms_max):
                return subject, at_ms
            self.add(subject, at_ms)  # brought forward, but not due: the clock caught up
        return None

    @property
    def next_ms(self) -> int | None:
        """Time at which to call `pop` next, ms since the epoch; None if nothing is in here."""
        return self._heap[0][0] if self._heap else None

    def _bring_forward(self, longest_ms: int) -> None:
        """Makes due whatever is further ahead than this: a clock was set back."""
        self._heap = [
            (OVERDUE_MS if at_ms > longest_ms else place_ms, count, at_ms, subject)
            for place_ms, count, at_ms, subject in self._heap
        ]
        heapq.heapify(self._heap)
        self._furthest_ms = max((place_ms for place_ms, *_ in self._heap), default=0)
