"""The SQL of dumps: which are to be written, what is in one, and that it is written. No file and no XML here."""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from consumers.audit.dump_xml import Row
from schema import database
from schema.database import translated
from schema.errors import StoreError
from schema.events import QUOTECACHE_SOURCE, AuditKind

ROWS_PER_FETCH = 2_000
"""Bounds the memory of a dump; a quarter of a megabyte."""

IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000
"""Between two fetches the file is written; a process that is paused there must not keep the dump locked."""

WORK_MEMORY = "32MB"
"""For the sort by time: half a million entries in memory, more on disk."""


@dataclass(frozen=True, slots=True)
class Dump:
    dump_id: str
    user: str | None
    filename: str


def connect(database_url: str, application: str) -> psycopg.Connection:
    """A connection for reading dumps, which may take as long as the log is. Raises StoreError."""
    connection = database.connect(database_url, application)
    with translated(), connection.transaction():
        connection.execute("SET statement_timeout = 0")
        connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_IN_TRANSACTION_TIMEOUT_MS}")
        connection.execute(f"SET work_mem = '{WORK_MEMORY}'")
    return connection


def unwritten(connection: psycopg.Connection) -> list[Dump]:
    """Dumps that are complete and not written, in the order in which the log named them."""
    with translated(), connection.transaction():
        return [Dump(*row) for row in connection.execute(_UNWRITTEN, (QUOTECACHE_SOURCE,))]


def lock(connection: psycopg.Connection, dump: Dump) -> bool:
    """Keeps others from writing this dump until the transaction ends; false where it is written already.

    Raises StoreError where another process is writing it.
    """
    row = connection.execute(_LOCK, (dump.dump_id,)).fetchone()
    if row is None:
        raise StoreError(f"dump {dump.dump_id} is being written by another process")
    return row[0] is None


def lock_name(connection: psycopg.Connection, dump: Dump) -> None:
    """Waits until nobody else is about to put a file in this dump's place, and keeps all others from it until the
    transaction ends.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_NAME_LOCK, dump.filename))


def later_is_written(connection: psycopg.Connection, dump: Dump) -> bool:
    """Whether the file of this name is that of a later dump, or one later still was there."""
    query = f"{_RIVALS} AND written_at_ms IS NOT NULL AND failure IS NULL AND is_later"
    return connection.execute(query, (dump.dump_id,)).fetchone() is not None


def earlier_unwritten(connection: psycopg.Connection, dump: Dump) -> list[str]:
    """Ids of earlier dumps of this name that have not been written."""
    query = f"{_RIVALS} AND written_at_ms IS NULL AND NOT is_later"
    return [dump_id for (dump_id,) in connection.execute(query, (dump.dump_id,))]


def rows(connection: psycopg.Connection, dump: Dump) -> Iterator[list[Row]]:
    """Exactly the entries of this dump, by time, then source and number, some at a time."""
    query, values = _ALL_ROWS, [dump.dump_id]
    if dump.user is not None:
        query = _USER_ROWS
        values += [dump.user, QUOTECACHE_SOURCE, dump.dump_id, QUOTECACHE_SOURCE]
    with connection.cursor("dump") as cursor:
        cursor.execute(query, values)
        while chunk := cursor.fetchmany(ROWS_PER_FETCH):
            yield list(map(Row._make, chunk))


def set_written(connection: psycopg.Connection, dump: Dump, failure: str | None = None) -> None:
    """Notes when the dump was written, by the database's clock; or why it has no file of its own."""
    connection.execute(_SET_WRITTEN, (failure, dump.dump_id))


def set_failed(connection: psycopg.Connection, dump: Dump, failure: str) -> None:
    """Notes that there will never be a file, and why."""
    with translated(), connection.transaction():
        set_written(connection, dump, failure)


_UNWRITTEN = """
    SELECT dump_id, user_id, filename FROM dumps JOIN dump_markers USING (dump_id)
    WHERE written_at_ms IS NULL AND source = %s
    ORDER BY dump_number"""

_LOCK = "SELECT written_at_ms FROM dumps WHERE dump_id = %s FOR UPDATE SKIP LOCKED"

_SET_WRITTEN = """
    UPDATE dumps SET written_at_ms = extract(epoch FROM clock_timestamp()) * 1000, failure = %s WHERE dump_id = %s"""

_NAME_LOCK = 468_002
"""First half of the advisory locks on file names; any number does that nobody else uses."""

# Later is what a partition that has both markers says: the first one, which for two of the whole log is that in which
# they take effect. Two users of different partitions have no order but that in which the log named their dumps.
_RIVALS = f"""
    SELECT dump_id FROM (
        SELECT rival.dump_id, rival.written_at_ms, rival.failure, coalesce((
            SELECT r.number > m.number FROM dump_markers r JOIN dump_markers m USING (source)
            WHERE r.dump_id = rival.dump_id AND m.dump_id = mine.dump_id AND source <> {QUOTECACHE_SOURCE}
            ORDER BY source LIMIT 1), rival.dump_number > mine.dump_number) AS is_later
        FROM dumps mine JOIN dumps rival ON rival.filename = mine.filename AND rival.dump_id <> mine.dump_id
        WHERE mine.dump_id = %s) AS rivals
    WHERE true"""

_SELECT = f"""
    SELECT e.source, e.kind, e.at_ms, e.transaction_number, e.command, e.user_id, e.symbol, e.filename, e.funds_cents,
        e.message, e.quote_server_time, e.cryptokey
    FROM audit_events e JOIN dump_markers m ON m.source = e.source AND e.number <= m.number
    WHERE m.dump_id = %s AND e.kind <> '{AuditKind.MARKER}'"""

_ORDER = " ORDER BY e.at_ms, e.source, e.number"

_ALL_ROWS = _SELECT + _ORDER

# The quote cache's numbers do not stand in the order of a user's commands: a hit is in the dump if the command that
# caused it is. A hit names that one by user, number and symbol, all there is: see docs/decisions.md for its limit.
_USER_ROWS = f"""{_SELECT} AND e.user_id = %s
    AND (e.source <> %s OR (e.user_id, e.transaction_number, e.symbol) IN (
        SELECT c.user_id, c.transaction_number, c.symbol FROM audit_events c
        JOIN dump_markers m ON m.source = c.source AND c.number <= m.number
        WHERE m.dump_id = %s AND c.source <> %s AND c.kind = '{AuditKind.USER_COMMAND}'))
    {_ORDER}"""
