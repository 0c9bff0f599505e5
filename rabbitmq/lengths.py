"""First and last offsets of streams, and lengths of queues. Declares nothing, removes nothing, stores no offset.

The broker's own count of a stream's messages is seconds behind, and may count chunks. So this module asks each stream
for its newest chunk, which comes at once.
"""

import time
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from rabbitmq.connection import Connection
from schema.errors import BrokerError, LogGap

QUIET_SECONDS = 0.5
"""Silence after which a stream counts as empty, unless it is known to hold messages."""

GLANCE_SECONDS = 0.05
"""Silence after which a stream counts as empty, where a wrong answer does no harm."""

SILENCE_SECONDS_MAX = 1.0
"""Maximum wait for streams that are known to hold messages, when their lengths are only displayed."""

PATIENCE_SECONDS = 5.0
"""Maximum wait for streams that are known to hold messages, when a caller needs these: a leader may be starting."""


def newest_offsets(
    connection: Connection,
    streams: Iterable[str],
    quiet_seconds: float = QUIET_SECONDS,
    awaited: Mapping[str, int] = MappingProxyType({}),
    patience_seconds: float = 0.0,
) -> dict[str, int]:
    """The offset of each stream's newest message; -1 if the stream is empty.

    `awaited`: streams that are known to hold messages, each with an offset. The call waits up to `patience_seconds`
    until each of them has delivered that offset or a later one. Raises BrokerError if one of them delivers nothing.
    """
    newest = _listen(connection, streams, quiet_seconds, awaited, patience_seconds)
    for stream, offset in awaited.items():
        if newest[stream] < 0:
            raise BrokerError(
                f"{stream} returns none of the {offset + 1} messages that it is known to hold:"
                " its leader is unavailable, or the stream was emptied"
            )
    return newest


def stream_lengths(connection: Connection, known: Mapping[str, int]) -> dict[str, int]:
    """Messages ever published to each stream, for people's displays. `known`: minimum number for each.

    A stream that is known to hold messages and delivers none is left out: its leader is unavailable. Raises
    BrokerError.
    """
    awaited = {stream: length - 1 for stream, length in known.items() if length}
    newest = _listen(connection, known, GLANCE_SECONDS, awaited, SILENCE_SECONDS_MAX)
    heard = {stream: offset for stream, offset in newest.items() if offset >= 0 or stream not in awaited}
    return {stream: max(known[stream], offset + 1) for stream, offset in heard.items()}


def _listen(
    connection: Connection,
    streams: Iterable[str],
    quiet_seconds: float,
    awaited: Mapping[str, int],
    patience_seconds: float,
) -> dict[str, int]:
    """The offset of each stream's newest message; -1 if the stream delivers nothing. Raises BrokerError."""
    newest = dict.fromkeys(streams, -1)
    silent = set(awaited)
    heard_at = 0.0
    first_heard_at: dict[str, float] = {}

    def listen(stream: str) -> None:
        def on_message(channel: BlockingChannel, method: Any, properties: Any, _body: bytes) -> None:
            nonlocal heard_at
            now = time.monotonic()
            # The newest chunk comes at once. Later messages are new and do not prolong the wait for silence.
            if now < first_heard_at.setdefault(stream, now) + quiet_seconds:
                heard_at = now
            newest[stream] = max(newest[stream], int(properties.headers["x-stream-offset"]))
            if newest[stream] >= awaited.get(stream, 0):
                silent.discard(stream)
            channel.basic_ack(method.delivery_tag)

        channel.basic_consume(stream, on_message, arguments={"x-stream-offset": "last"})

    channel = connection.channel()
    with connection.answering():
        channel.basic_qos(prefetch_count=1_000)
    for stream in newest:
        with connection.answering():
            listen(stream)
    heard_at = started_at = time.monotonic()
    while time.monotonic() - heard_at < quiet_seconds or (silent and time.monotonic() - started_at < patience_seconds):
        connection.pump(quiet_seconds / 10)
    connection.close_channel(channel)
    return newest


def check_reach(connection: Connection, next_offsets: Mapping[str, int]) -> None:
    """Makes sure that streams reach these offsets, which are to be read next.

    A stream that lost its end, or was declared anew, delivers nothing until it has grown to the requested offset again.
    The messages published until then would be confirmed, and never read. Raises LogGap if a stream ends too early, and
    BrokerError if it delivers nothing.
    """
    wanted = {stream: offset for stream, offset in next_offsets.items() if offset > 0}
    if not wanted:
        return
    awaited = {stream: offset - 1 for stream, offset in wanted.items()}
    for stream, offset in newest_offsets(connection, wanted, GLANCE_SECONDS, awaited, PATIENCE_SECONDS).items():
        if offset + 1 < wanted[stream]:
            raise LogGap(
                f"{stream} ends at offset {offset}, and was read up to {wanted[stream] - 1}:"
                " it lost its end, or was replaced by another stream"
            )


def oldest_offset(connection: Connection, stream: str) -> int:
    """The offset of the oldest message that a stream still holds: retention drops older ones.

    Call it only for a stream that is known to hold messages. Raises BrokerError if the stream delivers none, because
    its leader is unavailable.
    """
    arrived: list[int] = []

    def on_message(_channel: object, _method: object, properties: Any, _body: bytes) -> None:
        arrived.append(int(properties.headers["x-stream-offset"]))

    channel = connection.channel()
    with connection.answering():
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(stream, on_message, arguments={"x-stream-offset": "first"})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not arrived and time.monotonic() < deadline:
        connection.pump(QUIET_SECONDS / 10)
    connection.close_channel(channel)
    if not arrived:
        raise BrokerError(
            f"{stream} does not return its oldest message: its leader is unavailable, or the stream was emptied"
        )
    return arrived[0]


def queue_length(connection: Connection, queue: str) -> int | None:
    """Number of messages in a queue that is not a stream; None if it does not exist. Raises BrokerError."""
    channel = connection.channel()
    try:
        with connection.answering():
            length = channel.queue_declare(queue, passive=True).method.message_count
    except BrokerError as error:
        if isinstance(error.__cause__, pika.exceptions.ChannelClosedByBroker):
            return None
        raise
    with connection.answering():
        channel.close()
    return length
