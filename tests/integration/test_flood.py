"""A flood of commands in one partition does not delay the other partitions."""

import psycopg
import pytest

from consumers.transactions.worker import TransactionWorker
from database import postgres
from rabbitmq.connection import Connection, open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from schema.arguments import make_command
from schema.codec import encode
from schema.commands import (
    COMMANDS_PER_MESSAGE_MAX,
    VERSION,
    Command,
    CommandBatch,
    CommandName,
    command_id,
    partition_of,
)

FLOOD_MESSAGES = 100
PUBLISHED_AT_MS = 1


def _add(user: str, number: int) -> Command:
    return make_command(command_id(7, number), number, CommandName.ADD, [user, "1.00"])


def _publish(broker: Connection, *batches: list[Command]) -> None:
    publisher = Publisher(broker)
    for batch in batches:
        body = encode(CommandBatch(VERSION, PUBLISHED_AT_MS, batch))
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition_of(batch[0].user)), body))
    publisher.flush()


@pytest.fixture
def flooded(amqp_url):
    """Broker with many messages in the log of ann's partition."""
    broker = open_connection(amqp_url, "test")
    numbers = range(1, FLOOD_MESSAGES * COMMANDS_PER_MESSAGE_MAX, COMMANDS_PER_MESSAGE_MAX)
    _publish(broker, *([_add("ann", first + n) for n in range(COMMANDS_PER_MESSAGE_MAX)] for first in numbers))
    yield broker
    broker.close()


def test_a_command_of_another_partition_does_not_wait_for_the_end_of_a_flood(flooded, amqp_url, database_url) -> None:
    assert partition_of("ann") != partition_of("bob")
    bobs = open_connection(amqp_url, "bob")
    everything = FLOOD_MESSAGES * COMMANDS_PER_MESSAGE_MAX
    done_when_published: list[int] = []
    with (
        psycopg.connect(database_url, autocommit=True) as looking,
        postgres.connect(database_url, "worker") as connection,
    ):

        def rows(user: str) -> int:
            return looking.execute("SELECT count(*) FROM history WHERE user_id = %s", (user,)).fetchone()[0]

        def done() -> bool:
            if not done_when_published and rows("ann"):
                _publish(bobs, [_add("bob", 1_000_000)])
                done_when_published.append(rows("ann"))
            return rows("bob") == 1 or rows("ann") == everything

        TransactionWorker(flooded, connection, "worker", {}).run(done)
        assert rows("bob") == 1
        assert rows("ann") - done_when_published[0] < everything / 2
        taken = looking.execute(
            "SELECT taken_ms FROM partitions WHERE partition = %s AND consumer_group = 'transactions'",
            (partition_of("bob"),),
        )
        assert taken.fetchone() == (PUBLISHED_AT_MS,), "the load driver sees by this how far the worker is"
    bobs.close()
