"""Order of the log's entries: drops known ones, holds back early ones, and passes over sources that have stopped.

Sources number their entries without gaps. They may publish some again, divided into messages in another way. The
numbering lets each entry through once, and only after all entries before it. Pure: no I/O, no clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import attrgetter

from schema.events import AuditMessage, source_name

HELD_MESSAGES_MAX = 200
HELD_BYTES_MAX = 20_000_000
"""Limits for messages that wait for an earlier one: some 100 MB of memory at most. A source publishes nothing newer
before all of a batch is confirmed. So if this much waits, an earlier message is lost for good."""


@dataclass(frozen=True, slots=True)
class NumberedMessage:
    """Message of the audit stream at its offset. `is_new`: it was not read before."""

    offset: int
    message: AuditMessage
    lines: bytes
    """Rows of its entries, as COPY takes them."""
    body: bytes
    is_new: bool

    @property
    def source(self) -> int:
        return self.message.source

    @property
    def first_number(self) -> int:
        return self.message.first_number

    @property
    def last_number(self) -> int:
        return self.message.first_number + len(self.message.entries) - 1

    def __str__(self) -> str:
        return f"entries {self.first_number} to {self.last_number} of {source_name(self.source)}"


@dataclass(frozen=True, slots=True)
class Part:
    """Message whose turn it is. Its first `known` entries were let through before, the others are let through now."""

    arrival: NumberedMessage
    known: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Source whose entries cannot be stored from `number` on. `offset`: from where to read the stream again."""

    source: int
    number: int
    offset: int
    reason: str

    def __str__(self) -> str:
        return f"{source_name(self.source)} has stopped at entry {self.number}: {self.reason}"


class Numbering:
    """The newest number let through of each source, the messages that are ahead of it, and the stopped sources.

    A message is ahead only if the broker refused one before it, which its publisher has yet to repeat. It is held back
    until then; after a crash, the stream has to be read again from the offset `held_from`.
    """

    def __init__(self, stored: Mapping[int, int]):
        self._newest = dict(stored)
        self._held: list[NumberedMessage] = []
        self._stopped: dict[int, Stop] = {}
        self._retried: dict[int, Stop] = {}
        self._passed_over_from: dict[int, int] = {}

    @property
    def held_from(self) -> int | None:
        """Offset of the first message held back; None if there is none."""
        return min((held.offset for held in self._held), default=None)

    @property
    def held(self) -> int:
        """Number of messages held back."""
        return len(self._held)

    def newest(self, source: int) -> int:
        """Number of this source's newest entry that was let through; 0 if there is none."""
        return self._newest.get(source, 0)

    def stopped(self, source: int) -> Stop | None:
        """The stop of this source; None if it has not stopped."""
        return self._stopped.get(source)

    @property
    def stopped_sources(self) -> list[int]:
        """Sources that have stopped."""
        return list(self._stopped)

    def take(self, arrival: NumberedMessage) -> list[Part]:
        """Returns the parts that may be stored or compared now that this message has come; none while it is ahead."""
        if arrival.first_number > self.newest(arrival.source) + 1:
            self._held.append(arrival)
            return []
        parts = [self._cut(arrival)]
        while (held := self._next_held(arrival.source)) is not None:
            self._held.remove(held)
            parts.append(self._cut(held))
        return parts

    def stop(self, stop: Stop) -> tuple[Stop, list[NumberedMessage]]:
        """Stops a source at entry `stop.number`. Returns the stop in force, and the source's messages that were held.

        If an earlier stop of the source was retried and did not end, its offset stays in force, because all messages
        of the source after it were passed over.
        """
        earlier = self._retried.pop(stop.source, None)
        if earlier is not None:
            stop = replace(stop, offset=min(stop.offset, earlier.offset))
        self._newest[stop.source] = stop.number - 1
        self._stopped[stop.source] = stop
        dropped = [held for held in self._held if held.source == stop.source]
        self._held = [held for held in self._held if held.source != stop.source]
        return stop, dropped

    def retry(self, stop: Stop) -> None:
        """Lets a source go on from where it stopped. If that succeeds, `overcome` returns the stop."""
        self._stopped.pop(stop.source, None)
        self._retried[stop.source] = stop
        self._passed_over_from[stop.source] = min(stop.number, self._passed_over_from.get(stop.source, stop.number))

    def was_passed_over(self, arrival: NumberedMessage) -> bool:
        """Whether a message that is read again was passed over before, because its source had stopped."""
        first = self._passed_over_from.get(arrival.source)
        return first is not None and arrival.last_number >= first

    def bring_within_reach(self, oldest: int) -> None:
        """Raises the offsets of all stops to the stream's oldest offset, because nothing older can be read."""
        for source, stop in self._stopped.items():
            self._stopped[source] = replace(stop, offset=max(stop.offset, oldest))

    def overcome(self) -> list[Stop]:
        """Retried stops whose entry has been let through by now. Each is returned once."""
        passed = [stop for stop in self._retried.values() if self.newest(stop.source) >= stop.number]
        for stop in passed:
            del self._retried[stop.source]
        return passed

    def stop_lacking(self) -> tuple[Stop, list[NumberedMessage]] | None:
        """Stops the source with most bytes held if a limit is exceeded, and returns as `stop` does; otherwise None."""
        if self.held <= HELD_MESSAGES_MAX and sum(len(held.body) for held in self._held) <= HELD_BYTES_MAX:
            return None
        by_source: dict[int, list[NumberedMessage]] = {}
        for held in self._held:
            by_source.setdefault(held.source, []).append(held)
        source, most = max(by_source.items(), key=lambda item: (sum(len(held.body) for held in item[1]), len(item[1])))
        offset = min(map(attrgetter("offset"), most))
        number = self.newest(source) + 1
        return self.stop(Stop(source, number, offset, f"it is missing, and {len(most)} later messages have come"))

    def _cut(self, arrival: NumberedMessage) -> Part:
        known = self.newest(arrival.source) + 1 - arrival.first_number
        self._newest[arrival.source] = max(self.newest(arrival.source), arrival.last_number)
        return Part(arrival, min(known, len(arrival.message.entries)))

    def _next_held(self, source: int) -> NumberedMessage | None:
        limit = self.newest(source) + 1
        return next((held for held in self._held if held.source == source and held.first_number <= limit), None)
