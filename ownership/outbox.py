"""The outbox: messages that a batch has to publish, stored in the batch's transaction until the broker confirms them.

One row per partition. Each batch replaces the row of the previous batch, so it may commit only after the broker has
confirmed the previous batch's messages. After a takeover the new owner publishes what is left before anything newer.
"""

from collections.abc import Iterable, Mapping

import msgspec
import psycopg

from rabbitmq.publisher import Outgoing

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Outgoing])


def replace(cursor: psycopg.Cursor, group: str, messages: Mapping[int, list[Outgoing]]) -> None:
    """Replaces each partition's messages of the previous batch by these. Part of the batch's transaction."""
    cursor.execute(_REPLACE, (group, list(messages), [_encoder.encode(some) for some in messages.values()]))


def left_over(cursor: psycopg.Cursor, group: str, partitions: Iterable[int]) -> list[Outgoing]:
    """Messages that the previous owner may not have published. Publish them first; their readers drop duplicates."""
    cursor.execute(
        "SELECT messages FROM outbox WHERE consumer_group = %s AND partition = ANY(%s::smallint[]) ORDER BY partition",
        (group, list(partitions)),
    )
    return [message for (packed,) in cursor for message in _decoder.decode(packed)]


def clear(cursor: psycopg.Cursor, group: str, partitions: Iterable[int]) -> None:
    """Empties the outbox of partitions whose messages the broker has confirmed, so that no owner repeats them."""
    cursor.execute(
        "DELETE FROM outbox WHERE consumer_group = %s AND partition = ANY(%s::smallint[])", (group, list(partitions))
    )


# Messages travel in binary. As text they would go as hexadecimal digits within the text of an array.
_REPLACE = """
    INSERT INTO outbox (consumer_group, partition, messages)
    SELECT %s, * FROM unnest(%s::smallint[], %b::bytea[])
    ON CONFLICT (consumer_group, partition) DO UPDATE SET messages = excluded.messages"""
