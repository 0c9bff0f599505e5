"""The dead-letters queue, opened to be looked at: what is taken out of it stays in it, unless it is dealt with.

A quorum queue gives messages back in disorder if only some of them were taken, by several gets, or if they are
returned one by one. What holds (measured on 3.10.8, whatever was acknowledged in between): one consumer takes all
that there are, and its channel is closed. Nothing of what a letter means may be in here.
"""

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

import pika

from rabbitmq.connection import Connection, translated
from rabbitmq.publisher import POSSIBLY_DUPLICATE, Outgoing, Publisher
from rabbitmq.topology import AUDIT_STREAM, DEAD_LETTERS_QUEUE, command_stream
from schema.commands import PARTITIONS
from schema.errors import BrokerError, DayTradeError

LETTERS_MAX = 20_000
"""Taken at once, for they are held in memory. Where there are more, the older ones then stand behind the newer."""

QUIET_SECONDS = 0.3
"""When nothing has come for so long, and none is ready, the queue is empty, or somebody else is looking at it."""

TAKE_SECONDS_MAX = 30.0
"""For letters that are ready and do not come."""

RETURNS_MAX = 15
"""RabbitMQ 4 drops a message of a quorum queue that was returned more than 20 times: before that, it gets a copy."""

STREAMS = frozenset({AUDIT_STREAM, *map(command_stream, range(PARTITIONS))})


class NoReturnAddress(DayTradeError):
    """A letter does not say which stream it came from."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be read: where it stood, why, and how often it was looked at."""

    tag: int
    body: bytes
    stream: str
    offset: int
    reason: str
    returns: int
    headers: dict

    @property
    def id(self) -> str:
        """Its place. A message that was given up twice, by an owner that died, is there twice under one id."""
        return f"{self.stream}/{self.offset}"


class Box:
    """All letters, the oldest first, held until `close`, which puts back, in order, what was not dealt with.

    `left`: how many more there are, beyond those that are taken at once.
    """

    def __init__(self, connection: Connection, returns_max: int = RETURNS_MAX, letters_max: int = LETTERS_MAX):
        self.letters: list[DeadLetter] = []
        self._connection = connection
        self._returns_max = returns_max
        self._letters_max = letters_max
        self._open = True
        self._publisher = Publisher(connection)
        self._held: dict[int, DeadLetter] = {}
        self._channel = connection.channel()
        with translated():
            self._channel.basic_qos(prefetch_count=letters_max)
            self._channel.basic_consume(DEAD_LETTERS_QUEUE, self._on_message)
        self._take()
        self.left = self._ready()

    def requeue(self, letters: Iterable[DeadLetter]) -> int:
        """Publishes these to the streams they came from, marked as possibly there already, then takes them out.

        Returns their number. Raises NoReturnAddress before anything is done, and BrokerError: then some may be in
        their streams and still here as well.
        """
        chosen = list(letters)
        for letter in chosen:
            if letter.stream not in STREAMS:
                raise NoReturnAddress(f"{letter.id} came from no stream of ours: it can only be discarded")
        for letter in chosen:
            self._publisher.publish(Outgoing("", letter.stream, letter.body, headers={POSSIBLY_DUPLICATE: True}))
        self._publisher.flush()
        return self.discard(chosen)

    def discard(self, letters: Iterable[DeadLetter]) -> int:
        """Takes these out for good; returns their number. Raises BrokerError."""
        chosen = list(letters)
        with translated():
            for letter in chosen:
                self._channel.basic_ack(letter.tag)
                del self._held[letter.tag]
        return len(chosen)

    def close(self) -> None:
        """Puts back what is left. Letters that were returned too often go to the end of the queue, as copies."""
        with contextlib.suppress(pika.exceptions.AMQPError, OSError, BrokerError):
            self._renew()
        self._connection.close_channel(self._channel)

    def _renew(self) -> None:
        worn = [letter for letter in self._held.values() if letter.returns >= self._returns_max]
        for letter in worn:
            self._publisher.publish(Outgoing("", DEAD_LETTERS_QUEUE, letter.body, headers=letter.headers))
        self._publisher.flush()
        self.discard(worn)

    def _take(self) -> None:
        """Raises BrokerError where letters are ready that the broker does not give."""
        count, quiet_at = 0, time.monotonic() + QUIET_SECONDS
        give_up_at = quiet_at + TAKE_SECONDS_MAX
        while count < self._letters_max and (time.monotonic() < quiet_at or self._ready()):
            if time.monotonic() > give_up_at:
                raise BrokerError(f"RabbitMQ: {DEAD_LETTERS_QUEUE} gives no letter, though some are ready")
            self._connection.pump(QUIET_SECONDS / 10)
            if len(self.letters) > count:
                count, quiet_at = len(self.letters), time.monotonic() + QUIET_SECONDS
                give_up_at = quiet_at + TAKE_SECONDS_MAX
        self._open = False  # what comes after is held like the others, and not for anybody to see

    def _ready(self) -> int:
        """Letters that nobody holds."""
        with translated():
            return self._channel.queue_declare(DEAD_LETTERS_QUEUE, passive=True).method.message_count

    def _on_message(self, _channel, method, properties, body: bytes) -> None:
        headers = dict(properties.headers or {})
        # Given by a quorum queue for each return; not part of the letter.
        returns = headers.pop("x-delivery-count", 0)
        letter = DeadLetter(
            method.delivery_tag,
            body,
            str(headers.get("stream", "?")),
            _whole(headers.get("offset")),
            str(headers.get("reason", "?")),
            _whole(returns),
            headers,
        )
        self._held[letter.tag] = letter
        if self._open:
            self.letters.append(letter)


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int) else -1
