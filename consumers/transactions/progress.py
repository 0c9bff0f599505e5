"""How far a partition's log is done: which messages are unfinished, what `position` and `high` are, whom a marker
waits for. Pure bookkeeping: no I/O, nothing of accounts (design §3).
"""

from collections import deque
from dataclasses import dataclass

from schema.commands import DumpMarker


@dataclass(slots=True)
class Message:
    """A message of the log that was taken up. Finished when none of its commands remains to be done.

    `tag`: to be acknowledged with when it is finished; 0 where that has been done already.
    """

    offset: int
    tag: int
    remaining: int
    marker: DumpMarker | None = None


class Progress:
    """The unfinished messages of one partition, in the order of the log."""

    def __init__(self, position: int, high: int):
        self.high = high
        self._next = position
        self._unfinished: deque[Message] = deque()

    @property
    def position(self) -> int:
        """Lowest unfinished offset: where a new owner has to begin."""
        return self._unfinished[0].offset if self._unfinished else self._next

    @property
    def unfinished(self) -> int:
        """Number of messages taken up and not yet swept."""
        return len(self._unfinished)

    def begin(self, offset: int, tag: int, commands: int, marker: DumpMarker | None = None) -> Message:
        """Takes up the next message of the log."""
        assert offset >= self._next, (offset, self._next)
        message = Message(offset, tag, commands, marker)
        self._next = offset + 1
        self.high = max(self.high, offset)
        self._unfinished.append(message)
        return message

    def sweep(self) -> Message | None:
        """Drops what is finished from the front; returns the marker that now stands first, if one does.

        All commands before it are done: it is up to the caller to act on it, finish it, and sweep again.
        """
        unfinished = self._unfinished
        while unfinished and unfinished[0].remaining == 0:
            unfinished.popleft()
        return unfinished[0] if unfinished and unfinished[0].marker is not None else None
