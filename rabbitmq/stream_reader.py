"""Reading whole streams once, from their first message to where they end now. Nothing here follows a stream on."""

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Iterator

import pika

from rabbitmq.connection import Connection, translated
from rabbitmq.stream_consumer import Delivery, StreamConsumer
from schema.errors import BrokerError

PREFETCH_MESSAGES = 1_000

QUIET_SECONDS = 0.5
"""The broker does not tell where a stream ends (its message count lags, and may count chunks). It sends the newest
chunk at once when asked for it: a stream that says nothing for so long is empty."""

SILENCE_SECONDS_MAX = 30.0
"""For a message that is known to be there."""


def newest_offsets(connection: Connection, streams: Iterable[str]) -> dict[str, int]:
    """The offset of each stream's newest message; -1 where there is none. Raises BrokerError."""
    newest = dict.fromkeys(streams, -1)
    channel = connection.channel()
    heard_at = time.monotonic()

    def listen(stream: str) -> None:
        def on_message(channel, method, properties, _body: bytes) -> None:
            nonlocal heard_at
            heard_at = time.monotonic()
            newest[stream] = max(newest[stream], int(properties.headers["x-stream-offset"]))
            channel.basic_ack(method.delivery_tag)

        channel.basic_consume(stream, on_message, arguments={"x-stream-offset": "last"})

    with translated():
        channel.basic_qos(prefetch_count=PREFETCH_MESSAGES)
        for stream in newest:
            listen(stream)
    while time.monotonic() - heard_at < QUIET_SECONDS:
        connection.pump(QUIET_SECONDS / 10)
    # As StreamConsumer closes, for its reason: a stream's deliveries cannot be rejected.
    with contextlib.suppress(pika.exceptions.AMQPError, OSError, BrokerError):
        channel._impl.close()
        while not channel.is_closed:
            connection.pump(QUIET_SECONDS / 10)
    return newest


def read(connection: Connection, stream: str, until: int) -> Iterator[Delivery]:
    """Every message of the stream from offset 0 up to `until`, in order.

    Raises BrokerError, and LogGap where the stream's beginning is gone: retention has dropped it.
    """
    if until < 0:
        return
    arrived: deque[Delivery] = deque()
    consumer = StreamConsumer(connection, stream, 0, PREFETCH_MESSAGES, arrived.append)
    try:
        offset = -1
        while offset < until:
            if not arrived:
                _wait(connection, arrived, stream, offset)
            delivery = arrived.popleft()
            offset = delivery.offset
            consumer.acknowledge([delivery.tag])
            yield delivery
    finally:
        consumer.close()


def _wait(connection: Connection, arrived: deque[Delivery], stream: str, offset: int) -> None:
    deadline = time.monotonic() + SILENCE_SECONDS_MAX
    while not arrived:
        if time.monotonic() > deadline:
            raise BrokerError(f"{stream} ends at offset {offset}: what was executed from it is not there any more")
        connection.pump(0.1)
