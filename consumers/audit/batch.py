"""Contents of one transaction of the audit log, gathered delivery by delivery. No I/O and no clock.

The batch decodes deliveries as they come. `settle` decides later, inside the transaction, which of them belong in the
log: only there it is known what their sources have committed.
A source is a partition of the command logs, or the quote cache; its owner numbers its entries 1, 2, 3, …
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from consumers.audit.copy_lines import copy_lines
from consumers.audit.numbering import NumberedMessage, Numbering, Part, Stop
from rabbitmq.stream_consumer import Delivery
from rabbitmq.topology import AUDIT_STREAM, audit_publishers
from schema import codec
from schema.dead_letters import DeadLetter, dead_letter
from schema.errors import DecodeError
from schema.events import AuditEntry, AuditKind, source_name

_MARKER = AuditKind.MARKER


@dataclass(frozen=True, slots=True)
class Marker:
    """Place of a DUMPLOG in a source's numbering. Without a user, the dump holds the whole log."""

    dump_id: str
    source: int
    number: int
    user: str | None
    filename: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Entries of one message that are next to be stored: their first and last number, and their rows for COPY."""

    offset: int
    first_number: int
    last_number: int
    rows: bytes


@dataclass
class AuditBatch:
    """Batch of the audit log. `next_offset` and `high_offset` are those of the log once the batch is stored.

    `settle` fills the other fields. `pieces` are to be stored, those of each source in the order of their numbers.
    `repeats` have numbers that were accepted before, and are to be compared with what is stored. `dead` must not become
    part of the log. `beyond_stops` are markers that cannot be stored, because their source has stopped. `reads_again`:
    the next offset goes back to messages that the worker left out while their source had stopped.
    """

    next_offset: int
    high_offset: int
    dead_before: Collection[int] = ()
    """Offsets of messages that became dead letters before, are stored as such, and must not become entries now."""
    arrivals: list[NumberedMessage] = field(default_factory=list)
    entries: int = 0
    tags: list[int] = field(default_factory=list)
    pieces: dict[int, list[Piece]] = field(default_factory=dict)
    markers: list[Marker] = field(default_factory=list)
    repeats: list[Part] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    new_stops: list[Stop] = field(default_factory=list)
    beyond_stops: list[Marker] = field(default_factory=list)
    reads_again: bool = False

    def add(self, delivery: Delivery) -> None:
        """Decodes and adds a delivery."""
        offset, body = delivery.offset, delivery.body
        self.tags.append(delivery.tag)
        is_new = offset > self.high_offset
        self.next_offset = offset + 1
        self.high_offset = max(self.high_offset, offset)
        if offset in self.dead_before:
            return
        try:
            message = codec.decode_audit(body)
            delivery.sender.require(audit_publishers(message.source), f"entries of {source_name(message.source)}")
        except DecodeError as error:
            self._bury(offset, body, str(error))
            return
        lines = copy_lines(message.source, message.first_number, message.entries).encode()
        self.arrivals.append(NumberedMessage(offset, message, lines, body, is_new))
        self.entries += len(message.entries)

    def may_end_a_stop(self, numbering: Numbering) -> bool:
        """Whether an entry at which its source stopped has been published again, so that the source may go on."""
        return any(
            arrival.is_new
            and (stop := numbering.stopped(arrival.source)) is not None
            and arrival.first_number <= stop.number <= arrival.last_number
            for arrival in self.arrivals
        )

    def settle(self, numbering: Numbering, committed: Mapping[int, int]) -> None:
        """Decides which arrivals are to be stored. `committed`: number of each source's newest committed entry.

        A message that its source has not committed becomes a dead letter. Its numbers stay due: the real entries with
        these numbers come later.
        """
        for arrival in self.arrivals:
            newest = committed.get(arrival.source, 0)
            if arrival.last_number > newest:
                self.add_dead_letter(
                    arrival, f"{arrival} are not committed: the newest committed entry has number {newest}"
                )
            elif not self._pass_over(numbering, arrival):
                for part in numbering.take(arrival):
                    self._take(part, numbering)
        while (lacking := numbering.stop_lacking()) is not None:
            stop, dropped = lacking
            self.note_stop(stop, dropped)
        held_from = numbering.held_from
        self.next_offset = self.next_offset if held_from is None else min(self.next_offset, held_from)

    def add_dead_letter(self, arrival: NumberedMessage, reason: str) -> None:
        """Adds a message that must not become part of the log, to be stored as a dead letter."""
        self._bury(arrival.offset, arrival.body, reason)

    def note_stop(self, stop: Stop, dropped: list[NumberedMessage]) -> None:
        """Notes that a source stops with this batch. `dropped`: its messages that are passed over."""
        self.new_stops.append(stop)
        for arrival in dropped:
            self.beyond_stops += _markers(arrival, stop.number)

    def _bury(self, offset: int, body: bytes, reason: str) -> None:
        self.dead.append(dead_letter(AUDIT_STREAM, offset, body, reason))

    def _pass_over(self, numbering: Numbering, arrival: NumberedMessage) -> bool:
        """Whether a message has to wait until its source, which has stopped, goes on.

        The source goes on when the entry at which it stopped is published again. The worker then reads again the
        messages that it passed over.
        """
        stop = numbering.stopped(arrival.source)
        if stop is None or arrival.last_number < stop.number:
            return False
        if arrival.is_new and arrival.first_number <= stop.number:
            numbering.retry(stop)
            self.next_offset = min(self.next_offset, stop.offset)
            self.reads_again = True
            return False
        self.beyond_stops += _markers(arrival, stop.number)
        return True

    def _take(self, part: Part, numbering: Numbering) -> None:
        arrival, known = part.arrival, part.known
        if known and (arrival.is_new or numbering.was_passed_over(arrival)):
            self.repeats.append(part)
        first = arrival.first_number + known
        if first > arrival.last_number:
            return
        rows = arrival.lines
        if known:
            rows = copy_lines(arrival.source, first, arrival.message.entries[known:]).encode()
        piece = Piece(arrival.offset, first, arrival.last_number, rows)
        self.pieces.setdefault(arrival.source, []).append(piece)
        self.markers += _markers(arrival, first)


def _markers(arrival: NumberedMessage, first_number: int) -> list[Marker]:
    """The markers of a message from this number on."""
    return [
        _marker(arrival.source, number, entry)
        for number, entry in enumerate(arrival.message.entries, arrival.first_number)
        if entry.kind is _MARKER and number >= first_number
    ]


def _marker(source: int, number: int, entry: AuditEntry) -> Marker:
    assert entry.message and entry.filename, "decoding lets no marker through without them"
    return Marker(entry.message, source, number, entry.user, entry.filename)
