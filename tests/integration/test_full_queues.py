"""Queues of clients that take no more messages: what is lost with them, and what is not."""

from collections.abc import Iterator

import psycopg
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from consumers.transactions.worker import TransactionWorker
from database import postgres
from rabbitmq.connection import Connection, open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import ACCOUNTS_EXCHANGE, COMMANDS_EXCHANGE, REPLIES_EXCHANGE, account_key, command_stream
from schema.codec import encode
from schema.commands import VERSION, CommandBatch, partition_of
from schema.errors import BrokerError
from tests.builders import a_command

TAKES_NOTHING = {"x-max-length": 0, "x-overflow": "reject-publish"}


@pytest.fixture
def connection(amqp_url) -> Iterator[Connection]:
    connection = open_connection(amqp_url, "tests")
    yield connection
    connection.close()


def full_queue(channel: BlockingChannel) -> str:
    """A queue that the broker named, as clients wait for their answers in one. It refuses every message."""
    queue = channel.queue_declare("", exclusive=True, arguments=TAKES_NOTHING).method.queue
    channel.queue_bind(queue, REPLIES_EXCHANGE, queue)
    return queue


def test_a_refused_message_is_an_error_unless_it_may_be_lost(connection) -> None:
    publisher = Publisher(connection)
    full = full_queue(connection.channel())
    publisher.publish(Outgoing(REPLIES_EXCHANGE, full, b"news", mandatory=False, may_be_lost=True))
    publisher.flush()
    assert publisher.unconfirmed() == []
    publisher.publish(Outgoing(REPLIES_EXCHANGE, full, b"entry"))
    with pytest.raises(BrokerError, match="refused 1 message"):
        publisher.flush()


def test_clients_whose_queues_are_full_end_no_session(connection, amqp_url, database_url) -> None:
    channel = connection.channel()
    reply_to, of_news = full_queue(channel), full_queue(channel)
    partition = partition_of("ann")
    channel.queue_bind(of_news, ACCOUNTS_EXCHANGE, account_key(partition))
    publisher = Publisher(connection)
    for _ in range(2):
        batch = CommandBatch(VERSION, 1, [a_command("ADD", 100)], reply_to)
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition), encode(batch)))
    publisher.flush()
    turns = iter(range(200))
    broker = open_connection(amqp_url, "worker")
    with psycopg.connect(database_url, autocommit=True) as database, postgres.connect(database_url, "w") as of_worker:
        # The worker waits for the confirms of its replies before its next commit, and at the end.
        done = "SELECT count(*) FROM history WHERE user_id = 'ann'"
        TransactionWorker(broker, of_worker, "worker", {}).run(
            lambda: database.execute(done).fetchone() == (2,) or next(turns, None) is None
        )
        assert database.execute(done).fetchone() == (2,)
    broker.close()
