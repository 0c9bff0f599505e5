"""Publisher that awaits confirms in windows: a message counts as published only when the broker has confirmed it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pika

from rabbitmq.connection import Connection, channel_beneath, translated
from schema.errors import BrokerError, Unroutable

WINDOW_MESSAGES = 256
"""Maximum unconfirmed messages: enough to hide the round trip, few enough to keep and to publish again."""

CONFIRM_SECONDS_MAX = 30.0

POSSIBLY_DUPLICATE = "possibly-duplicate"
"""Header of a message that was published before without a confirm: its reader must look its commands up."""

PERSISTENT: Final = 2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to publish.

    `mandatory`: it is an error if no queue takes the message. `may_be_lost`: it is no error if a queue refuses the
    message, for instance a client's queue that is full. Nobody relies on such a message.
    """

    exchange: str
    routing_key: str
    body: bytes
    mandatory: bool = True
    headers: Mapping[str, bool | int] | None = None
    may_be_lost: bool = False


class Publisher:
    """Publishes on its own channel, each message with the name of the connection's user.

    After a BrokerError, the messages of `unconfirmed()` may be published or not.
    """

    def __init__(self, connection: Connection, window: int = WINDOW_MESSAGES):
        self._connection = connection
        self._window = window
        self._next_tag = 1
        self._awaited = -1  # `_await` continues as soon as no more messages than this are waiting
        self._waiting: dict[int, Outgoing] = {}
        self._refused: dict[int, Outgoing] = {}
        self._unroutable: list[str] = []
        self._closed_because = ""
        self._channel = connection.channel()
        # BlockingChannel's own confirm mode awaits each message separately, one round trip each. The channel
        # beneath it has the callbacks that windows need. pika is pinned, and a test checks this.
        beneath = channel_beneath(self._channel)
        self._selected = False
        with translated():
            beneath.add_on_return_callback(self._on_return)
            beneath.add_on_close_callback(self._on_closed)
            beneath.confirm_delivery(self._on_confirm, callback=self._on_selected)
        with connection.answering():
            while not self._selected:
                connection.pump(1.0)

    def publish(self, message: Outgoing) -> None:
        """Sends a message; waits only while the window is full. Raises BrokerError, Unroutable."""
        if len(self._waiting) >= self._window:
            self._await(self._window // 2)
        properties = pika.BasicProperties(
            delivery_mode=PERSISTENT, headers=message.headers, user_id=self._connection.user
        )
        self._waiting[self._next_tag] = message
        self._next_tag += 1
        with translated():
            self._channel.basic_publish(
                message.exchange, message.routing_key, message.body, properties, message.mandatory
            )

    def flush(self) -> None:
        """Waits until everything published so far is confirmed. Raises BrokerError, Unroutable."""
        self._await(0)

    def unconfirmed(self) -> list[Outgoing]:
        """Messages that were sent and are not confirmed, in order, without unroutable ones (`require_routable`)."""
        return [message for _, message in sorted((self._refused | self._waiting).items())]

    def require_routable(self) -> None:
        """Raises Unroutable if the broker returned a message that no queue takes. It confirms such a message too."""
        if self._unroutable:
            raise Unroutable(f"no queue is bound for messages to {self._unroutable[0]}: run `./daytradectl declare`")

    @property
    def waiting(self) -> int:
        """Number of messages that are not confirmed yet."""
        return len(self._waiting)

    def _await(self, most: int) -> None:
        deadline = time.monotonic() + CONFIRM_SECONDS_MAX
        self._awaited = most
        while len(self._waiting) > most:
            if self._closed_because:
                raise BrokerError(f"RabbitMQ refuses a message, and closed its channel: {self._closed_because}")
            if time.monotonic() > deadline:
                because = f": RabbitMQ accepts none ({reason})" if (reason := self._connection.blocked_because) else ""
                raise BrokerError(
                    f"{len(self._waiting)} messages not confirmed in {CONFIRM_SECONDS_MAX:.0f} s{because}"
                )
            self._connection.pump(0.1)
        self._awaited = -1
        self.require_routable()
        if self._refused:
            raise BrokerError(f"the broker refused {len(self._refused)} messages")

    # Any, because pika's stubs declare the tag to be optional, which each confirm has.
    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        if not method.multiple:
            tags = [method.delivery_tag] if method.delivery_tag in self._waiting else []
        else:
            tags = [tag for tag in self._waiting if tag <= method.delivery_tag]
        for tag in tags:
            message = self._waiting.pop(tag)
            if isinstance(method, pika.spec.Basic.Nack) and not message.may_be_lost:
                self._refused[tag] = message
        if len(self._waiting) <= self._awaited:
            self._connection.end_pump()

    def _on_closed(self, _channel: object, reason: Exception) -> None:
        self._closed_because = str(reason)
        self._connection.end_pump()

    def _on_selected(self, _frame: object) -> None:
        self._selected = True
        self._connection.end_pump()

    def _on_return(self, _channel: object, method: pika.spec.Basic.Return, _properties: object, _body: bytes) -> None:
        # The broker returns an unroutable message and then confirms it. Only the return shows that it is lost.
        self._unroutable.append(f"{method.exchange!r}/{method.routing_key!r}")
