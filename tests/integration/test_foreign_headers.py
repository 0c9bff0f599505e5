"""A message whose headers pika cannot turn into values ends no connection: it is delivered as any other."""

import struct

import pika
import pytest

from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_consumer import StreamConsumer
from rabbitmq.subscription import Subscription
from rabbitmq.topology import AUDIT_STREAM, PRICES_EXCHANGE


class Raw(bytes):
    """A value as it stands on the wire: its kind, then its bytes."""


def nested(depth: int) -> Raw:
    value = b"V"
    for _ in range(depth):
        value = b"A" + struct.pack(">I", len(value)) + value
    return Raw(value)


HEADERS = {
    "a time in the year 3,170,843": Raw(b"T" + struct.pack(">Q", 10**14)),
    "a time that no clock has": Raw(b"T" + struct.pack(">Q", 2**63)),
    "lists within lists": nested(3_000),
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


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_message_with_such_a_header_is_delivered_and_so_is_the_next(amqp_url, publisher, wait_for, header):
    heard: list[bytes] = []
    read: list[tuple[int, bytes]] = []
    connection = open_connection(amqp_url, "reader")
    Subscription(connection, PRICES_EXCHANGE, [""], heard.append)
    StreamConsumer(connection, AUDIT_STREAM, 0, 10, lambda delivery: read.append((delivery.offset, delivery.body)))
    for body, headers in ((b"first", {"before": 1, "odd": header, "after": "x"}), (b"second", None)):
        publisher.publish(Outgoing(PRICES_EXCHANGE, "", body, headers=headers))
        publisher.publish(Outgoing("", AUDIT_STREAM, body, headers=headers))
    publisher.flush()

    def all_came() -> bool:
        connection.pump(0.01)
        return len(heard) == len(read) == 2

    wait_for(all_came)
    assert heard == [b"first", b"second"]
    assert read == [(0, b"first"), (1, b"second")]
    connection.close()


def test_what_stands_around_such_a_value_is_read_as_before():
    table = {"before": 1, "odd": None, "after": "x"}
    pieces: list[bytes] = []
    pika.data.encode_table(pieces, table)
    odd = b"".join(pieces).replace(b"\x03oddV", b"\x03odd" + HEADERS["a time that no clock has"])
    odd = struct.pack(">I", len(odd) - 4) + odd[4:]
    assert pika.data.decode_table(odd, 0) == (table, len(odd))
