"""Given servers, shared with a live system: load tests and tests must not empty the live system's streams."""

import psycopg
import pytest

from deploy.servers import servers
from deploy.stack.failure import StackError
from deploy.stack.record import CONTAINER, GIVEN, PRIVATE, Record


def record(kind: str, database_url: str) -> Record:
    return Record(kind=kind, ports={"amqp": 1, "postgres": 1}, amqp_url="amqp://somewhere", database_url=database_url)


def test_streams_that_a_live_database_has_read_are_not_emptied(database_url: str) -> None:
    given = record(GIVEN, database_url)
    servers.refuse_to_empty_live_streams(given)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "UPDATE partitions SET high_offset = 0 WHERE consumer_group = 'transactions' AND partition = 3"
        )
    with pytest.raises(StackError, match="live system"):
        servers.refuse_to_empty_live_streams(given)
    for kind in (PRIVATE, CONTAINER):  # each profile has a vhost of its own
        servers.refuse_to_empty_live_streams(record(kind, database_url))


def test_streams_that_a_live_database_of_an_earlier_version_has_read_are_not_emptied(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE partitions RENAME high_offset TO high")
        connection.execute("UPDATE partitions SET high = 0 WHERE consumer_group = 'transactions' AND partition = 3")
    with pytest.raises(StackError, match="live system"):
        servers.refuse_to_empty_live_streams(record(GIVEN, database_url))


def test_a_database_without_tables_has_read_nothing(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("DROP TABLE partitions")
    servers.refuse_to_empty_live_streams(record(GIVEN, database_url))
