"""Undecodable messages in a command log: the worker stores each as a dead letter and goes on."""

from collections import Counter

import psycopg
import pytest

from consumers.transactions.batch import DEAD_BYTES_MAX
from consumers.transactions.worker import TransactionWorker
from database import postgres
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from schema.codec import encode
from schema.commands import VERSION, CommandBatch, partition_of
from schema.dead_letters import STORED_BYTES_MAX
from tests.builders import a_command

MESSAGES = 300
BODY = b"\xc1" * STORED_BYTES_MAX
"""Body of each message. All together have more bytes than one batch may commit."""


@pytest.fixture
def broker(amqp_url):
    connection = open_connection(amqp_url, "test")
    yield connection
    connection.close()


@pytest.fixture
def letters(database_url):
    """Returns each dead letter's transaction, offset in its stream, size in bytes, and number of stored bytes."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        query = "SELECT xmin::text, stream, stream_offset, size_bytes, length(body) FROM dead_letters"
        yield lambda: connection.execute(f"{query} ORDER BY letter_number").fetchall()


def work_until(broker, database_url: str, done, what: str) -> None:
    """Runs a session in this thread until `done`, for a thousand turns at most."""
    turns = iter(range(1_000))
    with postgres.connect(database_url, "worker") as connection:
        session = TransactionWorker(broker, connection, "worker", {})
        session.run(lambda: done() or next(turns, None) is None)
    assert done(), what


def test_many_large_messages_are_committed_some_at_a_time(broker, database_url, letters):
    publisher = Publisher(broker)
    for n in range(MESSAGES):
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(n % 4), BODY))
    publisher.flush()
    work_until(broker, database_url, lambda: len(letters()) == MESSAGES, "all are dead letters")
    of_transactions = Counter()
    for transaction, _, _, _, kept in letters():
        of_transactions[transaction] += kept
    assert DEAD_BYTES_MAX / 2 < max(of_transactions.values()) < DEAD_BYTES_MAX + len(BODY)


def test_only_the_beginning_of_a_large_message_is_kept(broker, database_url, letters):
    """The stream holds the whole message; copies of worthless messages would only cost disk space and time."""
    publisher = Publisher(broker)
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(3), b"\xc1" * 15_000_000))
    publisher.flush()
    work_until(broker, database_url, letters, "it is a dead letter")
    assert [letter[1:] for letter in letters()] == [("commands.03", 0, 15_000_000, STORED_BYTES_MAX)]


def test_a_dead_letter_is_there_once_though_its_worker_dies_after_the_commit(broker, database_url, letters):
    publisher = Publisher(broker)
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(3), b"\xc1"))
    publisher.flush()

    def die() -> bool:
        if letters():
            raise KeyboardInterrupt
        return False

    with postgres.connect(database_url, "worker") as connection, pytest.raises(KeyboardInterrupt):
        TransactionWorker(broker, connection, "worker", {}).run(die)
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(3), b"\xc1"))
    publisher.flush()
    work_until(broker, database_url, lambda: len(letters()) > 1, "the next one is a dead letter too")
    assert [letter[1:3] for letter in letters()] == [("commands.03", 0), ("commands.03", 1)]


def test_a_reply_queue_that_no_broker_takes_does_not_cost_the_session(broker, database_url, letters):
    publisher = Publisher(broker)
    body = encode(CommandBatch(VERSION, 1, [a_command("ADD", 500, user="ann")], "\u00e9" * 200))
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition_of("ann")), body))
    publisher.flush()
    work_until(broker, database_url, letters, "it is a dead letter")


def test_a_dead_letter_is_not_repeated_by_the_next_owner(broker, database_url, letters):
    """The next owner reads it again, because an earlier message is not finished."""
    publisher = Publisher(broker)
    stream = command_stream(partition_of("ann"))
    waits = encode(CommandBatch(VERSION, 1, [a_command("QUOTE", user="ann")]))
    for body in (waits, b"\xc1"):
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, stream, body))
    publisher.flush()
    work_until(broker, database_url, letters, "it is a dead letter")
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, stream, b"\xc1"))
    publisher.flush()
    work_until(broker, database_url, lambda: len(letters()) > 1, "the next one is too")
    assert [letter[2] for letter in letters()] == [1, 2]
