"""The SQL that stores entries: it copies rows, links them into the hash chain, and notes markers, in a transaction.

batch.py settles beforehand which entries to store. store.py handles sources whose rows Postgres refuses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg

from consumers.audit import stops
from consumers.audit.batch import Marker, Piece
from consumers.audit.copy_lines import COLUMNS
from database.postgres import refuses_data
from runtime.faults import strike
from schema import chain
from schema.commands import PARTITIONS
from schema.events import QUOTECACHE_SOURCE

Heads = dict[int, tuple[int, bytes]]
"""Number of the newest stored entry and digest of the newest link, by source."""


def store(
    cursor: psycopg.Cursor,
    heads: Heads,
    pieces: Mapping[int, Sequence[Piece]],
    markers: Sequence[Marker],
    stopped: Sequence[int],
) -> int:
    """Stores these pieces, which continue the chains at `heads`, and updates `heads`.

    Returns the number of dumps that became complete.

    `stopped`: sources whose entries are not stored at present. No dump that needs them may be completed.
    """
    with cursor.copy(_COPY) as copy:
        for of_source in pieces.values():
            for piece in of_source:
                copy.write(piece.rows)
    entries = sum(piece.last_number - piece.first_number + 1 for some in pieces.values() for piece in some)
    assert cursor.rowcount == entries, (cursor.rowcount, entries)
    strike("after-copy")
    _chain(cursor, next_links(heads, pieces))
    return _mark(cursor, markers, stopped) if markers else 0


@dataclass
class StoreAttempt:
    """Attempt to store one source's rows as far as Postgres takes them. `completed`: dumps completed so far."""

    cursor: psycopg.Cursor
    heads: Heads
    source: int
    markers: Sequence[Marker]
    stopped: Sequence[int]
    completed: int = 0

    def store(self, first_number: int, rows: Sequence[bytes]) -> tuple[int, str]:
        """Stores rows up to the first refused one. Returns their number and the reason ("" if all are stored)."""
        last_number = first_number + len(rows) - 1
        markers = [marker for marker in self.markers if first_number <= marker.number <= last_number]
        before = self.heads[self.source]
        try:
            with self.cursor.connection.transaction():
                piece = Piece(0, first_number, last_number, b"".join(rows))
                self.completed += store(self.cursor, self.heads, {self.source: [piece]}, markers, self.stopped)
            return len(rows), ""
        except psycopg.Error as error:
            if not refuses_data(error):
                raise
            self.heads[self.source] = before
            if len(rows) == 1:
                return 0, f"Postgres refuses it: {error.diag.message_primary}"
        half = len(rows) // 2
        count, why = self.store(first_number, rows[:half])
        if not why:
            more, why = self.store(first_number + half, rows[half:])
            count += more
        return count, why


def next_links(heads: Heads, pieces: Mapping[int, Sequence[Piece]]) -> list[chain.ChainLink]:
    """Returns the next link of each source's chain, and updates `heads`. Pure otherwise: it stores nothing."""
    links = []
    for source, of_source in pieces.items():
        stored, head = heads[source]
        newest = of_source[-1].last_number
        rows = b"".join(piece.rows for piece in of_source)
        links.append(chain.link(head, source, stored + 1, newest, rows))
        heads[source] = (newest, links[-1].digest)
    return links


def _chain(cursor: psycopg.Cursor, links: Sequence[chain.ChainLink]) -> None:
    """Adds these links to the chains, and notes that they are the newest ones."""
    cursor.execute(_LINK, tuple(map(list, zip(*links, strict=True))))
    newest_ones = [(link.source, link.last_number, link.digest) for link in links]
    cursor.execute(_ADVANCE, tuple(map(list, zip(*newest_ones, strict=True))))


def _mark(cursor: psycopg.Cursor, markers: Sequence[Marker], stopped: Sequence[int]) -> int:
    for marker in markers:
        cursor.execute(_ANNOUNCE, (marker.dump_id, marker.user, marker.filename))
        cursor.execute(_MARK, (marker.dump_id, marker.source, marker.number))
    stops.fail_dumps(cursor, stopped, ())
    cursor.execute(_COMPLETE, (QUOTECACHE_SOURCE, QUOTECACHE_SOURCE, [m.dump_id for m in markers], PARTITIONS))
    return cursor.rowcount


_COPY = f"COPY audit_events ({', '.join(COLUMNS)}) FROM STDIN"

# Binary, because sending the checks as hexadecimal text would cost as much as computing them.
_LINK = """
    INSERT INTO audit_chain (source, first_number, last_number, row_checks, digest)
    SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bigint[], %b::bytea[], %b::bytea[])"""

_ADVANCE = """
    INSERT INTO audit_sources (source, stored, head) SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::bytea[])
    ON CONFLICT (source) DO UPDATE SET stored = excluded.stored, head = excluded.head"""

_ANNOUNCE = "INSERT INTO dumps (dump_id, user_id, filename) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"

_MARK = "INSERT INTO dump_markers (dump_id, source, number) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"

# A dump is complete when all its markers are stored: one for a user, one per partition for the whole log. It also holds
# what the quote cache has logged by then. The marker row of the quote cache notes that, and that the dump is complete.
_COMPLETE = """
    INSERT INTO dump_markers (dump_id, source, number)
    SELECT dump_id, %s, coalesce((SELECT stored FROM audit_sources WHERE source = %s), 0)
    FROM dumps JOIN dump_markers USING (dump_id)
    WHERE dump_id = ANY(%s)
    GROUP BY dump_id, user_id
    HAVING count(*) >= CASE WHEN user_id IS NULL THEN %s ELSE 1 END
    ON CONFLICT DO NOTHING"""
