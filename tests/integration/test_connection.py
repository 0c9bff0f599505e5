"""Failing connections to the broker: each raises one exception, whose message is one line."""

import time
from collections.abc import Iterator

import pytest

from bench.processes import free_port
from rabbitmq.connection import Connection, open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_consumer import Delivery, StreamConsumer
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from schema.errors import BrokerError
from tests.integration.broker import delete_stream


def test_a_refusing_broker_raises_one_error_and_prints_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(BrokerError, match="RabbitMQ: AMQPConnectionError"):
        open_connection(f"amqp://guest:guest@127.0.0.1:{free_port()}/", "tests", patience_seconds=0.3)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("pika")] == []


@pytest.fixture
def connection(amqp_url) -> Iterator[Connection]:
    connection = open_connection(amqp_url, "tests")
    yield connection
    connection.close()


def test_a_consumer_that_is_cancelled_while_another_one_is_closed_is_not_forgotten(amqp_url, connection) -> None:
    StreamConsumer(connection, command_stream(0), 0, 10, lambda delivery: None)
    other = StreamConsumer(connection, command_stream(1), 0, 10, lambda delivery: None)
    delete_stream(amqp_url, 0)
    other.close()
    for _ in range(2):
        with pytest.raises(BrokerError, match=command_stream(0)):
            connection.pump(60)


def test_a_consumer_whose_channel_the_broker_closes_is_an_error(connection) -> None:
    consumer = StreamConsumer(connection, command_stream(0), 0, 10, lambda delivery: None)
    consumer.acknowledge([999])
    with pytest.raises(BrokerError, match=command_stream(0)):
        connection.pump(60)


def test_each_acknowledged_delivery_makes_room_for_another_in_whichever_order(connection) -> None:
    publisher = Publisher(connection)
    for _ in range(40):
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(0), b"x"))
        publisher.flush()  # each in a chunk of its own, because the broker delivers whole chunks
    arrived: list[Delivery] = []
    consumer = StreamConsumer(connection, command_stream(0), 0, 10, arrived.append)

    def expect(count: int) -> None:
        deadline = time.monotonic() + 10
        while len(arrived) < count and time.monotonic() < deadline:
            connection.pump(0.1)
        connection.pump(0.1)
        assert len(arrived) == count

    expect(10)
    consumer.acknowledge([1, 2, 3])
    expect(13)
    consumer.acknowledge([6, 5, 9])
    expect(16)
    consumer.acknowledge([4, 7])  # with 4, all are acknowledged up to 7; 9 still is ahead of 8
    expect(18)
    consumer.acknowledge([8, 10, 11])
    expect(21)
