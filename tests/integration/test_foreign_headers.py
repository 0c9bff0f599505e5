"""Messages with arbitrary headers from other programs end no connection; they are delivered at their offsets."""

import struct

import pika
import pytest

from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_consumer import StreamConsumer
from rabbitmq.subscription import Subscription
from rabbitmq.topology import AUDIT_EXCHANGE, AUDIT_STREAM, PRICES_EXCHANGE


class Raw(bytes):
    """Header value as bytes on the wire: its type code, then its content."""


def nested(depth: int) -> Raw:
    value = b"V"
    for _ in range(depth):
        value = b"A" + struct.pack(">I", len(value)) + value
    return Raw(value)


class Named(dict):
    """Headers that may repeat a name."""

    def __init__(self, *pairs: tuple[str, object]):
        super().__init__(pairs)
        self._pairs = pairs

    def items(self) -> tuple[tuple[str, object], ...]:
        return self._pairs


def odd(value: object) -> Named:
    return Named(("before", 1), ("odd", value), ("after", "x"))


NO_TIME = Raw(b"T" + struct.pack(">Q", 2**63))

HEADERS = {
    "a time in the year 3,170,843": odd(Raw(b"T" + struct.pack(">Q", 10**14))),
    "a time that no clock has": odd(NO_TIME),
    "lists within lists": odd(nested(3_000)),
    "an offset": Named(("x-stream-offset", 7)),
    "two offsets": Named(("x-stream-offset", 7), ("x-stream-offset", 9)),
    "two offsets, one of them a text": Named(("x-stream-offset", 7), ("x-stream-offset", "x")),
}


@pytest.fixture
def publisher(amqp_url, monkeypatch):
    encode = pika.data.encode_value

    def encode_raw(pieces: list[bytes], value: object) -> int:
        if not isinstance(value, Raw):
            return encode(pieces, value)
        pieces.append(value)
        return len(value)

    monkeypatch.setattr(pika.data, "encode_value", encode_raw)
    connection = open_connection(amqp_url, "stranger")
    yield Publisher(connection)
    connection.close()


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_message_with_such_headers_is_delivered_and_so_is_the_next(amqp_url, publisher, wait_for, headers):
    heard: list[bytes] = []
    read: list[tuple[int, bytes]] = []
    connection = open_connection(amqp_url, "reader")
    Subscription(connection, PRICES_EXCHANGE, [""], heard.append)
    StreamConsumer(connection, AUDIT_STREAM, 0, 10, lambda delivery: read.append((delivery.offset, delivery.body)))
    for body, given in ((b"first", headers), (b"second", None)):
        publisher.publish(Outgoing(PRICES_EXCHANGE, "", body, headers=given))
        publisher.publish(Outgoing(AUDIT_EXCHANGE, "", body, headers=given))
    publisher.flush()

    def all_came() -> bool:
        connection.pump(0.01)
        return len(heard) == len(read) == 2

    wait_for(all_came)
    assert heard == [b"first", b"second"]
    assert read == [(0, b"first"), (1, b"second")]
    connection.close()


def test_headers_around_such_a_value_are_read_as_before():
    table = {"before": 1, "odd": None, "after": "x"}
    pieces: list[bytes] = []
    pika.data.encode_table(pieces, table)
    encoded = b"".join(pieces).replace(b"\x03oddV", b"\x03odd" + NO_TIME)
    encoded = struct.pack(">I", len(encoded) - 4) + encoded[4:]
    assert pika.data.decode_table(encoded, 0) == (table, len(encoded))
