"""The SQL of stops: sources whose entries cannot be stored from some number on, and the dumps that fail with them.

A stop is an alarm: the site, `make status` and verification show it for as long as it lasts. While retention keeps the
entries in the audit stream, nothing is lost: the worker reads the stream again from the stop's offset.
"""

from collections.abc import Iterable, Sequence

import psycopg

from consumers.audit import dump_store
from consumers.audit.batch import Marker
from consumers.audit.dump_store import WaitingDump
from consumers.audit.numbering import Stop
from schema.bounds import REASON_CHARACTERS_MAX
from schema.events import QUOTECACHE_SOURCE, source_name


def load(connection: psycopg.Connection) -> list[Stop]:
    """Loads the stops in force, in the caller's transaction."""
    return [Stop(*row) for row in connection.execute(_LOAD)]


def note(cursor: psycopg.Cursor, stops: Iterable[Stop]) -> None:
    """Stores these stops in place of their sources' earlier ones."""
    for stop in stops:
        reason = stop.reason[:REASON_CHARACTERS_MAX]
        cursor.execute(_NOTE, (stop.source, stop.number, stop.offset, reason))


def lift(cursor: psycopg.Cursor, stops: Sequence[Stop]) -> None:
    """Ends these stops, because their entries are stored now."""
    if stops:
        cursor.execute("DELETE FROM audit_stops WHERE source = ANY(%s)", ([stop.source for stop in stops],))


def fail_dumps(cursor: psycopg.Cursor, stopped: Iterable[int], beyond: Iterable[Marker]) -> None:
    """Fails the dumps that need entries which cannot be stored.

    These are the dumps whose markers are `beyond` a stop, and those that wait for a marker of a source in `stopped`.
    Every dump needs the quote cache's entries; a dump of the whole log needs those of every source.
    """
    for marker in beyond:
        dump_store.fail(cursor, WaitingDump(marker.dump_id, marker.user, marker.filename), _why(marker.source))
    for source in stopped:
        for row in cursor.execute(_WAITING, {"source": source, "quotecache": QUOTECACHE_SOURCE}).fetchall():
            dump_store.fail(cursor, WaitingDump(*row), _why(source))


def _why(source: int) -> str:
    return f"the log of {source_name(source)} is not stored up to this dump: an administrator has to repair it"


_LOAD = "SELECT source, number, stream_offset, reason FROM audit_stops ORDER BY source"

_NOTE = """
    INSERT INTO audit_stops (source, number, stream_offset, reason, stopped_at_ms)
    VALUES (%s, %s, %s, %s, extract(epoch FROM clock_timestamp()) * 1000)
    ON CONFLICT (source) DO UPDATE SET number = excluded.number, stream_offset = excluded.stream_offset,
        reason = excluded.reason, stopped_at_ms = excluded.stopped_at_ms"""

_WAITING = """
    SELECT dump_id, user_id, filename FROM dumps AS d
    WHERE state = 'waiting' AND (user_id IS NULL OR %(source)s = %(quotecache)s)
        AND NOT EXISTS (SELECT FROM dump_markers AS m WHERE m.dump_id = d.dump_id AND m.source = %(source)s)"""
