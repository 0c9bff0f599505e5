"""Progress in a partition's log: unfinished messages, `next_offset`, `high_offset`, and when a marker's turn comes.

Pure bookkeeping: no I/O, and no knowledge of accounts.
"""

from collections import deque
from dataclasses import dataclass

from schema.commands import DumpMarker


@dataclass(slots=True)
class Message:
    """A message that the worker has taken from the log. It is finished when `remaining`, its commands to do, is 0.

    `tag`: delivery tag to acknowledge when the message is finished; 0 if it is acknowledged already.
    """

    offset: int
    tag: int
    remaining: int
    marker: DumpMarker | None = None


class Progress:
    """The unfinished messages of one partition, in the order of the log.

    `taken_ms`: latest publishing time of the messages taken, by which publishers see how far a worker is behind.
    """

    def __init__(self, next_offset: int, high_offset: int, taken_ms: int = 0):
        self.high_offset = high_offset
        self.taken_ms = taken_ms
        self._next = next_offset
        self._unfinished: deque[Message] = deque()

    @property
    def next_offset(self) -> int:
        """Lowest unfinished offset, at which a new owner has to begin."""
        return self._unfinished[0].offset if self._unfinished else self._next

    @property
    def unfinished(self) -> int:
        """Number of messages that were taken and that `sweep` has not dropped yet."""
        return len(self._unfinished)

    def begin(self, offset: int, tag: int, commands: int, marker: DumpMarker | None = None) -> Message:
        """Adds the next message of the log."""
        assert offset >= self._next, (offset, self._next)
        message = Message(offset, tag, commands, marker)
        self._next = offset + 1
        self.high_offset = max(self.high_offset, offset)
        self._unfinished.append(message)
        return message

    def note_publishing_time(self, published_at_ms: int, now_ms: int) -> None:
        """Notes when a taken message was published. A publisher's clock that is ahead counts only up to `now_ms`."""
        self.taken_ms = max(self.taken_ms, min(published_at_ms, now_ms))

    def sweep(self) -> Message | None:
        """Drops finished messages from the front. Returns the first message then left if it is a marker, else None.

        All commands before that marker are done. The caller has to act on it, finish it, and sweep again.
        """
        unfinished = self._unfinished
        while unfinished and unfinished[0].remaining == 0:
            unfinished.popleft()
        return unfinished[0] if unfinished and unfinished[0].marker is not None else None
