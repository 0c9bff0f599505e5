"""Given servers, shared with a live system: load tests and tests must not empty the live system's streams."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from consumers.transactions.replay.fresh import recreate
from database.libpq_urls import beside, name_of
from deploy.servers import servers
from deploy.stack.failure import StackError
from deploy.stack.record import CONTAINER, GIVEN, PRIVATE, Record
from schema.errors import StoreError


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


Make = Callable[[str, str], str]


@pytest.fixture
def make(database_url: str) -> Iterator[Make]:
    """`make(suffix, statement)` makes a database beside the given one, runs the statement there, returns its URL."""
    made = []

    def one(suffix: str, statement: str) -> str:
        url = beside(database_url, suffix)
        made.append(sql.Identifier(name_of(url)))
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(made[-1]))
        with psycopg.connect(url) as connection:
            connection.execute(statement)
        return url

    yield one
    with psycopg.connect(database_url, autocommit=True) as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@pytest.mark.parametrize("suffix", ["_loadtest", "_loadtest_2", "_loadtest_replay"])
def test_a_load_test_drops_no_database_of_another_program(database_url: str, make: Make, suffix: str) -> None:
    servers.refuse_to_drop_anothers(record(GIVEN, database_url))
    url = make(suffix, "CREATE TABLE theirs ()")
    with pytest.raises(StackError, match=f"{suffix} would be replaced, but it has tables of another program"):
        servers.refuse_to_drop_anothers(record(GIVEN, database_url))
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE partitions ()")
    servers.refuse_to_drop_anothers(record(GIVEN, database_url))


def test_a_replay_drops_no_database_of_another_program(database_url: str, make: Make) -> None:
    url = make("_replay", "CREATE TABLE theirs AS SELECT 1")
    with pytest.raises(StoreError, match="tables of another program"):
        recreate(database_url)
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT * FROM theirs").fetchall() == [(1,)]
