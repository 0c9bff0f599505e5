"""Declares the topology in RabbitMQ, empties it, or removes it. Idempotent."""

from rabbitmq.connection import Connection, translated
from rabbitmq.dead_letters import earlier_queue
from rabbitmq.topology import EXCHANGES, QUEUES


def declare(connection: Connection, fresh: bool = False) -> None:
    """Declares every exchange and queue; with `fresh`, also empties the queues. Raises BrokerError."""
    channel = connection.channel()
    with translated():
        for exchange, kind in EXCHANGES.items():
            channel.exchange_declare(exchange, kind, durable=True)
        for queue in QUEUES:
            if fresh:
                channel.queue_delete(queue.name)
            channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
            for exchange in queue.bound_to:
                channel.queue_bind(queue.name, exchange, queue.name)
        if fresh:
            channel.queue_delete(earlier_queue.QUEUE)
        channel.close()


def remove(connection: Connection) -> None:
    """Deletes every queue with its messages. Raises BrokerError."""
    channel = connection.channel()
    with translated():
        for queue in QUEUES:
            channel.queue_delete(queue.name)
        channel.queue_delete(earlier_queue.QUEUE)
        channel.close()
