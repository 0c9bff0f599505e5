"""Reads a stream once, from its first message to a given offset, or a single message. Never follows a stream."""

import time
from collections import deque
from collections.abc import Iterator

from rabbitmq.connection import Connection
from rabbitmq.lengths import check_reach
from rabbitmq.stream_consumer import Delivery, StreamConsumer
from schema.errors import BrokerError, LogGap

PREFETCH_MESSAGES = 250
"""Maximum messages that wait here: some 6 MB if they are full."""

SILENCE_SECONDS_MAX = 30.0
"""Maximum wait for a message that is known to exist."""


def read(connection: Connection, stream: str, until: int) -> Iterator[Delivery]:
    """Reads every message of the stream from offset 0 up to `until`, in order.

    Raises BrokerError, and LogGap if retention has dropped the stream's beginning.
    """
    if until < 0:
        return
    arrived: deque[Delivery] = deque()
    consumer = StreamConsumer(connection, stream, 0, PREFETCH_MESSAGES, arrived.append)
    try:
        offset = -1
        while offset < until:
            if not arrived:
                ended = f"{stream} ends at offset {offset}: messages that were executed from it are gone"
                _wait(connection, arrived, ended)
            delivery = arrived.popleft()
            offset = delivery.offset
            consumer.acknowledge([delivery.tag])
            yield delivery
    finally:
        consumer.close()


def read_one(connection: Connection, stream: str, offset: int) -> bytes:
    """Reads the body of the message at an offset.

    Raises LogGap if the stream begins after that offset, because retention has dropped the message, or ends before it.
    Raises BrokerError if the stream delivers nothing: its leader is unavailable, or the stream was emptied.
    """
    check_reach(connection, {stream: offset + 1})
    arrived: deque[Delivery] = deque()
    consumer = StreamConsumer(connection, stream, offset, 1, arrived.append)
    try:
        _wait(connection, arrived, f"{stream} does not return the message at offset {offset}")
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
