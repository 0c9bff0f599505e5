"""Checks of the recorded times in which partitions had an owner, and of expired orders that were released late.

Only the owner of its partition can release an order. So lateness counts only the time in which the partition had an
owner. Orders that expired while all workers were stopped are released at the next takeover, and are not late.
"""

from bisect import bisect_right
from collections.abc import Iterable

import psycopg
from psycopg.rows import TupleRow

from schema.bounds import INT64_MAX
from schema.commands import partition_of
from verification.invariants import Invariant, Pass, Weighed

Span = tuple[int, int]
"""Start and end of a time span: ms since the epoch, by the clock of the database.

Times of decisions are by the workers' clocks, which may differ from it by 2 s. The difference matters only near the
beginning and end of an ownership.
"""

# Ownerships have numbers (epochs). In an older database the record begins with the number that was the newest when the
# record was introduced.
OWNERSHIPS = Pass(
    "ownerships",
    """
    SELECT p.consumer_group, p.partition, p.epoch, coalesce(s.n, 0)::int AS looked, s.first,
        coalesce(s.n, 0) + CASE WHEN p.owned_from IS NULL OR s.newest = p.epoch THEN 0 ELSE 1 END AS known
    FROM partitions AS p LEFT JOIN (
        SELECT consumer_group, partition, count(DISTINCT epoch) AS n, min(epoch) AS first, max(epoch) AS newest
        FROM ownership_spans GROUP BY 1, 2) AS s USING (consumer_group, partition)""",
    """format('partition %s of %s: %s ownerships are on record, of those from %s to %s', partition, consumer_group,
        known, first, epoch)""",
    "consumer_group, partition",
    (Invariant("each ownership of a partition is on record", "known = epoch - coalesce(first, 1) + 1"),),
)


def weigh_lateness(connection: psycopg.Connection, rows: Iterable[TupleRow], late_ms: int) -> Weighed:
    """Judges orders that were released more than `late_ms` after they were due. Raises psycopg.Error.

    `rows`: name of the order, user, time when its release was due, and time of its release (ms since the epoch). The
    release is late if the order's partition was owned for longer than `late_ms` in between.
    """
    owned = _owned(connection)
    violations, excused, first, longest_ms = 0, 0, "", 0
    for name, user, due_ms, released_ms in rows:
        if due_ms is None:  # the order does not exist, so its release was never due
            violations, first = violations + 1, first or name
            continue
        owned_ms = _overlap(owned.get(partition_of(user), []), due_ms, released_ms)
        if owned_ms > late_ms:
            late = f"{released_ms - due_ms:,} ms late, and its partition was owned for {owned_ms:,} ms of that"
            violations, first = violations + 1, first or f"{name}: {late}"
        else:
            excused += 1
            longest_ms = max(longest_ms, released_ms - due_ms - owned_ms)
    note = (
        f"{excused:,} {'expiry' if excused == 1 else 'expiries'} came later,"
        f" while nobody owned the partition for {'up to ' if excused > 1 else ''}{longest_ms / 1000:,.1f} seconds"
    )
    return Weighed(violations, first, note if excused else "")


def _owned(connection: psycopg.Connection) -> dict[int, list[Span]]:
    """Spans of time in which each partition was owned, in order; touching spans are merged."""
    owned: dict[int, list[Span]] = {}
    for partition, begin, end in connection.execute(_SPANS, (INT64_MAX,)):
        spans = owned.setdefault(partition, [])
        if spans and begin <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((begin, end))
    return owned


def _overlap(spans: list[Span], begin: int, end: int) -> int:
    """Time from `begin` to `end` that lies within the spans, ms."""
    total = 0
    for n in range(max(0, bisect_right(spans, (begin, INT64_MAX)) - 1), len(spans)):
        if spans[n][0] >= end:
            break
        total += max(0, min(end, spans[n][1]) - max(begin, spans[n][0]))
    return total


# A current ownership has no end yet. If its lease has expired, it ended then, unless its owner renews it.
_SPANS = """
    SELECT partition, (extract(epoch FROM owned_from) * 1000)::bigint AS owned_from,
        (extract(epoch FROM owned_until) * 1000)::bigint AS owned_until
    FROM ownership_spans WHERE consumer_group = 'transactions'
    UNION ALL
    SELECT partition, (extract(epoch FROM owned_from) * 1000)::bigint,
        CASE WHEN lease_until > clock_timestamp() THEN %s ELSE (extract(epoch FROM lease_until) * 1000)::bigint END
    FROM partitions WHERE consumer_group = 'transactions' AND owned_from IS NOT NULL
    ORDER BY 1, 2"""

PASSES = (OWNERSHIPS,)
