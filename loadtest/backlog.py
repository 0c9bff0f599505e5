"""Backlog of a load test: what no worker has taken yet, and for how long a command that comes now waits behind it.

A person's command waits behind the workload's, so the driver stops publishing while that takes too long. The age of the
oldest command would not do as the measure: when it has become old, much more has been published after it, and all of
that has to be taken first. So the backlog is counted in commands, and divided by the workers' speed.

Workers store the publishing time of the newest message that they have taken (`partitions.taken_ms`). Commands that a
worker has taken and that wait for a quote do not count: they hold up nobody else.
"""

import time
from collections import deque

from database.retrying import RetryingDatabase
from schema.commands import PARTITIONS

LOOK_SECONDS = 0.1
"""Minimum seconds between two looks at the database: a look takes about 1 ms of CPU from the measured run."""

TURN_SECONDS = 1.0
"""Age that a message may reach while its worker runs at full speed: a turn takes commands of some partitions only, and
the driver learns of them when they are committed."""

SPEED_FIRST, SPEED_MIN = 20_000.0, 2_000.0
"""Commands per second that workers are supposed to take at first, and at least. A smaller backlog than the latter
allows would keep slow workers from ever becoming faster."""

WINDOW_SECONDS, WINDOWS = 1.0, 5
"""Length and number of the latest windows in which commands are counted. The fastest window is the speed: in the others
the workers may have had nothing to take, or have waited for the disk."""


class Backlog:
    """Messages of one publisher that no worker has taken yet, by partition."""

    def __init__(self, database: RetryingDatabase):
        self._database = database
        self._sent: list[deque[tuple[int, int]]] = [deque() for _ in range(PARTITIONS)]
        """Publishing times of messages, with the number of their commands."""
        self._commands = 0
        self._taken_ms: dict[int, int] = {}
        self._next_look = 0.0
        self._speeds = deque([SPEED_FIRST], maxlen=WINDOWS)
        self._window_began = time.monotonic()
        self._taken_in_window = 0
        self.moved_at = time.monotonic()
        """Time (`time.monotonic()`) of the last look at which a worker had taken more."""

    def note_sent(self, partition: int, published_at_ms: int, commands: int) -> None:
        """Adds a message. The publisher calls it for each message, in order."""
        self._sent[partition].append((published_at_ms, commands))
        self._commands += commands

    def wait_seconds(self, now_ms: int) -> float:
        """Returns how long a command that is published now waits behind the backlog, by the workers' recent speed.

        If a message is older than TURN_SECONDS, the wait is at least the excess: its worker is slower than the others,
        or takes nothing. Raises StoreError.
        """
        if time.monotonic() >= self._next_look:
            self._look()
        oldest = max([0, *(now_ms - sent[0][0] for sent in self._sent if sent)])
        return max(oldest / 1000 - TURN_SECONDS, self._commands / max(SPEED_MIN, *self._speeds))

    def _look(self) -> None:
        taken = dict(map(tuple, self._database.rows(_TAKEN)))
        if taken != self._taken_ms:
            self._taken_ms, self.moved_at = taken, time.monotonic()
        before = self._commands
        for partition, taken_ms in taken.items():
            sent = self._sent[partition]
            while sent and sent[0][0] <= taken_ms:
                self._commands -= sent.popleft()[1]
        self._measure(before - self._commands)
        self._next_look = time.monotonic() + LOOK_SECONDS

    def _measure(self, taken: int) -> None:
        self._taken_in_window += taken
        seconds = time.monotonic() - self._window_began
        if seconds >= WINDOW_SECONDS:
            self._speeds.append(self._taken_in_window / seconds)
            self._window_began, self._taken_in_window = time.monotonic(), 0


_TAKEN = "SELECT partition, taken_ms FROM partitions WHERE consumer_group = 'transactions'"
