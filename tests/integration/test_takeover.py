"""Takeover of a partition whose users have many pending orders: in steps, so that no lease expires meanwhile."""

from collections.abc import Iterator

import psycopg
import pytest

from consumers.transactions import store
from consumers.transactions.owned_partitions import USERS_PER_TURN, OwnedPartitions, ServerConnections
from consumers.transactions.scheduler import Scheduler
from database import postgres
from ownership import partitions
from ownership.clock import Clock
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Publisher
from schema.commands import PARTITIONS, partition_of
from schema.outcomes import Side
from tests.scheduler_rig import QuoteTable

PARTITION = 3
USERS = 2 * USERS_PER_TURN + 1
EXPIRES_AT_MS = 60_000


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    """Connection to a database in which many users of one partition have a pending order each."""
    numbers = (n for n in range(PARTITIONS * USERS * 2) if partition_of(f"user{n}") == PARTITION)
    users = [f"user{n}" for n, _ in zip(numbers, range(USERS), strict=False)]
    with postgres.connect(database_url, "worker") as opened:
        with opened.transaction():
            opened.execute("INSERT INTO accounts SELECT unnest(%s::text[]), true, 100, 50, 2", (users,))
            opened.execute(
                "INSERT INTO pending_orders SELECT unnest(%s::text[]), 2, 'buy', 'ABC', 1, 50, %s, 7",
                (users, EXPIRES_AT_MS),
            )
        yield opened


@pytest.fixture
def worker(connection, amqp_url) -> Iterator[OwnedPartitions]:
    broker = open_connection(amqp_url, "test")
    scheduler = Scheduler(QuoteTable(), 1_000)
    servers = ServerConnections(broker, connection, Publisher(broker))
    yield OwnedPartitions(servers, scheduler, Clock(), "worker", {})
    broker.close()


def owners(connection: psycopg.Connection) -> set[str | None]:
    with connection.transaction():
        rows = connection.execute("SELECT owner FROM partitions WHERE consumer_group = %s", (store.GROUP,))
        return {owner for (owner,) in rows}


def until_stuck_on_many(worker: OwnedPartitions) -> None:
    """Takes over up to the partition with many orders; each partition before it takes one step."""
    for _ in range(PARTITION + 1):
        worker.take_over()


def test_a_takeover_loads_every_pending_order_in_bounded_steps(worker, connection) -> None:
    worker.member.tick_now()
    assert (owners(connection), worker.held) == ({"worker"}, {})
    until_stuck_on_many(worker)
    for _ in range(2):
        assert sorted(worker.held) == list(range(PARTITION)), "it is loaded in steps"
        assert worker.taking_over
        worker.take_over()
    while worker.taking_over:
        worker.take_over()
    assert sorted(worker.held) == list(range(PARTITIONS))
    accounts = worker.held[PARTITION].state.accounts
    assert len(accounts) == USERS
    assert all([order.expires_at_ms for order in one.stack(Side.BUY)] == [EXPIRES_AT_MS] for one in accounts.values())


def test_a_partition_keeps_its_lease_during_its_takeover(worker, connection) -> None:
    worker.member.tick_now()
    until_stuck_on_many(worker)
    before = lease(connection)
    worker.member.tick_now()
    assert lease(connection) > before
    assert worker.taking_over


def test_a_partition_that_is_lost_meanwhile_is_not_taken_over(worker, connection) -> None:
    worker.member.tick_now()
    until_stuck_on_many(worker)
    with connection.transaction():
        connection.execute(
            "UPDATE partitions SET owner = 'other', epoch = epoch + 1, lease_until = clock_timestamp() + interval '3 s'"
            " WHERE consumer_group = %s AND partition = %s",
            (store.GROUP, PARTITION),
        )
    worker.member.tick_now()
    while worker.taking_over:
        worker.take_over()
    assert sorted(worker.held) == [n for n in range(PARTITIONS) if n != PARTITION]


def test_a_partition_that_becomes_surplus_during_its_takeover_is_released_at_once(worker, connection) -> None:
    worker.member.tick_now()
    until_stuck_on_many(worker)
    assert partitions.tick(connection, store.GROUP, "other", {}).gained == ()
    worker.member.tick_now()
    gained = {one.partition for one in partitions.tick(connection, store.GROUP, "other", {}).gained}
    assert len(gained) == PARTITIONS // 2
    while worker.taking_over:
        worker.take_over()
    assert worker.held.keys() == set(range(PARTITIONS)) - gained


def test_leaving_during_a_takeover_frees_all_partitions(worker, connection) -> None:
    worker.member.tick_now()
    until_stuck_on_many(worker)
    worker.leave()
    assert owners(connection) == {None}


def lease(connection: psycopg.Connection):
    with connection.transaction():
        return connection.execute(
            "SELECT lease_until FROM partitions WHERE consumer_group = %s AND partition = %s",
            (store.GROUP, PARTITION),
        ).fetchone()[0]
