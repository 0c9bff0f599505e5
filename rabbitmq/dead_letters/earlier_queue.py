"""The queue in which earlier versions kept dead letters: emptied into the database once, and then deleted."""

from collections.abc import Mapping

import psycopg

from database import postgres
from rabbitmq.connection import Connection, translated
from rabbitmq.dead_letters import store
from rabbitmq.lengths import queue_length
from rabbitmq.rights import EARLIER_DEAD_LETTERS
from schema.dead_letters import DeadLetter, dead_letter
from schema.errors import BrokerError, SettingsError

QUEUE = EARLIER_DEAD_LETTERS


def move(broker: Connection, database_url: str | None) -> int:
    """Moves every letter of the queue into the database and deletes the queue; returns the number of letters.

    Safe to repeat after a crash: a letter leaves the queue once the database has it, and the database keeps it once.
    Raises SettingsError if the queue exists and `database_url` is empty, BrokerError, StoreError.
    """
    length = queue_length(broker, QUEUE)
    if length is None:
        return 0
    if not database_url:
        raise SettingsError(
            f"DATABASE_URL is not set: it is needed to move the queue {QUEUE} of an earlier version into the database"
        )
    with postgres.translated(), postgres.connect(database_url, "dead-letters") as connection:
        count = _empty(broker, connection)
    _delete(broker)
    return count


def _empty(broker: Connection, connection: psycopg.Connection) -> int:
    channel = broker.channel()
    count = 0
    while True:
        with broker.answering():
            # Get, not consume: the broker answers when the queue is empty, while a consumer could only wait.
            method, properties, body = channel.basic_get(QUEUE)
        if method is None or properties is None or body is None or method.delivery_tag is None:
            break
        with connection.transaction(), connection.cursor() as cursor:
            store.keep(cursor, [_letter(cursor, properties.headers or {}, body)])
        with translated():
            channel.basic_ack(method.delivery_tag)
        count += 1
    with broker.answering():
        channel.close()
    return count


def _letter(cursor: psycopg.Cursor, headers: Mapping[str, object], body: bytes) -> DeadLetter:
    stream, offset = headers.get("stream"), headers.get("offset")
    if not isinstance(stream, str) or not isinstance(offset, int):
        # The letter of another program has no place in a stream. It gets a unique one here.
        stream, offset = QUEUE, store.newest_number(cursor.connection) + 1
    return dead_letter(stream, offset, body, str(headers.get("reason", "no reason recorded")))


def _delete(broker: Connection) -> None:
    channel = broker.channel()
    with broker.answering():
        left = channel.queue_declare(QUEUE, passive=True).method
        if left.message_count or left.consumer_count:
            raise BrokerError(f"another process reads the queue {QUEUE}: stop it, then run this command again")
        channel.queue_delete(QUEUE)
        channel.close()
