"""Failing connections to the broker: each raises one exception, whose message is one line."""

from collections.abc import Iterator

import pytest

from bench.processes import free_port
from rabbitmq.connection import Connection, open_connection
from rabbitmq.stream_consumer import StreamConsumer
from rabbitmq.topology import command_stream
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
