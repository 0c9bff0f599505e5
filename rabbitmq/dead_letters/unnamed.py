"""Messages from before publishers gave their names: those of a log before its first message with a name.

A later message without a name is forged, because every publisher of this project gives its name by then.
"""

from itertools import takewhile

from rabbitmq.connection import Connection
from rabbitmq.lengths import newest_offsets
from rabbitmq.stream_reader import read
from schema.dead_letters import DeadLetter


class UnnamedBeginnings:
    """Beginnings of logs without names, each read once. The connection must be that of a role (`rabbitmq.roles`)."""

    def __init__(self, broker: Connection):
        self._broker = broker
        self._ends: dict[str, int] = {}

    def include(self, letter: DeadLetter) -> bool:
        """Whether the letter's message is from before names. Raises LogGap if retention has dropped a beginning."""
        if letter.stream not in self._ends:
            self._ends[letter.stream] = self._end(letter.stream)
        return letter.is_unnamed and letter.offset <= self._ends[letter.stream]

    def _end(self, stream: str) -> int:
        newest = newest_offsets(self._broker, [stream])[stream]
        unnamed = takewhile(lambda delivery: not delivery.sender.user, read(self._broker, stream, newest))
        return max((delivery.offset for delivery in unnamed), default=-1)
