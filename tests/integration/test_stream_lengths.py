"""A stream that ends before the offset up to which it was read: no reader may go on as if nothing was missing."""

import threading

import psycopg
import pytest

from operators import server_verbs
from rabbitmq.connection import Connection, open_connection
from rabbitmq.declare import declare
from rabbitmq.lengths import check_reach, newest_offsets, stream_lengths
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import AUDIT_STREAM, COMMANDS_EXCHANGE, command_stream
from schema.errors import BrokerError, LogGap

STREAM = command_stream(5)


@pytest.fixture
def connection(amqp_url: str):
    opened = open_connection(amqp_url, "test")
    yield opened
    opened.close()


def publish(connection: Connection, count: int) -> None:
    publisher = Publisher(connection)
    for _ in range(count):
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, STREAM, b"anything"))
    publisher.flush()


def test_a_stream_that_reaches_far_enough_is_accepted(connection: Connection) -> None:
    publish(connection, 10)
    for position in (0, 1, 9, 10):
        check_reach(connection, {STREAM: position, AUDIT_STREAM: 0})


def test_a_stream_that_was_replaced_is_refused_before_it_has_grown_again(
    connection: Connection, amqp_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rabbitmq.lengths.PATIENCE_SECONDS", 0.5)
    publish(connection, 10)
    declare(connection, fresh=True)
    with pytest.raises(BrokerError, match="none of the 10 messages"):
        check_reach(connection, {STREAM: 10})
    publish(connection, 3)
    with pytest.raises(LogGap, match="ends at offset 2, and was read up to 9"):
        check_reach(connection, {STREAM: 10})


def test_a_broker_that_lost_what_the_database_has_read_is_refused(
    connection: Connection, amqp_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has removed .stack/rabbitmq, or given the address of another broker."""
    monkeypatch.setattr("rabbitmq.lengths.PATIENCE_SECONDS", 0.5)
    monkeypatch.setenv("AMQP_URL", amqp_url)
    monkeypatch.setenv("DATABASE_URL", database_url)
    with psycopg.connect(database_url) as database:
        database.execute(
            "UPDATE partitions SET next_offset = 10, high_offset = 9"
            " WHERE consumer_group = 'transactions' AND partition = 5"
        )
    publish(connection, 10)
    server_verbs.check_streams()
    declare(connection, fresh=True)
    with pytest.raises(LogGap, match=r"none of the 10 messages.* put them back"):
        server_verbs.check_streams()


def test_the_silence_of_a_stream_that_holds_something_is_not_taken_for_emptiness(connection: Connection) -> None:
    """Reports for people leave the stream out; code that needs the answer fails."""
    publish(connection, 10)
    lengths = stream_lengths(connection, {STREAM: 10, AUDIT_STREAM: 3})
    assert lengths == {STREAM: 10}
    with pytest.raises(BrokerError, match="audit returns none of the 3 messages that it is known to hold"):
        newest_offsets(connection, [STREAM, AUDIT_STREAM], awaited={AUDIT_STREAM: 2})
    assert newest_offsets(connection, [STREAM, AUDIT_STREAM]) == {STREAM: 9, AUDIT_STREAM: -1}


def test_a_stream_that_is_never_silent_is_not_waited_for(connection: Connection, amqp_url: str) -> None:
    publish(connection, 10)
    enough = threading.Event()

    def publish_on() -> None:
        other = open_connection(amqp_url, "busy")
        while not enough.is_set():
            publish(other, 5)
        other.close()

    busy = threading.Thread(target=publish_on)
    busy.start()
    try:
        check_reach(connection, {STREAM: 10})
        assert newest_offsets(connection, [STREAM])[STREAM] >= 9
        assert stream_lengths(connection, {STREAM: 10})[STREAM] >= 10
    finally:
        enough.set()
        busy.join()
