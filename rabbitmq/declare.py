"""Declares the topology in RabbitMQ, empties it, or removes it. Idempotent."""

from rabbitmq.connection import Connection
from rabbitmq.dead_letters import earlier_queue
from rabbitmq.topology import EXCHANGES, QUEUES

SECONDS_MAX = 30.0
"""Limit for a change of one queue: its files are made or removed, on every node that keeps a replica."""


def declare(connection: Connection, fresh: bool = False) -> None:
    """Declares every exchange and queue; with `fresh`, also empties the queues. Raises BrokerError."""
    channel = connection.channel()
    for exchange, kind in EXCHANGES.items():
        with connection.answering(SECONDS_MAX):
            channel.exchange_declare(exchange, kind, durable=True)
    for queue in QUEUES:
        with connection.answering(SECONDS_MAX):
            if fresh:
                channel.queue_delete(queue.name)
            channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
            for exchange in queue.bound_to:
                channel.queue_bind(queue.name, exchange, queue.name)
    with connection.answering(SECONDS_MAX):
        if fresh:
            channel.queue_delete(earlier_queue.QUEUE)
        channel.close()


def remove(connection: Connection) -> None:
    """Deletes every queue with its messages. Raises BrokerError."""
    channel = connection.channel()
    for name in (*(queue.name for queue in QUEUES), earlier_queue.QUEUE):
        with connection.answering(SECONDS_MAX):
            channel.queue_delete(name)
    with connection.answering(SECONDS_MAX):
        channel.close()
