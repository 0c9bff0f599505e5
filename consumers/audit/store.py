"""The SQL of storing the log: where each source stands, and a batch as one transaction. Nothing of dump files."""

import psycopg

from consumers import partitions
from consumers.audit.batch import Batch, Marker
from consumers.audit.copy_lines import COLUMNS
from consumers.partitions import Ownership
from rabbitmq.dead_letters import store as dead_letter_store
from schema import chain
from schema.commands import PARTITIONS
from schema.database import translated
from schema.events import QUOTECACHE_SOURCE
from schema.faults import sabotaged, strike

GROUP = "audit"

_NUMBERING_OFF = sabotaged("numbering")


def stored_numbers(database: psycopg.Connection) -> dict[int, int]:
    """Number of the newest stored entry of each source. Raises StoreError."""
    with translated(), database.transaction():
        return dict(database.execute("SELECT source, stored FROM audit_sources").fetchall())


def commit(database: psycopg.Connection, ownership: Ownership, batch: Batch) -> int:
    """Stores a batch, its dead letters and the log's position, or nothing; returns how many dumps it completed.

    Raises Fenced where the log has another owner by now, StoreError where Postgres refuses or is away.
    """
    ownership.position, ownership.high = batch.position, batch.high
    with translated(), database.transaction(), database.cursor() as cursor:
        partitions.fence(cursor, GROUP, [ownership])
        dead_letter_store.keep(cursor, batch.dead)
        if not batch.entries:
            return 0
        with cursor.copy(_COPY) as copy:
            for rows in batch.rows.values():
                for some in rows:
                    copy.write(some)
        assert cursor.rowcount == batch.entries, (cursor.rowcount, batch.entries)
        strike("after-copy")
        _chain(cursor, batch)
        return _mark(cursor, batch.markers) if batch.markers else 0


def _chain(cursor: psycopg.Cursor, batch: Batch) -> None:
    """One link for each source of the batch, behind the newest there is."""
    before = {source: (0, chain.genesis(source)) for source in batch.stored}
    for source, stored, head in cursor.execute(_HEADS, (list(batch.stored),)):
        before[source] = (stored, head)
    links = []
    for source, newest in batch.stored.items():
        stored, head = before[source]
        first, rows = stored + 1, b"".join(batch.rows[source])
        if _NUMBERING_OFF:  # no link can cover rows that are there twice
            first, rows = newest + 1, b""
        links.append(chain.link(head, source, first, newest, rows))
    cursor.execute(_LINK, tuple(map(list, zip(*links, strict=True))))
    cursor.execute(_ADVANCE, (list(batch.stored), list(batch.stored.values()), [link.digest for link in links]))


def _mark(cursor: psycopg.Cursor, markers: list[Marker]) -> int:
    for marker in markers:
        cursor.execute(_ANNOUNCE, (marker.dump_id, marker.user, marker.filename))
        cursor.execute(_MARK, (marker.dump_id, marker.source, marker.number))
    cursor.execute(_COMPLETE, (QUOTECACHE_SOURCE, QUOTECACHE_SOURCE, [m.dump_id for m in markers], PARTITIONS))
    return cursor.rowcount


_COPY = f"COPY audit_events ({', '.join(COLUMNS)}) FROM STDIN"

_HEADS = "SELECT source, stored, head FROM audit_sources WHERE source = ANY(%s)"

# In binary: as text, the checks would be sent in hexadecimal, and cost as much as computing them.
_LINK = """
    INSERT INTO audit_chain (source, first_number, last_number, row_checks, digest)
    SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bigint[], %b::bytea[], %b::bytea[])"""

_ADVANCE = """
    INSERT INTO audit_sources (source, stored, head) SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
    ON CONFLICT (source) DO UPDATE SET stored = excluded.stored, head = excluded.head"""

_ANNOUNCE = "INSERT INTO dumps (dump_id, user_id, filename) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"

_MARK = "INSERT INTO dump_markers (dump_id, source, number) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"

# A dump is complete when all its markers are stored: a user's one, or every partition's. What the quote cache has
# logged by then is the rest of it; its row here both says so, and that the dump is complete.
_COMPLETE = """
    INSERT INTO dump_markers (dump_id, source, number)
    SELECT dump_id, %s, coalesce((SELECT stored FROM audit_sources WHERE source = %s), 0)
    FROM dumps JOIN dump_markers USING (dump_id)
    WHERE dump_id = ANY(%s)
    GROUP BY dump_id, user_id
    HAVING count(*) >= CASE WHEN user_id IS NULL THEN %s ELSE 1 END
    ON CONFLICT DO NOTHING"""
