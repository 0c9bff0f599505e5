"""Gathering deliveries into what one transaction stores."""

from consumers.audit.batch import Batch, Marker
from consumers.audit.numbering import Numbering
from schema import codec
from schema.commands import VERSION, CommandName
from schema.events import AuditEntry, AuditKind, AuditMessage

ENTRY = AuditEntry(AuditKind.USER_COMMAND, 1, 1, CommandName.ADD, user="ann")


def body(first: int, *entries: AuditEntry, source: int = 2) -> bytes:
    return codec.encode(AuditMessage(VERSION, source, first, list(entries)))


def test_the_log_moves_on_behind_what_was_taken():
    batch, numbering = Batch(position=7, high=6), Numbering({})
    batch.add(numbering, 7, body(1, ENTRY), tag=1)
    batch.add(numbering, 8, body(2, ENTRY, ENTRY), tag=2)
    assert (batch.position, batch.high, batch.entries, batch.stored, batch.tags) == (9, 8, 3, {2: 3}, [1, 2])


def test_the_log_stays_at_what_is_held_back():
    batch, numbering = Batch(position=7, high=6), Numbering({})
    batch.add(numbering, 7, body(2, ENTRY), tag=1)
    batch.add(numbering, 8, body(1, ENTRY, source=5), tag=2)
    assert (batch.position, batch.high, batch.stored) == (7, 8, {5: 1})
    batch.add(numbering, 9, body(1, ENTRY), tag=3)
    assert (batch.position, batch.high, batch.stored) == (10, 9, {5: 1, 2: 2})


def test_a_marker_is_stored_with_its_number_as_any_entry():
    batch = Batch(0, -1)
    marker = AuditEntry(AuditKind.MARKER, 1, 9, CommandName.DUMPLOG, user="ann", filename="log", message="00ff" * 8)
    batch.add(Numbering({}), 0, body(1, ENTRY, marker, ENTRY), tag=1)
    assert batch.markers == [Marker("00ff" * 8, 2, 2, "ann", "log")]
    assert batch.entries == 3


def test_a_message_that_is_none_of_the_contract_is_poison():
    batch = Batch(0, -1)
    batch.add(Numbering({}), 0, b"garbage", tag=1)
    batch.add(Numbering({}), 1, body(1, ENTRY, source=33), tag=2)
    assert [letter.offset for letter in batch.dead] == [0, 1]
    assert (batch.position, batch.entries) == (2, 0)


def test_poison_that_was_passed_before_is_not_reported_again():
    batch = Batch(position=3, high=5)
    for offset in (3, 4, 5, 6):
        batch.add(Numbering({}), offset, b"garbage", tag=offset)
    assert [letter.offset for letter in batch.dead] == [6]
