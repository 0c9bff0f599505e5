"""Audit deliveries gathered for one transaction: which of them belong in the log."""

from consumers.audit.batch import AuditBatch, Marker
from consumers.audit.numbering import HELD_MESSAGES_MAX, Numbering, Stop
from rabbitmq.roles import ANYBODY
from rabbitmq.stream_consumer import Delivery
from schema import codec
from schema.commands import PARTITIONS, VERSION, CommandName
from schema.events import AuditEntry, AuditKind, AuditMessage

ENTRY = AuditEntry(AuditKind.USER_COMMAND, 1, 1, CommandName.ADD, user="ann")
ALL = dict.fromkeys(range(PARTITIONS), 1_000_000)
"""Numbers that each source has committed: more than any test stores."""


def body(first: int, *entries: AuditEntry, source: int = 2) -> bytes:
    return codec.encode(AuditMessage(VERSION, source, first, list(entries)))


def a_marker(letter: str, user: str | None = "ann") -> AuditEntry:
    return AuditEntry(AuditKind.MARKER, 1, 9, CommandName.DUMPLOG, user, filename="log", message=letter * 32)


def gathered(*bodies: bytes, first_offset: int = 0, high_offset: int = -1, dead: tuple[int, ...] = ()) -> AuditBatch:
    batch = AuditBatch(first_offset, high_offset, dead)
    for offset, one in enumerate(bodies, first_offset):
        batch.add(Delivery(offset, one, False, offset + 1, ANYBODY))
    return batch


def stored(batch: AuditBatch) -> dict[int, list[tuple[int, int]]]:
    """Returns, by source, the numbers of its pieces."""
    return {source: [(p.first_number, p.last_number) for p in pieces] for source, pieces in batch.pieces.items()}


def test_the_next_offset_follows_the_messages_that_were_taken():
    batch = gathered(body(1, ENTRY), body(2, ENTRY, ENTRY), first_offset=7, high_offset=6)
    batch.settle(Numbering({}), ALL)
    assert (batch.next_offset, batch.high_offset, batch.entries, batch.tags) == (9, 8, 3, [8, 9])
    assert stored(batch) == {2: [(1, 1), (2, 3)]}


def test_the_next_offset_is_that_of_the_first_message_held_back():
    numbering = Numbering({})
    batch = gathered(body(2, ENTRY), body(1, ENTRY, source=5), first_offset=7, high_offset=6)
    batch.settle(numbering, ALL)
    assert (batch.next_offset, batch.high_offset, stored(batch)) == (7, 8, {5: [(1, 1)]})
    batch = gathered(body(1, ENTRY), first_offset=9, high_offset=8)
    batch.settle(numbering, ALL)
    assert (batch.next_offset, batch.high_offset, stored(batch)) == (10, 9, {2: [(1, 1), (2, 2)]})


def test_a_marker_is_stored_with_its_number_as_any_entry():
    batch = gathered(body(1, ENTRY, a_marker("a"), ENTRY))
    batch.settle(Numbering({}), ALL)
    assert batch.markers == [Marker("a" * 32, 2, 2, "ann", "log")]
    assert stored(batch) == {2: [(1, 3)]}


def test_an_undecodable_message_becomes_a_dead_letter():
    batch = gathered(b"garbage", body(1, ENTRY, source=33))
    batch.settle(Numbering({}), ALL)
    assert [letter.offset for letter in batch.dead] == [0, 1]
    assert (batch.next_offset, batch.pieces) == (2, {})


def test_a_dead_letter_that_was_passed_before_is_not_stored_again():
    batch = gathered(*[b"garbage"] * 4, first_offset=3, high_offset=5, dead=(3, 4, 5))
    assert [letter.offset for letter in batch.dead] == [6]


# Entries that their source has not committed


def test_entries_that_their_source_has_not_committed_are_a_dead_letter_and_stay_due():
    numbering = Numbering({2: 10})
    batch = gathered(body(11, ENTRY, ENTRY), body(1_000_000, ENTRY), body(11, ENTRY))
    batch.settle(numbering, {2: 11})
    assert [letter.offset for letter in batch.dead] == [0, 1]
    assert batch.dead[0].reason == (
        "entries 11 to 12 of transactions.02 are not committed: the newest committed entry has number 11"
    )
    assert (stored(batch), batch.next_offset, numbering.held) == ({2: [(11, 11)]}, 3, 0)


def test_a_source_that_committed_nothing_has_nothing_in_the_log():
    batch = gathered(body(1, ENTRY))
    batch.settle(Numbering({}), {})
    assert (len(batch.dead), batch.pieces) == (1, {})


def test_a_dead_letter_is_not_stored_when_it_is_read_again():
    """Meanwhile its number may be committed, and the real entry with that number may follow in the stream."""
    batch = gathered(body(11, ENTRY), body(11, ENTRY, ENTRY), high_offset=1, dead=(0,))
    batch.settle(Numbering({2: 10}), ALL)
    assert stored(batch) == {2: [(11, 12)]}


def test_known_entries_are_compared_only_in_new_messages():
    batch = gathered(body(9, ENTRY, ENTRY), body(9, ENTRY, ENTRY, ENTRY), body(9, ENTRY), high_offset=0)
    batch.settle(Numbering({2: 10}), ALL)
    assert [(part.arrival.offset, part.known) for part in batch.repeats] == [(1, 2), (2, 1)]


# A source that has stopped


def test_entries_of_a_source_that_has_stopped_are_passed_over_with_their_markers():
    numbering = Numbering({2: 10})
    numbering.stop(Stop(2, 11, 0, "why"))
    batch = gathered(body(12, ENTRY, a_marker("b")), body(9, ENTRY), first_offset=5, high_offset=4)
    batch.settle(numbering, ALL)
    assert (stored(batch), batch.next_offset, batch.dead) == ({}, 7, [])
    assert [marker.number for marker in batch.beyond_stops] == [13]


def test_a_source_continues_with_the_entrys_copy_and_skipped_entries_are_read_again():
    numbering = Numbering({2: 10})
    stop = Stop(2, 11, 3, "why")
    numbering.stop(stop)
    batch = gathered(body(11, ENTRY), first_offset=50, high_offset=49)
    batch.settle(numbering, ALL)
    assert (stored(batch), batch.next_offset, batch.reads_again) == ({2: [(11, 11)]}, 3, True)
    assert numbering.overcome() == [stop]


def test_skipped_entries_with_known_numbers_are_compared_when_read_again():
    numbering = Numbering({2: 10, 5: 10})
    numbering.retry(Stop(2, 11, 0, "why"))
    batch = gathered(body(9, ENTRY), body(11, ENTRY), body(11, ENTRY), body(9, ENTRY, source=5), high_offset=3)
    batch.settle(numbering, ALL)
    assert [(part.arrival.offset, part.known) for part in batch.repeats] == [(2, 1)]


def test_a_source_that_lacks_an_entry_stops_and_no_longer_delays_the_log():
    numbering = Numbering({2: 10})
    bodies = [body(12 + n, ENTRY) for n in range(HELD_MESSAGES_MAX)]
    batch = gathered(*bodies, body(12 + HELD_MESSAGES_MAX, a_marker("c")), first_offset=5, high_offset=4)
    batch.settle(numbering, ALL)
    (stop,) = batch.new_stops
    assert (stop.source, stop.number, stop.offset) == (2, 11, 5)
    assert batch.next_offset == 5 + HELD_MESSAGES_MAX + 1
    assert [marker.dump_id for marker in batch.beyond_stops] == ["c" * 32]
