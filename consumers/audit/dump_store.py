"""The SQL of dumps: which are to be written, which entries each holds, and its state. No files and no XML here."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psycopg

from consumers.audit.dump_xml import AuditRow
from database.pool import Pool
from database.postgres import translated
from schema.events import QUOTECACHE_SOURCE, AuditKind
from schema.outcomes import DumpState

ROWS_PER_FETCH = 2_000
"""Rows that a dump has in memory at a time: a quarter of a megabyte."""

IDLE_IN_TRANSACTION_TIMEOUT_MS = 60_000
"""Limit for writing to the file between two fetches. A process that hangs there must not keep the dump locked."""

WORK_MEMORY = "32MB"
"""Memory for the sort by time: it holds half a million entries; Postgres sorts more on disk."""

FAILURE_CHARACTERS_MAX = 300

IN_THE_WAY_MAX = 100
"""Maximum dumps among which to look for the one whose file is in the way. No message names a dump beyond these."""


@dataclass(frozen=True, slots=True)
class WaitingDump:
    dump_id: str
    user: str | None
    filename: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A written dump whose file is still in the dump folder, as far as the table knows."""

    dump_id: str
    filename: str


def reader(pool: Pool, application: str) -> AbstractContextManager[psycopg.Connection]:
    """Lends a connection for reading dumps, without a time limit, because a log may be long. Raises StoreError.

    `application`: name of the session during the loan. It must not be the replica's name, because a takeover ends the
    sessions of that name.
    """
    return pool.lend(
        {
            "application_name": application[:63],
            "statement_timeout": "0",
            "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_TIMEOUT_MS),
            "work_mem": WORK_MEMORY,
        }
    )


def unwritten(connection: psycopg.Connection) -> list[WaitingDump]:
    """Dumps whose entries are all stored and that wait for their file, in the order in which the log named them."""
    with translated(), connection.transaction():
        return [WaitingDump(*row) for row in connection.execute(_UNWRITTEN, (QUOTECACHE_SOURCE,))]


def lock(connection: psycopg.Connection, dump: WaitingDump) -> DumpState | None:
    """Locks this dump until the transaction ends, and returns its current state.

    None if another process has locked it: that one is writing it.
    """
    row = connection.execute(_LOCK, (dump.dump_id,)).fetchone()
    return DumpState(row[0]) if row else None


def lock_name(connection: psycopg.Connection, dump: WaitingDump) -> None:
    """Waits until no other process holds the lock on this dump's file name; then holds it to the transaction's end."""
    connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_NAME_LOCK, dump.filename))


def later_is_written(connection: psycopg.Connection, dump: WaitingDump) -> bool:
    """Whether the file of this name belongs to a later dump."""
    query = f"{_RIVALS} AND rival.filename = mine.filename AND rival.state = 'written' AND {_IS_LATER}"
    return connection.execute(query, (dump.dump_id,)).fetchone() is not None


def earlier_unwritten(connection: psycopg.Connection, dump: WaitingDump) -> list[str]:
    """Ids of earlier dumps of this name that wait for their file."""
    query = f"{_RIVALS} AND rival.filename = mine.filename AND rival.state = 'waiting' AND NOT {_IS_LATER}"
    return [dump_id for dump_id, *_ in connection.execute(query, (dump.dump_id,))]


def in_the_way(connection: psycopg.Connection, dump: WaitingDump) -> list[tuple[str, DumpState]]:
    """Names and states of dumps that need a folder where this one needs a file, or the other way round.

    First earlier dumps that wait for their file, then written ones, whose file may be gone.
    """
    clash = "starts_with(rival.filename, mine.filename || '/') OR starts_with(mine.filename, rival.filename || '/')"
    held = f"rival.state = 'written' OR rival.state = 'waiting' AND NOT {_IS_LATER}"
    query = f"{_RIVALS} AND ({clash}) AND ({held}) ORDER BY rival.state, rival.dump_number LIMIT {IN_THE_WAY_MAX}"
    return [(filename, DumpState(state)) for _, filename, state in connection.execute(query, (dump.dump_id,))]


def rows(connection: psycopg.Connection, dump: WaitingDump) -> Iterator[list[AuditRow]]:
    """Entries of this dump, ordered by time, then source and number, in chunks of at most `ROWS_PER_FETCH`."""
    query = _ALL_ROWS
    values: list[str | int] = [dump.dump_id]
    if dump.user is not None:
        query = _USER_ROWS
        values += [dump.user, QUOTECACHE_SOURCE, dump.dump_id, QUOTECACHE_SOURCE]
    with connection.cursor("dump") as cursor:
        cursor.execute(query, values)
        while chunk := cursor.fetchmany(ROWS_PER_FETCH):
            yield list(map(AuditRow._make, chunk))


def set_written(connection: psycopg.Connection, dump: WaitingDump) -> None:
    """Notes when the dump was written, by the database's clock, and that it replaces earlier ones of its name."""
    connection.execute(_SET_WRITTEN, (dump.dump_id,))
    connection.execute(_SET_ITS_EARLIER_REPLACED, (dump.filename, dump.dump_id))


def set_replaced(connection: psycopg.Connection, dump: WaitingDump) -> None:
    """Notes that a later dump's file took this dump's place before its own file was written."""
    connection.execute("UPDATE dumps SET state = 'replaced', failure = NULL WHERE dump_id = %s", (dump.dump_id,))


def fail(connection: psycopg.Connection | psycopg.Cursor, dump: WaitingDump, failure: str) -> None:
    """Notes, in the caller's transaction, that a dump will never have a file, and why. Changes only waiting dumps.

    The dump need not be in the table yet: perhaps its marker is what cannot be stored. The site shows `failure` to the
    person who asked for the dump.
    """
    connection.execute(_FAIL, (dump.dump_id, dump.user, dump.filename, failure[:FAILURE_CHARACTERS_MAX]))


def note_failure(connection: psycopg.Connection, dump: WaitingDump, failure: str) -> None:
    """Notes why the last attempt to write a dump failed. The dump goes on waiting."""
    connection.execute(_NOTE_FAILURE, {"dump_id": dump.dump_id, "failure": failure[:FAILURE_CHARACTERS_MAX]})


def files_in(connection: psycopg.Connection, folder: str, dump: WaitingDump) -> list[StoredFile]:
    """Files of dumps in a folder, first that of `dump`, then the newest; locks them until the transaction ends.

    It leaves out files that another process is replacing.
    """
    return [StoredFile(*row) for row in connection.execute(_FILES_IN, (folder, dump.dump_id))]


def note_removal(connection: psycopg.Connection, stored: StoredFile, reason: str) -> None:
    """Notes why a written dump has no file any more."""
    connection.execute("UPDATE dumps SET failure = %s WHERE dump_id = %s", (reason, stored.dump_id))


_UNWRITTEN = """
    SELECT dump_id, user_id, filename FROM dumps JOIN dump_markers USING (dump_id)
    WHERE state = 'waiting' AND source = %s
    ORDER BY dump_number"""

_LOCK = "SELECT state FROM dumps WHERE dump_id = %s FOR UPDATE SKIP LOCKED"

_SET_WRITTEN = """
    UPDATE dumps SET state = 'written', written_at_ms = extract(epoch FROM clock_timestamp()) * 1000, failure = NULL
    WHERE dump_id = %s"""

_SET_ITS_EARLIER_REPLACED = """
    UPDATE dumps SET state = 'replaced', failure = NULL WHERE filename = %s AND state = 'written' AND dump_id <> %s"""

_FILES_IN = """
    SELECT dump_id, filename FROM dumps WHERE starts_with(filename, %s) AND state = 'written' AND failure IS NULL
    ORDER BY dump_id = %s DESC, written_at_ms DESC, dump_number DESC FOR UPDATE SKIP LOCKED"""

_FAIL = """
    INSERT INTO dumps (dump_id, user_id, filename, state, failure) VALUES (%s, %s, %s, 'failed', %s)
    ON CONFLICT (dump_id) DO UPDATE SET state = 'failed', failure = excluded.failure WHERE dumps.state = 'waiting'"""

_NOTE_FAILURE = """
    UPDATE dumps SET failure = %(failure)s
    WHERE dump_id = %(dump_id)s AND state = 'waiting' AND failure IS DISTINCT FROM %(failure)s"""

_NAME_LOCK = 468_002
"""First half of the advisory locks' keys on file names: any number that no other advisory lock uses."""

_RIVALS = """
    SELECT rival.dump_id, rival.filename, rival.state
    FROM dumps AS mine JOIN dumps AS rival ON rival.dump_id <> mine.dump_id
    WHERE mine.dump_id = %s"""

# Two dumps are compared in the first partition that both have a marker in: the higher marker is the later one's. For
# two dumps of the whole log, that is the partition in which they take effect. `mine` has all its markers. If the rival
# is a dump of the whole log and its marker there is missing, the marker is still to come, so the rival is later. Dumps
# of users in different partitions have no such partition; the later one is the one that the log named later.
_IS_LATER = f"""coalesce((
    SELECT coalesce(r.number > m.number, true)
    FROM dump_markers AS m LEFT JOIN dump_markers AS r ON r.dump_id = rival.dump_id AND r.source = m.source
    WHERE m.dump_id = mine.dump_id AND m.source <> {QUOTECACHE_SOURCE}
        AND (rival.user_id IS NULL OR r.dump_id IS NOT NULL)
    ORDER BY m.source LIMIT 1), rival.dump_number > mine.dump_number)"""

_SELECT = f"""
    SELECT e.source, e.kind, e.at_ms, e.transaction_number, e.command, e.user_id, e.symbol, e.filename, e.funds_cents,
        e.message, e.quote_server_time, e.cryptokey
    FROM audit_events e JOIN dump_markers m ON m.source = e.source AND e.number <= m.number
    WHERE m.dump_id = %s AND e.kind <> '{AuditKind.MARKER}'"""

_ORDER = " ORDER BY e.at_ms, e.source, e.number"

_ALL_ROWS = _SELECT + _ORDER

# The quote cache's entries are not in the order of a user's commands: a paid quote is in the dump if the command that
# caused it is. The quote names that command only by user, number and symbol: docs/decisions.md states the limit.
_USER_ROWS = f"""{_SELECT} AND e.user_id = %s
    AND (e.source <> %s OR (e.user_id, e.transaction_number, e.symbol) IN (
        SELECT c.user_id, c.transaction_number, c.symbol FROM audit_events c
        JOIN dump_markers m ON m.source = c.source AND c.number <= m.number
        WHERE m.dump_id = %s AND c.source <> %s AND c.kind = '{AuditKind.USER_COMMAND}'))
    {_ORDER}"""
