"""The SQL that stores the log: the state of each source, and each batch as one transaction. No dump files."""

from dataclasses import dataclass

import psycopg

from consumers.audit import rows, stops
from consumers.audit.batch import AuditBatch
from consumers.audit.copy_lines import COLUMNS, copy_lines
from consumers.audit.numbering import Numbering, Part, Stop
from consumers.audit.rows import Heads, StoreAttempt
from database.postgres import refuses_data, translated
from ownership import partitions
from ownership.partitions import Ownership
from rabbitmq.dead_letters import store as dead_letter_store
from schema import chain
from schema.events import QUOTECACHE_SOURCE

GROUP = "audit"


@dataclass(frozen=True)
class Beginning:
    """State of the log for a new owner: number of each source's newest stored entry, and the stops in force."""

    stored: dict[int, int]
    stops: list[Stop]


def beginning(database: psycopg.Connection, ownership: Ownership) -> Beginning:
    """Reads the state of each source. Raises Fenced, StoreError."""
    with translated(), database.transaction(), database.cursor() as cursor:
        partitions.fence(cursor, GROUP, [ownership])
        cursor.execute(_FORGET_DEAD, (ownership.next_offset,))
        stored: dict[int, int] = dict(cursor.execute("SELECT source, stored FROM audit_sources").fetchall())
        return Beginning(stored, stops.load(database))


def dead_from(database: psycopg.Connection, next_offset: int) -> frozenset[int]:
    """Offsets, from `next_offset` on, of messages that became dead letters. Raises StoreError."""
    with translated(), database.transaction():
        return frozenset(offset for (offset,) in database.execute(_DEAD, (next_offset,)))


def note_stops(database: psycopg.Connection, ownership: Ownership, changed: list[Stop]) -> None:
    """Stores stops whose reason has changed. Raises Fenced, StoreError."""
    with translated(), database.transaction(), database.cursor() as cursor:
        partitions.fence(cursor, GROUP, [ownership])
        stops.note(cursor, changed)


def commit(database: psycopg.Connection, ownership: Ownership, batch: AuditBatch, numbering: Numbering) -> int:
    """Settles a batch, and stores it with its dead letters and the log's next offset, all or nothing.

    Returns the number of dumps that became complete. If Postgres refuses an entry, its source stops there
    (`batch.new_stops`); everything of the other sources is stored. Raises Fenced if the log has another owner by now,
    StoreError if Postgres cannot be reached.
    """
    with translated():
        try:
            return _commit(database, ownership, batch, numbering)
        except psycopg.Error as error:
            if not refuses_data(error):
                raise
        return _commit(database, ownership, batch, numbering, on_trial=True)


def _commit(
    database: psycopg.Connection, ownership: Ownership, batch: AuditBatch, numbering: Numbering, on_trial: bool = False
) -> int:
    completed = 0
    with database.transaction(), database.cursor() as cursor:
        committed, heads = _look(cursor)
        if not on_trial:
            batch.settle(numbering, committed)
        ownership.next_offset, ownership.high_offset = batch.next_offset, batch.high_offset
        partitions.fence(cursor, GROUP, [ownership])
        if on_trial:
            completed = _try_each(cursor, heads, batch, numbering)
        elif batch.pieces:
            completed = rows.store(cursor, heads, batch.pieces, batch.markers, numbering.stopped_sources)
        for part in batch.repeats:
            if _differs(cursor, part):
                batch.add_dead_letter(
                    part.arrival, f"{part.arrival} are stored with other content: one of the two is forged"
                )
        dead_letter_store.keep(cursor, batch.dead)
        if batch.dead:
            cursor.execute(_REMEMBER_DEAD, ([letter.offset for letter in batch.dead],))
        stops.lift(cursor, numbering.overcome())
        stops.note(cursor, batch.new_stops)
        if batch.new_stops or batch.beyond_stops:
            stops.fail_dumps(cursor, numbering.stopped_sources, batch.beyond_stops)
    return completed


def _look(cursor: psycopg.Cursor) -> tuple[dict[int, int], Heads]:
    """Numbers of each source's newest committed entry and newest stored entry, with the digest of the newest link."""
    committed, heads = {}, {}
    for source, number, stored, head in cursor.execute(_LOOK, (QUOTECACHE_SOURCE,)):
        committed[source] = number
        heads[source] = (stored, head) if head is not None else (0, chain.genesis(source))
    return committed, heads


def _try_each(cursor: psycopg.Cursor, heads: Heads, batch: AuditBatch, numbering: Numbering) -> int:
    """Stores each source's rows as far as Postgres takes them. Returns the number of dumps that became complete."""
    completed = 0
    # The quote cache first: if it stops, this batch must complete no dump.
    for source, pieces in sorted(batch.pieces.items(), reverse=True):
        markers = [marker for marker in batch.markers if marker.source == source]
        trial = StoreAttempt(cursor, heads, source, markers, numbering.stopped_sources)
        all_rows = [row for piece in pieces for row in piece.rows.splitlines(keepends=True)]
        count, why = trial.store(pieces[0].first_number, all_rows)
        completed += trial.completed
        if why:
            number = pieces[0].first_number + count
            offset = min(piece.offset for piece in pieces if piece.last_number >= number)
            batch.note_stop(*numbering.stop(Stop(source, number, offset, why)))
            batch.beyond_stops += [marker for marker in markers if marker.number >= number]
    return completed


def _differs(cursor: psycopg.Cursor, part: Part) -> bool:
    """Whether repeated entries differ from those that are stored under their numbers."""
    source, first = part.arrival.source, part.arrival.first_number
    with cursor.copy(_STORED, (source, first, first + part.known - 1)) as copy:
        stored = b"".join(map(bytes, copy))
    # Fewer entries are stored if the source has stopped between them. The others are still to come.
    known = min(part.known, stored.count(b"\n"))
    return stored != copy_lines(source, first, part.arrival.message.entries[:known]).encode()


# The number of a partition is also its number as a source.
_LOOK = """
    SELECT p.source, p.audit_number, s.stored, s.head
    FROM (
        SELECT CASE consumer_group WHEN 'quotecache' THEN %s ELSE partition END AS source, audit_number
        FROM partitions WHERE consumer_group IN ('transactions', 'quotecache')) AS p
    LEFT JOIN audit_sources AS s USING (source)"""

# Kept apart from the dead letters, because people discard those. Otherwise a forged message that is read again would
# pass for the real entry: its source may have committed that number by then.
_REMEMBER_DEAD = "INSERT INTO audit_dead_offsets SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING"

_DEAD = "SELECT stream_offset FROM audit_dead_offsets WHERE stream_offset >= %s"

_FORGET_DEAD = """
    DELETE FROM audit_dead_offsets WHERE stream_offset < least(%s, (SELECT min(stream_offset) FROM audit_stops))"""

_STORED = f"""
    COPY (SELECT {", ".join(COLUMNS)} FROM audit_events
        WHERE source = %s AND number BETWEEN %s AND %s ORDER BY number) TO STDOUT"""
