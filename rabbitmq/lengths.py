"""How much is in streams and queues, for people who watch. It declares nothing, takes nothing, and keeps no place."""

import contextlib
import time
from collections.abc import Mapping

import pika

from rabbitmq.connection import Connection, translated
from schema.errors import BrokerError

QUIET_SECONDS = 0.05
"""The newest chunk of a stream comes at once; after so much silence nothing more is coming."""

SILENCE_SECONDS_MAX = 1.0
"""For streams that are known to hold something."""


def stream_lengths(connection: Connection, known: Mapping[str, int]) -> dict[str, int]:
    """Messages ever published to each stream. `known`: how many there are at least; of a stream that says nothing
    (it is empty, or its leader is away) that is the answer. Raises BrokerError.

    The broker's own count of a stream's messages is seconds behind, so each is asked for its newest message.
    """
    lengths = dict(known)
    silent = {stream for stream, length in known.items() if length}
    heard_at = started_at = time.monotonic()

    def listen(stream: str) -> None:
        def on_message(channel, method, properties, _body: bytes) -> None:
            nonlocal heard_at
            heard_at = time.monotonic()
            silent.discard(stream)
            lengths[stream] = max(lengths[stream], int(properties.headers["x-stream-offset"]) + 1)
            channel.basic_ack(method.delivery_tag)

        channel.basic_consume(stream, on_message, arguments={"x-stream-offset": "last"})

    channel = connection.channel()
    with translated():
        channel.basic_qos(prefetch_count=100)
        for stream in lengths:
            listen(stream)
    while time.monotonic() - heard_at < QUIET_SECONDS or (
        silent and time.monotonic() - started_at < SILENCE_SECONDS_MAX
    ):
        connection.pump(QUIET_SECONDS)
    # A stream's deliveries cannot be rejected, which the public close does: see StreamConsumer.
    with contextlib.suppress(pika.exceptions.AMQPError, OSError, BrokerError):
        channel._impl.close()
        while not channel.is_closed:
            connection.pump(QUIET_SECONDS)
    return lengths


def queue_length(connection: Connection, queue: str) -> int | None:
    """Messages in a queue that is no stream; None where there is no such queue. Raises BrokerError."""
    channel = connection.channel()
    try:
        length = channel.queue_declare(queue, passive=True).method.message_count
    except pika.exceptions.ChannelClosedByBroker:
        return None
    except pika.exceptions.AMQPError as error:
        raise BrokerError(f"RabbitMQ: {type(error).__name__} {error}") from error
    with translated():
        channel.close()
    return length
