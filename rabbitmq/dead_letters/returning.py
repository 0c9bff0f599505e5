"""Publishes dead letters again to the streams they came from, and removes them from the database."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from rabbitmq.connection import Connection
from rabbitmq.dead_letters import store
from rabbitmq.dead_letters.store import StoredLetter
from rabbitmq.dead_letters.unnamed import UnnamedBeginnings
from rabbitmq.publisher import POSSIBLY_DUPLICATE, Outgoing, Publisher
from rabbitmq.stream_reader import read_one
from rabbitmq.topology import AUDIT_EXCHANGE, AUDIT_STREAM, COMMANDS_EXCHANGE, command_stream
from schema.commands import PARTITIONS
from schema.dead_letters import DeadLetter
from schema.errors import BrokerError, DayTradeError, LogGap

STREAMS = frozenset({AUDIT_STREAM, *map(command_stream, range(PARTITIONS))})

CONFIRM_SECONDS_MAX = 60
"""Maximum seconds for which a transaction waits for the broker's confirms. No other process needs its locked rows."""


class NotReturnable(DayTradeError):
    """The letter cannot be published again, or not now; the text says why."""


@dataclass(frozen=True)
class Returned:
    """Number of letters that were published again, and the reason why each of the others was not."""

    count: int
    failures: tuple[str, ...]


def publish_again(
    broker: Connection, database: psycopg.Connection, letters: Sequence[StoredLetter], unnamed: bool = False
) -> Returned:
    """Publishes letters to their streams, marked as possible duplicates, and removes them once they are confirmed.

    Letters that another process has removed meanwhile are left out. A crash in between may leave a letter published and
    still kept; if it is published once more, its commands have no second effect. Raises BrokerError, StoreError.

    `unnamed`: also letters from before publishers gave their names, which are refused for that reason alone.

    A large letter whose stream delivers nothing is kept. That stream is not read again here: each try takes seconds.
    """
    publisher = Publisher(broker)
    count, failures, small = 0, [], []
    silent: dict[str, str] = {}
    beginnings = UnnamedBeginnings(broker) if unnamed else None
    for one in letters:
        letter = one.letter
        try:
            _require_returnable(letter, beginnings)
            if not letter.is_whole and letter.stream in silent:
                raise NotReturnable(f"{letter.id} cannot be read whole now: {silent[letter.stream]}")
            body = whole_body(broker, letter)
        except NotReturnable as error:
            failures.append(str(error))
        except BrokerError as error:
            silent[letter.stream] = str(error)
            failures.append(f"{letter.id} cannot be read whole now: {error}")
        else:
            if letter.is_whole:
                small.append((one, body))
            else:  # alone: several large messages at once would take too much memory
                count += _publish(publisher, database, [(one, body)])
    return Returned(count + _publish(publisher, database, small), tuple(failures))


def _require_returnable(letter: DeadLetter, beginnings: UnnamedBeginnings | None) -> None:
    if not letter.is_forged:
        return
    if letter.is_unnamed and beginnings is None:
        raise NotReturnable(
            f"{letter.id} names no publisher: if it is from before the upgrade to users of their own, --unnamed"
            " publishes it"
        )
    try:
        if beginnings is None or not beginnings.include(letter):
            raise NotReturnable(f"{letter.id} is forged: it can only be discarded")
    except LogGap as error:
        raise NotReturnable(f"{letter.id} may be forged, so it can only be discarded: {error}") from error


def whole_body(broker: Connection, letter: DeadLetter) -> bytes:
    """The whole message of a letter; reads it from its stream if necessary. Raises NotReturnable, BrokerError."""
    if letter.stream not in STREAMS:
        raise NotReturnable(f"{letter.id} did not come from a stream of this project: it can only be discarded")
    if letter.is_whole:
        return letter.body
    try:
        body = read_one(broker, letter.stream, letter.offset)
    except LogGap as error:
        raise NotReturnable(f"{letter.id} can no longer be read whole, so it can only be discarded: {error}") from error
    if len(body) != letter.size_bytes or not body.startswith(letter.body):
        raise NotReturnable(f"{letter.id} can only be discarded: its stream holds another message at that offset")
    return body


def _publish(publisher: Publisher, database: psycopg.Connection, batch: list[tuple[StoredLetter, bytes]]) -> int:
    with database.transaction(), database.cursor() as cursor:
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{CONFIRM_SECONDS_MAX}s'")
        there = store.remove(cursor, [one.number for one, _ in batch])
        for one, body in batch:
            if one.number in there:
                exchange = AUDIT_EXCHANGE if one.letter.stream == AUDIT_STREAM else COMMANDS_EXCHANGE
                publisher.publish(Outgoing(exchange, one.letter.stream, body, headers={POSSIBLY_DUPLICATE: True}))
        publisher.flush()
    return len(there)
