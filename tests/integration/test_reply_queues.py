"""Queues that commands name for their outcomes: an outcome reaches only a queue in which a process waits for it."""

import psycopg
import pytest

from consumers.transactions.worker import TransactionWorker
from database import postgres
from rabbitmq.connection import open_connection
from rabbitmq.lengths import newest_offsets, queue_length
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import AUDIT_STREAM, COMMANDS_EXCHANGE, PRICE_REQUESTS_QUEUE, command_stream
from schema.codec import encode
from schema.commands import PARTITIONS, VERSION, CommandBatch, partition_of
from tests.builders import a_command

OTHER_LOG = command_stream((partition_of("ann") + 1) % PARTITIONS)


@pytest.mark.parametrize("reply_to", [OTHER_LOG, AUDIT_STREAM, PRICE_REQUESTS_QUEUE])
def test_an_outcome_goes_into_no_log_whatever_queue_a_command_names(amqp_url, database_url, reply_to) -> None:
    connection = open_connection(amqp_url, "tests")
    partition = partition_of("ann")
    publisher = Publisher(connection)
    batch = CommandBatch(VERSION, 1, [a_command("ADD", 100)], reply_to)
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition), encode(batch)))
    publisher.flush()
    broker = open_connection(amqp_url, "worker")
    turns = iter(range(200))
    with psycopg.connect(database_url, autocommit=True) as database, postgres.connect(database_url, "w") as of_worker:
        done = "SELECT count(*) FROM history WHERE user_id = 'ann'"
        # The worker waits for the confirm of its reply at the end.
        TransactionWorker(broker, of_worker, "worker", {}).run(
            lambda: database.execute(done).fetchone() == (1,) or next(turns, None) is None
        )
        assert database.execute(done).fetchone() == (1,)
    broker.close()
    assert queue_length(connection, PRICE_REQUESTS_QUEUE) == 0
    # The audit stream holds one message, the entries of the command.
    assert newest_offsets(connection, [OTHER_LOG, AUDIT_STREAM]) == {OTHER_LOG: -1, AUDIT_STREAM: 0}
    connection.close()
