"""Reading streams once: from the first message to where they end now, or one message. Nothing follows a stream on."""

import time
from collections import deque
from collections.abc import Iterator

from rabbitmq.connection import Connection
from rabbitmq.stream_consumer import Delivery, StreamConsumer
from schema.errors import BrokerError, LogGap

PREFETCH_MESSAGES = 1_000

SILENCE_SECONDS_MAX = 30.0
"""For a message that is known to be there."""


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
                ended = f"{stream} ends at offset {offset}: what was executed from it is not there any more"
                _wait(connection, arrived, ended)
            delivery = arrived.popleft()
            offset = delivery.offset
            consumer.acknowledge([delivery.tag])
            yield delivery
    finally:
        consumer.close()


def read_one(connection: Connection, stream: str, offset: int) -> bytes:
    """The message at an offset.

    Raises LogGap where the stream begins behind it: retention has dropped it. Raises BrokerError where the stream gives
    nothing: it is away, or ends before that offset.
    """
    arrived: deque[Delivery] = deque()
    consumer = StreamConsumer(connection, stream, offset, 1, arrived.append)
    try:
        _wait(connection, arrived, f"{stream} does not give the message at offset {offset}")
    finally:
        consumer.close()
    if arrived[0].offset != offset:
        raise LogGap(f"{stream} has no message at offset {offset}: the next one is at {arrived[0].offset}")
    return arrived[0].body


def _wait(connection: Connection, arrived: deque[Delivery], otherwise: str) -> None:
    deadline = time.monotonic() + SILENCE_SECONDS_MAX
    while not arrived:
        if time.monotonic() > deadline:
            raise BrokerError(otherwise)
        connection.pump(0.1)
