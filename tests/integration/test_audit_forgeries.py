"""Forged audit messages: only entries that their source has committed are stored, whatever anybody publishes."""

import msgspec
import pytest

from consumers.audit.alarms import alarms
from consumers.audit.numbering import HELD_MESSAGES_MAX
from rabbitmq.dead_letters import store
from schema import codec
from schema.commands import PARTITIONS
from schema.events import QUOTECACHE_SOURCE
from tests.integration.audit_harness import AuditLog, command, commands, marker, quote

DUMP, WHOLE, LATER = "0a" * 16, "0b" * 16, "0c" * 16
FAR_AHEAD = 1_000_000


@pytest.fixture
def audit(amqp_url, database_url, tmp_path):
    log = AuditLog(amqp_url, database_url, tmp_path / "dumps")
    yield log
    log.close()


def test_uncommitted_entries_are_dead_letters_and_the_real_entries_are_stored(audit, wait_for):
    audit.publish(3, 1, commands(1, 2))
    audit.publish(QUOTECACHE_SOURCE, 1, [quote(1)])
    # An undecodable message at the next number: one field has 40,000 characters.
    long = msgspec.structs.replace(marker(DUMP, 9, "log"), cryptokey="k" * 40_000)
    audit.forge(3, 3, [long])
    # A valid message at the next number.
    audit.forge(3, 3, commands(666, 667))
    audit.forge(QUOTECACHE_SOURCE, 2, [quote(666)])
    # A message that begins with committed numbers and continues beyond them.
    audit.forge(3, 2, commands(2, 4))
    # Numbers far ahead, in more messages than may be held.
    for number in range(FAR_AHEAD, FAR_AHEAD + HELD_MESSAGES_MAX + 2):
        audit.forge(5, number, [command(666)])
    published = 7 + HELD_MESSAGES_MAX + 2 - 1
    audit.start()
    wait_for(lambda: audit.next_offset() == published, what="the log moves on behind all of it")
    audit.publish(3, 3, commands(3, 4))
    audit.publish(5, 1, commands(1, 3))
    audit.publish(QUOTECACHE_SOURCE, 2, [quote(2)])
    wait_for(lambda: audit.next_offset() == published + 3)
    assert audit.transactions(3) == [1, 2, 3, 4]
    assert audit.transactions(5) == [1, 2, 3]
    assert audit.transactions(QUOTECACHE_SOURCE) == [1, 2]

    letters = audit.dead_letters()
    assert [letter.offset for letter in letters[:4]] == [2, 3, 4, 5]
    assert letters[0].reason.startswith("Expected `str` of length <= 512")
    which, why = "entries 3 to 4 of transactions.03", "are not committed: the newest committed entry has number 2"
    assert letters[1].reason == f"{which} {why}"
    assert letters[2].reason.startswith("entries 2 to 2 of quotecache are not committed")
    assert audit.stops() == []


def test_entries_forged_with_committed_numbers_lose_nothing_of_the_real_ones(audit, wait_for):
    """Nothing shows which of the two messages is real, so the second is kept as a dead letter and nothing is lost."""
    audit.commit(3, 4)
    audit.forge(3, 1, commands(1, 2))
    audit.forge(3, 3, commands(666, 666))
    audit.forge(3, 3, commands(3, 4))
    audit.forge(3, 1, commands(1, 2))
    audit.start()
    wait_for(lambda: audit.next_offset() == 4)
    assert audit.transactions(3) == [1, 2, 666, 4]
    (letter,) = audit.dead_letters()
    assert (letter.offset, letter.reason) == (
        2,
        "entries 3 to 4 of transactions.03 are stored with other content: one of the two is forged",
    )
    assert codec.decode_audit(letter.body).entries == commands(3, 4)


def test_entries_skipped_while_a_source_was_stopped_are_told_from_forgeries(audit, wait_for):
    """All messages are read again. By then the numbers of a discarded forgery are committed."""
    audit.database.execute("ALTER TABLE audit_events ADD CONSTRAINT odd CHECK (transaction_number <> 13)")
    audit.publish(3, 1, commands(11, 13))
    audit.forge(3, 4, commands(666, 667))
    process = audit.start()
    wait_for(audit.dead_letters)
    with audit.database.transaction(), audit.database.cursor() as cursor:
        assert store.remove(cursor, [one.number for one in store.page(audit.database, store.Choice(), 10, 10)])
    audit.publish(3, 4, commands(14, 15))
    audit.commit(3, 7)
    audit.forge(3, 6, commands(666, 667))
    audit.publish(3, 6, commands(16, 17))
    wait_for(lambda: audit.next_offset() == 5)
    process.kill()
    process.wait()
    audit.database.execute("ALTER TABLE audit_events DROP CONSTRAINT odd")
    audit.start()
    wait_for(lambda: audit.stored(3) == 7)
    # The forgery under committed numbers came first; the real message is a dead letter and not lost.
    assert audit.transactions(3) == [11, 12, 13, 14, 15, 666, 667]
    (letter,) = wait_for(audit.dead_letters)
    assert codec.decode_audit(letter.body).entries == commands(16, 17)


def test_an_entry_that_postgres_refuses_stops_its_source_alone_and_fails_the_dumps_that_need_it(audit, wait_for):
    audit.database.execute("ALTER TABLE audit_events ADD CONSTRAINT odd CHECK (transaction_number <> 13)")
    audit.publish(3, 1, [*commands(1, 2), marker(DUMP, 3, "early", "ann"), *commands(11, 14)])
    audit.publish(3, 8, [marker(LATER, 20, "late", "ann")])
    for source in range(PARTITIONS - 1, -1, -1):
        first = 9 if source == 3 else 1
        audit.publish(source, first, [command(40 + source), marker(WHOLE, 99, "whole")])
    process = audit.start()
    wait_for(lambda: all(audit.stored(source) == 2 for source in range(PARTITIONS) if source != 3))
    wait_for(lambda: audit.has_ended(DUMP) and audit.has_ended(LATER) and audit.has_ended(WHOLE))
    assert audit.transactions(3) == [1, 2, 3, 11, 12]
    ((source, number, reason),) = audit.stops()
    assert (source, number) == (3, 6)
    assert reason.startswith("Postgres refuses it") and '"odd"' in reason
    (alarm,) = alarms(audit.environment["DATABASE_URL"])
    assert alarm == f"ALARM: transactions.03 has stopped at entry 6: {reason}"
    assert (audit.state(DUMP), audit.state(LATER), audit.state(WHOLE)) == ("written", "failed", "failed")
    assert "transactions.03" in audit.failure(WHOLE)
    assert audit.dead_letters() == []
    # Entries that come while the source is stopped are not lost either.
    audit.publish(3, 11, commands(50, 52))
    audit.publish(4, 3, commands(60, 61))
    wait_for(lambda: audit.stored(4) == 4)
    assert audit.next_offset() == 2 + PARTITIONS + 2

    process.kill()
    process.wait()
    audit.database.execute("ALTER TABLE audit_events DROP CONSTRAINT odd")
    audit.start()
    wait_for(lambda: audit.stored(3) == 13)
    assert audit.transactions(3) == [1, 2, 3, 11, 12, 13, 14, 20, 43, 99, 50, 51, 52]
    wait_for(lambda: audit.stops() == [] and audit.next_offset() == 2 + PARTITIONS + 2)


def test_a_source_with_a_missing_entry_stops_and_continues_when_it_comes(audit, wait_for):
    """The missing message may be a dead letter. Later ones are not held for ever; they are read again in the end."""
    audit.commit(3, 1_000)
    audit.forge(3, 1, commands(1, 2))
    last = 4 + HELD_MESSAGES_MAX
    for number in range(4, last + 1):
        audit.forge(3, number, [command(number)])
    audit.start()
    wait_for(audit.stops, what="the source stops")
    ((source, number, reason),) = audit.stops()
    assert (source, number) == (3, 3) and "missing" in reason
    audit.publish(5, 1, commands(1, 3))
    wait_for(lambda: audit.stored(5) == 3 and audit.next_offset() == last - 1)
    audit.forge(3, last + 1, [command(last + 1)])
    audit.forge(3, 3, [command(3)])
    wait_for(lambda: audit.stored(3) == last + 1)
    assert audit.transactions(3) == list(range(1, last + 2))
    wait_for(lambda: audit.next_offset() == last + 1)
    assert (audit.stops(), audit.dead_letters()) == ([], [])
