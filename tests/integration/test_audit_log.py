"""The audit log stores every entry once, in order, whatever publishers repeat and whichever process dies."""

import signal

import psycopg
import pytest

from consumers.audit import store
from consumers.audit.batch import AuditBatch
from consumers.audit.numbering import Numbering
from consumers.audit.writer import PREFETCH_MESSAGES
from database import postgres
from ownership import partitions
from rabbitmq.roles import ANYBODY
from rabbitmq.stream_consumer import Delivery
from schema import codec
from schema.commands import VERSION
from schema.errors import Fenced
from schema.events import QUOTECACHE_SOURCE, AuditMessage
from tests.integration.audit_harness import AuditLog, command, commands, quote


@pytest.fixture
def audit(amqp_url, database_url, tmp_path):
    log = AuditLog(amqp_url, database_url, tmp_path)
    yield log
    log.close()


def test_entries_are_stored_with_all_their_fields(audit, wait_for):
    audit.publish(QUOTECACHE_SOURCE, 1, [quote(7, "bob")])
    audit.publish(4, 1, [command(8, "a\\b", filename="tab\there", message="line\nfeed \\N", funds_cents=2**62)])
    audit.start()
    wait_for(lambda: audit.stored(4) == 1)
    rows = audit.database.execute("SELECT * FROM audit_events ORDER BY source").fetchall()
    at = 1_784_800_000_000
    assert rows == [
        (4, 1, "userCommand", at + 8, 8, "QUOTE", "a\\b", "ABC", "tab\there", 2**62, "line\nfeed \\N", None, None),
        (64, 1, "quoteServer", at + 7, 7, None, "bob", "ABC", None, 1999, None, at - 254_000, "aB+/="),
    ]


def test_entries_published_twice_or_in_other_messages_are_stored_once(audit, wait_for):
    audit.start()
    audit.publish(0, 1, commands(1, 10))
    audit.publish(0, 1, commands(1, 10))
    audit.publish(1, 1, commands(101, 103))
    audit.publish(0, 4, commands(4, 15))
    audit.publish(0, 16, commands(16, 20))
    audit.publish(0, 1, commands(1, 12))
    audit.publish(1, 4, commands(104, 104))
    wait_for(lambda: audit.next_offset() == 7)
    assert audit.transactions(0) == list(range(1, 21))
    assert audit.transactions(1) == [101, 102, 103, 104]


def test_nothing_is_stored_past_a_gap_until_it_is_filled(audit, wait_for):
    process = audit.start()
    audit.publish(0, 1, commands(1, 3))
    audit.publish(0, 7, commands(7, 9))
    audit.publish(1, 1, commands(101, 103))
    wait_for(lambda: audit.stored(1) == 3)
    assert (audit.stored(0), audit.next_offset()) == (3, 1)

    process.kill()
    audit.start("another")
    audit.publish(1, 4, commands(104, 104))
    wait_for(lambda: audit.stored(1) == 4)
    assert (audit.stored(0), audit.next_offset()) == (3, 1)

    audit.publish(0, 4, commands(4, 6))
    wait_for(lambda: audit.next_offset() == 5)
    assert audit.transactions(0) == list(range(1, 10))


def test_a_killed_worker_loses_nothing_and_repeats_nothing(audit, wait_for):
    sources, per_source, per_message = (0, 5, 15, QUOTECACHE_SOURCE), 40_000, 400
    bodies = [
        codec.encode(AuditMessage(VERSION, source, first, commands(first, first + per_message - 1)))
        for first in range(1, per_source + 1, per_message)
        for source in sources
    ]
    for source in sources:
        audit.commit(source, per_source)
    process = audit.start()
    for n, body in enumerate(bodies):
        audit.publish_body(body)
        if n % 7 == 0:
            audit.publish_body(body)
    wait_for(lambda: audit.stored(0))
    process.kill()
    process.wait()
    assert audit.stored(15) < per_source, "killed too late to prove anything"

    audit.start()
    wait_for(lambda: all(audit.stored(source) == per_source for source in sources), seconds=30)
    for source in sources:
        assert audit.transactions(source) == list(range(1, per_source + 1))


def test_a_worker_killed_between_copy_and_commit_leaves_nothing_behind(audit, database_url, wait_for):
    audit.publish(3, 1, commands(1, 500))
    with psycopg.connect(database_url) as blocker:
        blocker.execute("LOCK TABLE audit_sources IN EXCLUSIVE MODE")
        process = audit.start()
        waits = "SELECT 1 FROM pg_locks WHERE relation = 'audit_sources'::regclass AND NOT granted"
        wait_for(lambda: audit.database.execute(waits).fetchone())
        process.kill()
        process.wait()
    assert (audit.transactions(3), audit.next_offset()) == ([], 0)

    audit.start("another")
    wait_for(lambda: audit.stored(3) == 500)
    assert audit.transactions(3) == list(range(1, 501))


def test_undecodable_messages_become_dead_letters_and_the_log_goes_on(audit, wait_for):
    audit.publish(0, 1, commands(1, 2))
    audit.publish_body(b"garbage")
    audit.publish(33, 1, commands(1, 1))
    audit.publish(0, 3, commands(3, 4))
    audit.start()
    wait_for(lambda: audit.next_offset() == 4)
    assert audit.transactions(0) == [1, 2, 3, 4]

    garbage, foreign = audit.dead_letters()
    assert (garbage.stream, garbage.offset, garbage.body) == ("audit", 1, b"garbage")
    assert garbage.reason
    assert (foreign.offset, foreign.reason) == (2, "unknown source 33: this project's sources are 0 to 15 and 64")


def test_sigterm_hands_the_log_to_the_standby(audit, wait_for):
    first = audit.start("first")
    wait_for(lambda: (audit.owner() or "").startswith("first@"))
    audit.start("second")
    replicas = "SELECT count(*) FROM replicas WHERE consumer_group = 'audit'"
    wait_for(lambda: audit.database.execute(replicas).fetchone()[0] == 2)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    assert not (audit.owner() or "").startswith("first@"), "the owner released its lease, it did not expire"
    wait_for(lambda: (audit.owner() or "").startswith("second@"))
    audit.publish(0, 1, commands(1, 5))
    wait_for(lambda: audit.stored(0) == 5)


def test_sigterm_is_answered_when_all_that_is_in_the_stream_is_stored(audit, wait_for):
    process = audit.start()
    audit.publish(0, 1, commands(1, 1))
    wait_for(lambda: audit.stored(0) == 1)
    process.send_signal(signal.SIGSTOP)  # so it cannot read all of this before the second signal
    messages, per_message = 3 * PREFETCH_MESSAGES, 100
    for first in range(2, 2 + messages * per_message, per_message):
        audit.publish(0, first, commands(first, first + per_message - 1))
    audit.confirm()
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 0
    assert audit.stored(0) == 1 + messages * per_message


def test_sigterm_before_ownership_also_stores_everything_first(audit, database_url, wait_for):
    audit.publish(0, 1, commands(1, 500))
    audit.confirm()
    waits = (
        "SELECT FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name ~ '^audit' AND wait_event_type = 'Lock'"
    )
    with psycopg.connect(database_url) as blocking:
        blocking.execute("LOCK TABLE replicas")
        process = audit.start()
        wait_for(
            lambda: audit.database.execute(waits).fetchone() is not None,
            what="the worker is about to read which replicas are live",
        )
        process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert audit.stored(0) == 500


def test_a_worker_survives_the_loss_of_its_connections(audit, wait_for):
    audit.start()
    audit.publish(0, 1, commands(1, 5))
    wait_for(lambda: audit.stored(0) == 5)
    audit.database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name ~ '^audit '"
    )
    audit.publish(0, 6, commands(6, 10))
    wait_for(lambda: audit.stored(0) == 10)
    assert audit.transactions(0) == list(range(1, 11))


def test_an_owner_that_was_overtaken_stores_nothing(database_url):
    batch = AuditBatch(0, -1)
    body = codec.encode(AuditMessage(VERSION, 0, 1, commands(1, 5)))
    batch.add(Delivery(0, body, False, 1, ANYBODY))
    with postgres.connect(database_url, "late") as connection:
        late = partitions.tick(connection, store.GROUP, "late", {}).gained[0]
        with connection.transaction():
            connection.execute("UPDATE partitions SET epoch = epoch + 1 WHERE consumer_group = 'audit'")
        with pytest.raises(Fenced):
            store.commit(connection, late, batch, Numbering({}))
        with connection.transaction():
            assert connection.execute("SELECT count(*) FROM audit_events").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM audit_sources").fetchone() == (0,)
