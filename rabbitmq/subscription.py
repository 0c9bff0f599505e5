"""Consumers of messages that may be lost: broadcasts and replies, and requests that their senders repeat."""

import contextlib
import secrets
from collections.abc import Callable, Iterable

import pika
import structlog
from pika.adapters.blocking_connection import BlockingChannel

from rabbitmq.connection import Connection
from rabbitmq.roles import role_named, sender_of
from rabbitmq.topology import PUBLISHERS, REPLIES_EXCHANGE
from schema.errors import BrokerError, ForgedMessage

log = structlog.get_logger()

OnMessage = Callable[[object, object, pika.BasicProperties, bytes], None]


class Subscription:
    """Receives an exchange's messages through a private queue, which is deleted with the connection.

    Messages published while there is no queue are not delivered later.
    """

    def __init__(self, connection: Connection, exchange: str, keys: Iterable[str], on_body: Callable[[bytes], None]):
        self._connection, self._exchange = connection, exchange
        self._channel = connection.channel()
        self._queue = _private_queue(connection, self._channel)
        for key in keys:
            self.bind(key)
        with connection.answering():
            self._channel.basic_consume(self._queue, _from_publishers(connection, exchange, on_body), auto_ack=True)
        connection.watch(self._channel, exchange)

    def bind(self, key: str) -> None:
        """Starts to receive messages with this routing key too. Raises BrokerError."""
        with self._connection.answering():
            self._channel.queue_bind(self._queue, self._exchange, key)

    def unbind(self, key: str) -> None:
        """Stops receiving messages with this routing key. Raises BrokerError."""
        with self._connection.answering():
            self._channel.queue_unbind(self._queue, self._exchange, key)

    def close(self) -> None:
        """Deletes the queue with the messages that are still in it; never raises."""
        self._connection.close_channel(self._channel)


class ReplyQueue:
    """A private queue for answers, bound under its name to the exchange of replies; deleted with the connection."""

    def __init__(self, connection: Connection, on_body: Callable[[bytes], None]):
        self._channel = connection.channel()
        on_message = _from_publishers(connection, REPLIES_EXCHANGE, on_body)
        self.name = _private_queue(connection, self._channel)
        with connection.answering():
            self._channel.queue_bind(self.name, REPLIES_EXCHANGE, self.name)
            self._channel.basic_consume(self.name, on_message, auto_ack=True)
        connection.watch(self._channel, self.name)


class QueueConsumer:
    """Takes messages of a shared queue, which are acknowledged on delivery: for requests that are repeated if lost.

    `exchange`: where its messages are published. Among several consumers the one of the highest `priority` gets all
    messages as long as it takes them.
    """

    def __init__(
        self,
        connection: Connection,
        queue: str,
        exchange: str,
        on_body: Callable[[bytes], None],
        priority: int = 0,
    ):
        self._connection = connection
        self._channel = connection.channel()
        on_message, arguments = _from_publishers(connection, exchange, on_body), {"x-priority": priority}
        with connection.answering():
            self._channel.basic_consume(queue, on_message, auto_ack=True, arguments=arguments)
        connection.watch(self._channel, queue)

    def close(self) -> None:
        """Stops the consumer; never raises."""
        self._connection.unwatch(self._channel)
        with contextlib.suppress(BrokerError), self._connection.answering():
            self._channel.close()


def _private_queue(connection: Connection, channel: BlockingChannel) -> str:
    """Declares a queue for this connection alone, and returns its name: one that its role may declare (`rights.py`).

    Without a role, the broker chooses the name.
    """
    name = "" if role_named(connection.user) is None else f"{connection.user}.{secrets.token_hex(16)}"
    with connection.answering():
        return channel.queue_declare(name, exclusive=True, auto_delete=True).method.queue


def _from_publishers(connection: Connection, exchange: str, on_body: Callable[[bytes], None]) -> OnMessage:
    """Returns a callback that passes on the bodies of messages from the exchange's publishers, and drops all others.

    RabbitMQ lets no other role publish there. If it does all the same, its users have wrong rights.
    """

    def on_message(_channel: object, _method: object, properties: pika.BasicProperties, body: bytes) -> None:
        try:
            sender_of(connection.user, properties.user_id).require(PUBLISHERS[exchange], f"messages to {exchange}")
        except ForgedMessage as error:
            log.error("ALARM: dropped a message", error=str(error))
        else:
            on_body(body)

    return on_message
