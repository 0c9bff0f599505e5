"""Messages of a command log that cannot be read: whatever comes, the worker commits it and goes on."""

import psycopg
import pytest

from consumers.transactions.batch import DEAD_BYTES_MAX
from consumers.transactions.session import Session
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import DEAD_LETTERS_QUEUE, command_stream
from schema import database
from schema.codec import encode
from schema.commands import VERSION, CommandBatch, partition_of
from tests.builders import a_command

MESSAGES = 12
BODY = b"\xc1" * (DEAD_BYTES_MAX // 4)
"""A quarter of a batch: the bounds of what is committed at once can be seen."""


@pytest.fixture
def broker(amqp_url):
    connection = open_connection(amqp_url, "test")
    yield connection
    connection.close()


@pytest.fixture
def outbox_bytes(database_url):
    """What each batch put into the outbox, as the database saw it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("""
            CREATE TABLE outbox_bytes (n int);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                'BEGIN INSERT INTO outbox_bytes VALUES (octet_length(NEW.messages)); RETURN NEW; END';
            CREATE TRIGGER note BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION note()""")
        yield lambda: [n for (n,) in connection.execute("SELECT n FROM outbox_bytes")]


def work_until(broker, database_url: str, done, what: str) -> None:
    """A session in this thread: no more than a thousand turns."""
    turns = iter(range(1_000))
    with database.connect(database_url, "worker") as connection:
        session = Session(broker, connection, "worker", {})
        session.run(lambda: done() or next(turns, None) is None)
    assert done(), what


def dead_letters(broker) -> int:
    channel = broker.channel()
    count = channel.queue_declare(DEAD_LETTERS_QUEUE, passive=True).method.message_count
    channel.close()
    return count


def test_many_large_messages_are_committed_some_at_a_time(broker, database_url, outbox_bytes):
    publisher = Publisher(broker)
    for _ in range(MESSAGES):
        publisher.publish(Outgoing("", command_stream(3), BODY))
    publisher.flush()
    everything = MESSAGES * len(BODY)
    work_until(broker, database_url, lambda: sum(outbox_bytes()) > everything, "all are dead letters")
    assert max(outbox_bytes()) < DEAD_BYTES_MAX + len(BODY)
    assert dead_letters(broker) == MESSAGES


def test_a_reply_queue_that_no_broker_takes_does_not_cost_the_session(broker, database_url):
    publisher = Publisher(broker)
    body = encode(CommandBatch(VERSION, 1, [a_command("ADD", 500, user="ann")], "\u00e9" * 200))
    publisher.publish(Outgoing("", command_stream(partition_of("ann")), body))
    publisher.flush()
    work_until(broker, database_url, lambda: dead_letters(broker) == 1, "it is a dead letter")


def test_a_dead_letter_is_not_repeated_by_the_next_owner(broker, database_url):
    """Though it reads it again, for the sake of an earlier message that is not finished."""
    publisher = Publisher(broker)
    stream = command_stream(partition_of("ann"))
    waits = encode(CommandBatch(VERSION, 1, [a_command("QUOTE", user="ann")]))
    for body in (waits, b"\xc1"):
        publisher.publish(Outgoing("", stream, body))
    publisher.flush()
    work_until(broker, database_url, lambda: dead_letters(broker) == 1, "it is a dead letter")
    publisher.publish(Outgoing("", stream, b"\xc1"))
    publisher.flush()
    work_until(broker, database_url, lambda: dead_letters(broker) > 1, "the next one is too")
    assert dead_letters(broker) == 2
