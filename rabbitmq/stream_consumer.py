"""Reading a stream from an offset on. The reader owns its offsets; the broker keeps none for it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rabbitmq.connection import Connection, translated
from rabbitmq.publisher import POSSIBLY_DUPLICATE
from schema.errors import LogGap

OWN_OFFSETS_MAX = 1
"""Each further segment of a stream begins with a chunk of the broker's own, which takes an offset (measured: 12 of 12
on 3.10.8). Retention drops whole segments, so a real gap is far wider."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of a stream at its offset. `tag` goes back to `StreamConsumer.acknowledge`."""

    offset: int
    body: bytes
    possibly_duplicate: bool
    tag: int


def check_order(stream: str, expected: int, offset: int) -> None:
    """Raises LogGap where messages are missing, or the stream is not the one whose offsets are known."""
    if offset < expected:
        raise LogGap(f"{stream} gives offset {offset} where {expected} was next: it was replaced by another stream")
    if offset - expected > OWN_OFFSETS_MAX:
        raise LogGap(
            f"{stream} has no messages from offset {expected} to {offset - 1} any more: retention dropped them"
        )


class StreamConsumer:
    """Delivers a stream from `offset` on, each message once per consumer, in order.

    Its pump raises LogGap when the stream turns out to lack messages.

    At most `prefetch` deliveries are unacknowledged; acknowledging grants credit and keeps nothing. On a channel of
    its own, so that closing it is all there is to stopping.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        offset: int,
        prefetch: int,
        on_delivery: Callable[[Delivery], None],
    ):
        self._stream = stream
        self._next = int(offset)
        self._on_delivery = on_delivery
        self._connection = connection
        self._channel = connection.channel()
        with translated():
            self._channel.basic_qos(prefetch_count=prefetch)
            self._channel.basic_consume(stream, self._on_message, arguments={"x-stream-offset": self._next})
        connection.watch(self._channel, stream)

    def acknowledge(self, tags: Iterable[int]) -> None:
        """Grants the broker credit for as many more deliveries. Raises BrokerError."""
        with translated():
            for tag in tags:
                self._channel.basic_ack(tag)

    def close(self) -> None:
        """Stops delivering; never raises."""
        self._on_delivery = lambda delivery: None
        self._connection.close_channel(self._channel)

    def _on_message(self, _channel: object, method: Any, properties: Any, body: bytes) -> None:
        offset = int(properties.headers["x-stream-offset"])
        check_order(self._stream, self._next, offset)
        self._next = offset + 1
        duplicate = bool(properties.headers.get(POSSIBLY_DUPLICATE))
        self._on_delivery(Delivery(offset, body, duplicate, method.delivery_tag))
