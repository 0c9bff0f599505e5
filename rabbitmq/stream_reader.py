"""Reading whole streams once, from their first message to where they end now. Nothing here follows a stream on."""

import time
from collections import deque
from collections.abc import Iterator

from rabbitmq.connection import Connection
from rabbitmq.stream_consumer import Delivery, StreamConsumer
from schema.errors import BrokerError

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
