"""Consumer that reads a stream from an offset on. The reader stores its offsets itself; the broker keeps none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rabbitmq.connection import Connection, translated
from rabbitmq.publisher import POSSIBLY_DUPLICATE
from rabbitmq.roles import Sender, sender_of
from schema.errors import LogGap

OWN_OFFSETS_MAX = 1
"""Maximum consecutive offsets that the broker uses itself.

Each segment of a stream but the first begins with a chunk of the broker, which takes an offset (measured: 12 of 12 on
3.10.8). Retention drops whole segments, so a real gap is far wider.
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of a stream at its offset, with its publisher. Pass `tag` to `StreamConsumer.acknowledge`."""

    offset: int
    body: bytes
    possibly_duplicate: bool
    tag: int
    sender: Sender


def check_order(stream: str, expected: int, offset: int) -> None:
    """Raises LogGap if messages are missing, or if the stream was replaced by another one."""
    if offset < expected:
        raise LogGap(
            f"{stream} returned offset {offset} instead of {expected}: the stream was deleted and declared again"
        )
    if offset - expected > OWN_OFFSETS_MAX:
        raise LogGap(
            f"{stream} has no messages from offset {expected} to {offset - 1} any more: retention dropped them"
        )


class StreamConsumer:
    """Delivers a stream from `offset` on, each message once per consumer, in order.

    The connection's `pump` raises LogGap if the stream lacks messages.

    At most `prefetch` deliveries are unacknowledged. Acknowledging grants the broker credit for more; the broker stores
    no offset. The consumer has its own channel, and closing that stops it.
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
        self._through = 0
        """Newest tag up to which all are acknowledged."""
        self._early: set[int] = set()
        """Acknowledged tags that are newer than one that is not."""
        self._connection = connection
        self._channel = connection.channel()
        with connection.answering():
            self._channel.basic_qos(prefetch_count=prefetch)
            self._channel.basic_consume(stream, self._on_message, arguments={"x-stream-offset": self._next})
        connection.watch(self._channel, stream)

    def acknowledge(self, tags: Iterable[int]) -> None:
        """Acknowledges deliveries, which grants the broker credit for as many more. Raises BrokerError.

        One frame acknowledges the oldest ones together: the broker numbers a channel's deliveries 1, 2, 3, …
        """
        newest = list(tags)
        self._early.update(newest)
        through = self._through
        while through + 1 in self._early:
            through += 1
            self._early.remove(through)
        with translated():
            if through > self._through:
                self._channel.basic_ack(through, multiple=True)
                self._through = through
            for tag in newest:
                if tag > through:
                    self._channel.basic_ack(tag)

    def close(self) -> None:
        """Stops delivering; never raises."""
        self._on_delivery = lambda delivery: None
        self._connection.close_channel(self._channel)

    # Any, because pika's stubs declare as optional what each delivery of a stream has.
    def _on_message(self, _channel: object, method: Any, properties: Any, body: bytes) -> None:
        offset = int(properties.headers["x-stream-offset"])
        check_order(self._stream, self._next, offset)
        self._next = offset + 1
        duplicate = bool(properties.headers.get(POSSIBLY_DUPLICATE))
        sender = sender_of(self._connection.user, properties.user_id)
        self._on_delivery(Delivery(offset, body, duplicate, method.delivery_tag, sender))
