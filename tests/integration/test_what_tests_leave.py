"""The servers of one test after another: nothing that a test leaves in them reaches the next one."""

import psycopg
import pytest
from psycopg import sql

from rabbitmq.connection import open_connection
from rabbitmq.lengths import newest_offsets
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import AUDIT_STREAM, COMMANDS_EXCHANGE, QUEUES, command_stream
from tests import forging
from tests.emptied_vhost import EmptiedVhost
from tests.restored_database import RestoredDatabase

NOT_ROWS = (
    "ALTER TABLE accounts DROP CONSTRAINT accounts_cash_not_negative",
    "ALTER TABLE positions ALTER COLUMN shares SET DEFAULT 1",
    "CREATE FUNCTION more() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "DROP TRIGGER append_only ON history",
    "GRANT UPDATE (role) ON people TO PUBLIC",
    "ANALYZE accounts",
    "ALTER DATABASE {} SET default_transaction_read_only = on",
)
"""Statements after which a database is copied anew, because they change more than rows."""

FILLING = (
    "INSERT INTO accounts VALUES ('ann', true, 1, 0, 1)",
    "INSERT INTO audit_chain SELECT 1, 1, 1, decode(repeat('00', 4), 'hex'), decode(repeat('00', 32), 'hex')",
    "INSERT INTO watched_symbols SELECT 'ann', n::text, 1 FROM generate_series(1, 9000) AS n",
    "SELECT nextval('transaction_numbers')",
    "UPDATE partitions SET epoch = epoch + 1 WHERE partition = 3",
    "DELETE FROM partitions WHERE partition = 4",
)
"""Statements that change rows: few, many, protected ones, and such as the migrations insert."""


@pytest.fixture
def database(_restored_database: RestoredDatabase) -> RestoredDatabase:
    return _restored_database


@pytest.fixture
def vhost(_emptied_vhost: EmptiedVhost) -> EmptiedVhost:
    return _emptied_vhost


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(sql.SQL(statement).format(sql.Identifier(connection.info.dbname)))


def content(url: str) -> dict[str, object]:
    """Returns the rows of each table, each sequence's last number, and whether rows are protected; and the copy."""
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            **{
                name: connection.execute(sql.SQL("TABLE {}").format(sql.Identifier(name))).fetchall()
                for (name,) in tables
            },
            "sequences": connection.execute("SELECT sequencename, last_value FROM pg_sequences").fetchall(),
            "triggers": connection.execute("SELECT tgrelid, tgenabled FROM pg_trigger ORDER BY oid").fetchall(),
            "copy": connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchall(),
        }


def test_rows_are_restored_without_a_new_copy(database: RestoredDatabase) -> None:
    before = content(database.taken())
    copies = {str(before.pop("copy"))}
    for statement in FILLING:
        run(database.taken(), statement)
        after = content(database.taken())
        copies.add(str(after.pop("copy")))
        assert after == before, statement
    assert len(copies) <= 2, "autovacuum, once a minute, may change statistics between two statements"
    with psycopg.connect(database.taken()) as connection:
        forging.allow(connection)
    with psycopg.connect(database.taken()) as forgotten:
        after = content(database.taken())
        del after["copy"]
        assert after == before
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            forgotten.execute("SELECT 1")


@pytest.mark.parametrize("statement", NOT_ROWS)
def test_whatever_else_was_changed_brings_a_new_copy(database: RestoredDatabase, statement: str) -> None:
    before = content(database.taken())
    run(database.taken(), statement)
    after = content(database.taken())
    assert after.pop("copy") != before.pop("copy")
    assert after.keys() == before.keys()


def test_streams_are_empty_and_there_whatever_became_of_them(vhost: EmptiedVhost) -> None:
    streams = [queue.name for queue in QUEUES if queue.arguments.get("x-queue-type") == "stream"]
    connection = open_connection(vhost.taken(), "test")
    publisher = Publisher(connection)
    for partition in (3, 5):
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition), b"anything"))
    publisher.flush()
    channel = connection.channel()
    channel.queue_delete(command_stream(7))
    channel.queue_delete(AUDIT_STREAM)
    channel.queue_declare(AUDIT_STREAM, durable=True, arguments={"x-queue-type": "stream"})
    vhost.taken()
    assert newest_offsets(connection, streams) == dict.fromkeys(streams, -1)
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(7), b"anything"))
    publisher.flush()
    assert newest_offsets(connection, streams) == dict.fromkeys(streams, -1) | {command_stream(7): 0}
    connection.close()
