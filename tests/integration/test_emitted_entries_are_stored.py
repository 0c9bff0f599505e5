"""A real Postgres accepts the rows and log entries of everything that the engine and the quote cache can emit."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from consumers.audit import store as audit_store
from consumers.audit.batch import AuditBatch
from consumers.audit.numbering import Numbering
from consumers.transactions import store
from database import postgres
from ownership import partitions
from ownership.partitions import Ownership
from quotecache import store as quote_store
from quotecache.audit_entries import audit_messages
from quotecache.fetch import Settled
from rabbitmq.publisher import Outgoing
from rabbitmq.roles import ANYBODY
from rabbitmq.stream_consumer import Delivery
from rabbitmq.topology import AUDIT_EXCHANGE
from schema.events import QUOTECACHE_SOURCE
from tests.builders import T0
from tests.property.emissions import PARTITION, announcements_of, lives, settled

EXAMPLES = settings(max_examples=50, suppress_health_check=list(HealthCheck))
"""One database serves all examples; each example is rolled back."""


@pytest.fixture
def connection(database_url) -> Iterator[psycopg.Connection]:
    with postgres.connect(database_url, "test") as connection:
        yield connection


def owned(connection: psycopg.Connection, group: str, partition: int) -> Ownership:
    gained = partitions.tick(connection, group, "test", {}, 60_000).gained
    return next(ownership for ownership in gained if ownership.partition == partition)


def logged(connection: psycopg.Connection, source: int, messages: list[Outgoing]) -> int:
    """Stores the messages as the audit worker does; returns the number of entries stored in all."""
    batch = AuditBatch(0, -1)
    for offset, message in enumerate(message for message in messages if message.exchange == AUDIT_EXCHANGE):
        batch.add(Delivery(offset, message.body, False, offset, ANYBODY))
    audit_store.commit(connection, owned(connection, audit_store.GROUP, 0), batch, Numbering({}))
    assert (batch.dead, batch.new_stops) == ([], [])
    return connection.execute("SELECT count(*) FROM audit_events WHERE source = %s", (source,)).fetchone()[0]


@EXAMPLES
@given(trader=lives())
def test_everything_the_engine_emits_is_stored(connection, trader):
    with connection.transaction(force_rollback=True):
        ownership = owned(connection, store.GROUP, PARTITION)
        messages = announcements_of(trader)
        ownership.audit_number = len(trader.batch.outputs[PARTITION].entries)
        store.commit(connection, trader.batch, [ownership], {PARTITION: messages})
        assert store.load(connection, [trader.account.user])[0].cash_cents == trader.account.cash_cents
        assert logged(connection, PARTITION, messages) == ownership.audit_number


@EXAMPLES
@given(one=settled())
def test_every_answer_of_the_quote_server_is_stored(connection, one):
    with connection.transaction(force_rollback=True):
        ownership = owned(connection, quote_store.GROUP, quote_store.PARTITION)
        (fetch,) = quote_store.record(connection, ownership, [one.fetch.request], [], [], T0)
        ended = Settled(fetch, one.at_ms, one.outcome)
        messages = audit_messages([ended], 1)
        ownership.audit_number = 1
        quote_store.record(connection, ownership, [], [ended], messages, T0)
        assert logged(connection, QUOTECACHE_SOURCE, messages) == 1
