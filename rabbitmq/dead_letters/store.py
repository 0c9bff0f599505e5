"""The SQL of dead letters: consumers store them, people read and remove them.

Reading removes nothing. A consumer stores a letter in the transaction that moves its next offset on. So each message is
stored once, under its stream and offset, whichever process dies in between.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psycopg

from database.postgres import only_row
from schema.dead_letters import DeadLetter


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter with its number, in the order in which letters were stored, and the time (ms since the epoch)."""

    number: int
    given_up_at_ms: int
    letter: DeadLetter


@dataclass(frozen=True, slots=True)
class Choice:
    """Selection of letters: those at `offsets` (stream and offset; None: anywhere), with `after` < number ≤ `until`."""

    offsets: tuple[tuple[str, int], ...] | None = None
    after: int = 0
    until: int = 2**63 - 1


def keep(cursor: psycopg.Cursor, letters: Sequence[DeadLetter]) -> None:
    """Stores letters in the caller's transaction, which also stores the next offset behind them.

    A letter that is stored already stays as it is.
    """
    if letters:
        rows = [(one.stream, one.offset, one.reason, one.size_bytes, one.body) for one in letters]
        cursor.execute(_KEEP, list(map(list, zip(*rows, strict=True))))


def newest_number(connection: psycopg.Connection) -> int:
    """Number of the letter that was stored last; 0 if there is none."""
    with connection.transaction():
        number: int = only_row(connection.execute("SELECT coalesce(max(letter_number), 0) FROM dead_letters"))[0]
        return number


def count(connection: psycopg.Connection, choice: Choice) -> int:
    """Number of the selected letters that are stored."""
    chosen, values = _chosen(choice)
    with connection.transaction():
        count: int = only_row(connection.execute(f"SELECT count(*) FROM dead_letters WHERE {chosen}", values))[0]
        return count


def page(connection: psycopg.Connection, choice: Choice, limit: int, body_bytes_max: int) -> list[StoredLetter]:
    """The oldest `limit` of the selected letters, with at most `body_bytes_max` of each body."""
    chosen, values = _chosen(choice)
    with connection.transaction():
        rows = connection.execute(_PAGE.format(chosen=chosen), (body_bytes_max, *values, limit), binary=True)
        return [StoredLetter(number, at_ms, DeadLetter(*letter)) for number, at_ms, *letter in rows]


def remove(cursor: psycopg.Cursor, numbers: Iterable[int]) -> set[int]:
    """Removes letters in the caller's transaction; returns the numbers of those that were still stored."""
    cursor.execute("DELETE FROM dead_letters WHERE letter_number = ANY(%s) RETURNING letter_number", (list(numbers),))
    return {number for (number,) in cursor}


def _chosen(choice: Choice) -> tuple[str, tuple[object, ...]]:
    condition, values = "letter_number > %s AND letter_number <= %s", (choice.after, choice.until)
    if choice.offsets is None:
        return condition, values
    streams, offsets = [stream for stream, _ in choice.offsets], [offset for _, offset in choice.offsets]
    return f"{condition} AND {_AT_OFFSETS}", (*values, streams, offsets)


# Bodies are sent in binary, because in text they would be sent in hexadecimal.
_KEEP = """
    INSERT INTO dead_letters (stream, stream_offset, reason, size_bytes, body, given_up_at_ms)
    SELECT stream, stream_offset, reason, size_bytes, body, extract(epoch FROM clock_timestamp()) * 1000
    FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bigint[], %b::bytea[])
        WITH ORDINALITY AS letter(stream, stream_offset, reason, size_bytes, body, n)
    ORDER BY n
    ON CONFLICT (stream, stream_offset) DO NOTHING"""

_AT_OFFSETS = "(stream, stream_offset) IN (SELECT * FROM unnest(%s::text[], %s::bigint[]))"

_PAGE = """
    SELECT letter_number, given_up_at_ms, stream, stream_offset, reason, size_bytes, substring(body FOR %s)
    FROM dead_letters WHERE {chosen} ORDER BY letter_number LIMIT %s"""
