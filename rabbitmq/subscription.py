"""Consumers of messages that may be lost: broadcasts and replies, and requests that their senders repeat."""

import contextlib
from collections.abc import Callable, Iterable

import pika.exceptions

from rabbitmq.connection import Connection, translated
from rabbitmq.topology import REPLIES_EXCHANGE


class Subscription:
    """Receives an exchange's messages through a private queue, which is deleted with the connection.

    Messages published while there is no queue are not delivered later.
    """

    def __init__(self, connection: Connection, exchange: str, keys: Iterable[str], on_body: Callable[[bytes], None]):
        self._connection, self._exchange = connection, exchange
        self._channel = connection.channel()
        with translated():
            self._queue = self._channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        for key in keys:
            self.bind(key)
        with translated():
            self._channel.basic_consume(self._queue, lambda *message: on_body(message[3]), auto_ack=True)
        connection.watch(self._channel, exchange)

    def bind(self, key: str) -> None:
        """Starts to receive messages with this routing key too. Raises BrokerError."""
        with translated():
            self._channel.queue_bind(self._queue, self._exchange, key)

    def unbind(self, key: str) -> None:
        """Stops receiving messages with this routing key. Raises BrokerError."""
        with translated():
            self._channel.queue_unbind(self._queue, self._exchange, key)

    def close(self) -> None:
        """Deletes the queue with the messages that are still in it; never raises."""
        self._connection.close_channel(self._channel)


class ReplyQueue:
    """A private queue for answers, bound under its name to the exchange of replies; deleted with the connection."""

    def __init__(self, connection: Connection, on_body: Callable[[bytes], None]):
        self._channel = connection.channel()
        with translated():
            self.name = self._channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
            self._channel.queue_bind(self.name, REPLIES_EXCHANGE, self.name)
            self._channel.basic_consume(self.name, lambda *message: on_body(message[3]), auto_ack=True)
        connection.watch(self._channel, self.name)


class QueueConsumer:
    """Takes messages of a shared queue, which are acknowledged on delivery: for requests that are repeated if lost.

    Among several consumers the one of the highest `priority` gets all messages as long as it takes them.
    """

    def __init__(self, connection: Connection, queue: str, on_body: Callable[[bytes], None], priority: int = 0):
        self._connection = connection
        self._channel = connection.channel()
        arguments = {"x-priority": priority}
        with translated():
            self._channel.basic_consume(queue, lambda *message: on_body(message[3]), auto_ack=True, arguments=arguments)
        connection.watch(self._channel, queue)

    def close(self) -> None:
        """Stops the consumer; never raises."""
        self._connection.unwatch(self._channel)
        with contextlib.suppress(pika.exceptions.AMQPError, OSError):
            self._channel.close()
