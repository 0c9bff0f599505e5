"""Backlog of a load test: how long its oldest command has waited in a partition's log.

A person's command that is published now waits behind that backlog, so the driver stops publishing while it is too long.
Workers store the publishing time of the newest message that they have taken (`partitions.taken_ms`). Commands that a
worker has taken and that wait for a quote do not count: they hold up nobody else.
"""

import time
from collections import deque

from database.retrying import RetryingDatabase
from schema.commands import PARTITIONS

LOOK_SECONDS = 0.1
"""Minimum seconds between two looks at the database: a look takes about 1 ms of CPU from the measured run."""


class Backlog:
    """Messages of one publisher that no worker has taken yet, by partition."""

    def __init__(self, database: RetryingDatabase):
        self._database = database
        self._sent_ms: list[deque[int]] = [deque() for _ in range(PARTITIONS)]
        self._taken_ms: dict[int, int] = {}
        self._next_look = 0.0
        self.moved_at = time.monotonic()
        """Time (`time.monotonic()`) of the last look at which a worker had taken more."""

    def note_sent(self, partition: int, published_at_ms: int) -> None:
        """Adds a message. The publisher calls it for each message, in order."""
        self._sent_ms[partition].append(published_at_ms)

    def lag_ms(self, now_ms: int) -> int:
        """Returns the age of the oldest message that no worker has taken; 0 if there is none. Raises StoreError."""
        if time.monotonic() >= self._next_look:
            self._look()
        return max([0, *(now_ms - sent[0] for sent in self._sent_ms if sent)])

    def _look(self) -> None:
        taken = dict(map(tuple, self._database.rows(_TAKEN)))
        if taken != self._taken_ms:
            self._taken_ms, self.moved_at = taken, time.monotonic()
        for partition, taken_ms in taken.items():
            sent = self._sent_ms[partition]
            while sent and sent[0] <= taken_ms:
                sent.popleft()
        self._next_look = time.monotonic() + LOOK_SECONDS


_TAKEN = "SELECT partition, taken_ms FROM partitions WHERE consumer_group = 'transactions'"
