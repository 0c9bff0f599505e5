"""The outbox: what a batch has to publish, kept in the batch's own transaction until it is known to be published.

One row a partition. The row of a batch is replaced by the next batch, which therefore may begin only after the first
one's messages were confirmed; after a takeover the new owner publishes what is left before anything newer (design §2).
"""

from collections.abc import Iterable, Mapping

import msgspec
import psycopg

from rabbitmq.publisher import Outgoing
from runtime.faults import sabotaged

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Outgoing])
_OFF = sabotaged("outbox")


def replace(cursor: psycopg.Cursor, group: str, messages: Mapping[int, list[Outgoing]]) -> None:
    """Puts each partition's messages in the place of those of its batch before. Part of the batch's transaction."""
    cursor.execute(
        _REPLACE,
        (group, list(messages), [_encoder.encode(of_partition) for of_partition in messages.values()]),
        binary=True,
    )


def left_over(cursor: psycopg.Cursor, group: str, partitions: Iterable[int]) -> list[Outgoing]:
    """What the owner before may not have published; publish it first. Duplicates are dropped by their readers."""
    cursor.execute(
        "SELECT messages FROM outbox WHERE consumer_group = %s AND partition = ANY(%s::smallint[]) ORDER BY partition",
        (group, list(partitions)),
    )
    return [] if _OFF else [message for (packed,) in cursor for message in _decoder.decode(packed)]


def clear(cursor: psycopg.Cursor, group: str, partitions: Iterable[int]) -> None:
    """Empties the outbox of partitions whose messages are known to be out, so that no owner repeats them."""
    cursor.execute(
        "DELETE FROM outbox WHERE consumer_group = %s AND partition = ANY(%s::smallint[])", (group, list(partitions))
    )


_REPLACE = """
    INSERT INTO outbox (consumer_group, partition, messages)
    SELECT %s, * FROM unnest(%s::smallint[], %s::bytea[])
    ON CONFLICT (consumer_group, partition) DO UPDATE SET messages = excluded.messages"""
