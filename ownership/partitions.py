"""Ownership of partitions: replicas' heartbeats, even shares, leases, and the epoch that fences late owners.

Holds for every consumer group alike. All times here are the database's (design §2). Nothing of what a partition
means may be in here.

Whenever an ownership ends, its span is put on record in `ownership_spans`, in the statement that ends it; renewing a
lease writes none. A span goes
- up to now, where the owner lets the partition go;
- up to the end of the lease, where the owner comes back after that (it hung, or the machine slept): another one begins;
- up to the last renewal, where the owner never comes back. It died or hung between that and the end of its lease.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg

from runtime.faults import sabotaged
from schema.errors import Fenced

LEASE_MS = 3_000
"""A partition whose owner has died or hangs is free after this; recovery must take 5 s at most. A group may choose
another one, the same for all its replicas."""

TICK_MS = 500
"""How often a replica shows that it lives, and looks for what to take or to give."""

SOON_MS = 50
"""The same, while what a dead replica held is not free yet: a takeover should take hardly longer than the lease."""


_FENCE_OFF = sabotaged("fence")


@dataclass
class Ownership:
    """A replica's hold on one partition, at its last commit. `epoch` is the number of this ownership."""

    partition: int
    epoch: int
    position: int
    high: int
    audit_number: int
    clock_ms: int


@dataclass(frozen=True)
class Changes:
    """Changes that a tick brought: `lost` is no longer ours (drop it at once), `surplus` is ours to drain and release.

    `pause_ms`: the next tick is due after this.
    """

    lost: frozenset[int]
    surplus: frozenset[int]
    gained: tuple[Ownership, ...]
    pause_ms: int


def tick(
    connection: psycopg.Connection, group: str, replica: str, owned: Mapping[int, int], lease_ms: int = LEASE_MS
) -> Changes:
    """Shows life, renews the leases of `owned` (partition → epoch), takes what is free and due to this replica.

    One transaction. Partitions are dealt to the live replicas in turn, so shares differ by one at most.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SHOW_LIFE, (group, replica, lease_ms))
        kept = _renew(cursor, group, owned, lease_ms)
        if len(kept) < len(owned):
            _resume(cursor, group, owned, lease_ms)
            kept = _renew(cursor, group, owned, lease_ms)
        cursor.execute(_LIVE, (group, lease_ms, replica))
        living_ms: dict[str, int] = dict(cursor.fetchall())
        live = list(living_ms)
        rows = cursor.execute(_PARTITIONS, (lease_ms, replica, group)).fetchall()
        due = {partition for n, (partition, _, _) in enumerate(rows) if live[n % len(live)] == replica}
        free = {partition for partition, _, is_free in rows if is_free}
        gained = _claim(cursor, group, replica, (due - kept) & free, lease_ms)
    missing = due - kept - {ownership.partition for ownership in gained}
    if any(partition in missing and owner not in living_ms for partition, owner, _ in rows):
        pause_ms = SOON_MS
    else:  # who lives shows it long before; where somebody does not, when that is sure is when to look again
        others_ms = [ms for other, ms in living_ms.items() if other != replica]
        pause_ms = max(SOON_MS, min([TICK_MS, *others_ms]))
    return Changes(frozenset(owned.keys() - kept), frozenset(kept - due), gained, pause_ms)


def _renew(cursor: psycopg.Cursor, group: str, owned: Mapping[int, int], lease_ms: int) -> set[int]:
    cursor.execute(_RENEW, (lease_ms, list(owned), list(owned.values()), group))
    return {partition for (partition,) in cursor}


def _resume(cursor: psycopg.Cursor, group: str, owned: Mapping[int, int], lease_ms: int) -> None:
    """Leases that ran out, and that nobody has taken over, begin anew; what lies between was owned by nobody."""
    cursor.execute(_RESUME, (list(owned), list(owned.values()), group, 0, lease_ms))


def _claim(cursor: psycopg.Cursor, group: str, replica: str, free: set[int], lease_ms: int) -> tuple[Ownership, ...]:
    if not free:
        return ()
    cursor.execute(_FORGET_DEAD, (group,))
    cursor.execute(_CLAIM, (group, list(free), lease_ms, replica, lease_ms, replica, lease_ms, group))
    gained = tuple(Ownership(*row) for row in cursor)
    locked = free - {ownership.partition for ownership in gained}
    if locked:
        # By their owner's unfinished transaction, or another replica's claim. An owner that hangs inside a COPY is
        # bound by no timeout of Postgres: it would keep the partition as long as it hangs.
        cursor.execute(_END_HANGING, (group, list(locked), lease_ms))
    return gained


def fence(cursor: psycopg.Cursor, group: str, ownerships: Iterable[Ownership], lease_ms: int = LEASE_MS) -> None:
    """First statement of every batch: stores its place in the log, and fails where the epoch is not ours any more.

    Raises Fenced; the caller's transaction must then be rolled back and all state of these partitions dropped.
    """
    rows = [(o.partition, o.epoch, o.position, o.high, o.audit_number, o.clock_ms) for o in ownerships]
    values = (lease_ms, *map(list, zip(*rows, strict=True)), group)
    cursor.execute(_ADVANCE, values)
    if cursor.rowcount != len(rows):
        _resume(cursor, group, {partition: epoch for partition, epoch, *_ in rows}, lease_ms)
        cursor.execute(_ADVANCE, values)
    if cursor.rowcount != len(rows) and not _FENCE_OFF:
        raise Fenced(f"{len(rows) - cursor.rowcount} of {len(rows)} partitions of {group} have another owner")


def succeed(connection: psycopg.Connection, place: str, replica: str, lease_ms: int = LEASE_MS) -> None:
    """Frees what an earlier process in the same place (`Settings.place`) owned, in every group.

    Its supervisor starts a process only when the one before is dead, so nobody has to wait for that one's lease, and
    it is not counted among the live. Were it alive after all, it would be fenced. `lease_ms`: how long its leases were.
    """
    if place:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(_SUCCEED, (place, replica, lease_ms))


def release(connection: psycopg.Connection, group: str, owned: Mapping[int, int]) -> None:
    """Lets partitions go, so that their next owner need not wait for a lease to run out."""
    with connection.transaction(), connection.cursor() as cursor:
        _release(cursor, group, owned)


def leave(connection: psycopg.Connection, group: str, replica: str, owned: Mapping[int, int]) -> None:
    """Releases everything and stops being counted among the live replicas."""
    with connection.transaction(), connection.cursor() as cursor:
        _release(cursor, group, owned)
        cursor.execute("DELETE FROM replicas WHERE consumer_group = %s AND replica = %s", (group, replica))


def _release(cursor: psycopg.Cursor, group: str, owned: Mapping[int, int]) -> None:
    cursor.execute(_RELEASE, (list(owned), list(owned.values()), group, 0))


_SHOW_LIFE = """
    INSERT INTO replicas (consumer_group, replica, live_until)
    VALUES (%s, %s, clock_timestamp() + %s * interval '1 ms')
    ON CONFLICT (consumer_group, replica) DO UPDATE SET live_until = excluded.live_until"""

# Names are never used twice; without this, each restart would leave a row for good.
_FORGET_DEAD = """
    DELETE FROM replicas WHERE consumer_group = %s AND live_until < clock_timestamp() - interval '10 min'"""

_RENEW = """
    UPDATE partitions p SET lease_until = clock_timestamp() + %s * interval '1 ms'
    FROM unnest(%s::smallint[], %s::bigint[]) AS mine(partition, epoch)
    WHERE p.consumer_group = %s AND p.partition = mine.partition AND p.epoch = mine.epoch
      AND p.lease_until >= clock_timestamp()
    RETURNING p.partition"""

# Puts the spans of the partitions in `ending` on record. They end so many ms before their leases do, and not in time
# to come: where the database's clock was set back, a lease may end long after now, and begin so. An owner of an earlier
# version of this project let go without a word of its span: then there is nobody to put on record.
_RECORD = """
    INSERT INTO ownership_spans (consumer_group, partition, epoch, owner, owned_from, owned_until)
    SELECT consumer_group, partition, epoch, owner, owned_from,
        greatest(owned_from, least(clock_timestamp(), lease_until - %s * interval '1 ms'))
    FROM ending WHERE owned_from IS NOT NULL AND owner IS NOT NULL"""

_MINE = """
    SELECT p.* FROM partitions p
    JOIN unnest(%s::smallint[], %s::bigint[]) AS mine(partition, epoch)
        ON p.partition = mine.partition AND p.epoch = mine.epoch
    WHERE p.consumer_group = %s"""

_RESUME = f"""
    WITH ending AS ({_MINE} AND p.lease_until < clock_timestamp() FOR UPDATE OF p), recorded AS ({_RECORD})
    UPDATE partitions p
    SET owned_from = clock_timestamp(), lease_until = clock_timestamp() + %s * interval '1 ms'
    FROM ending WHERE p.consumer_group = ending.consumer_group AND p.partition = ending.partition"""

# A time further ahead than a lease is long was written before the database's clock was set back.
_RUNS = "BETWEEN clock_timestamp() AND clock_timestamp() + %s * interval '1 ms'"

_LIVE = f"""
    SELECT replica, (extract(epoch FROM live_until - clock_timestamp()) * 1000)::bigint
    FROM replicas WHERE consumer_group = %s AND (live_until {_RUNS} OR replica = %s)
    ORDER BY replica"""

# What this replica owned in a session that broke it may take at once: its name is nobody else's, and the new epoch
# fences whatever that session left behind.
_FREE = f"(owner IS NULL OR lease_until NOT {_RUNS} OR owner = %s)"

_PARTITIONS = f"""
    SELECT partition, owner, {_FREE} FROM partitions WHERE consumer_group = %s ORDER BY partition"""

_SET_FREE = """
    UPDATE partitions p SET owner = NULL, lease_until = NULL, owned_from = NULL
    FROM ending WHERE p.consumer_group = ending.consumer_group AND p.partition = ending.partition"""

_SUCCEED = f"""
    WITH gone AS (
        DELETE FROM replicas WHERE starts_with(replica, %s) AND replica <> %s RETURNING consumer_group, replica),
    ending AS (
        SELECT p.* FROM partitions p JOIN gone ON gone.consumer_group = p.consumer_group AND gone.replica = p.owner
        FOR UPDATE OF p SKIP LOCKED),
    recorded AS ({_RECORD})
    {_SET_FREE}"""

# Rows that are locked belong to somebody's running transaction: they are looked at again at the next tick.
_CLAIM = f"""
    WITH ending AS (
        SELECT * FROM partitions
        WHERE consumer_group = %s AND partition = ANY(%s::smallint[])
          AND {_FREE}
        FOR UPDATE SKIP LOCKED),
    recorded AS ({_RECORD})
    UPDATE partitions p
    SET owner = %s, epoch = p.epoch + 1, owned_from = clock_timestamp(),
        lease_until = clock_timestamp() + %s * interval '1 ms'
    FROM ending WHERE p.consumer_group = %s AND p.partition = ending.partition
    RETURNING p.partition, p.epoch, p.position, p.high, p.audit_number, p.clock_ms"""

# Sessions call themselves by their replica's name (`database.postgres.connect`).
_END_HANGING = f"""
    SELECT pg_terminate_backend(a.pid) FROM partitions p JOIN pg_stat_activity a ON a.application_name = p.owner
    WHERE p.consumer_group = %s AND p.partition = ANY(%s::smallint[]) AND p.lease_until NOT {_RUNS}
      AND a.datname = current_database() AND a.pid <> pg_backend_pid()"""

_ADVANCE = """
    UPDATE partitions p
    SET position = v.position, high = v.high, audit_number = v.audit_number, clock_ms = v.clock_ms,
        lease_until = clock_timestamp() + %s * interval '1 ms'
    FROM unnest(%s::smallint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
        AS v(partition, epoch, position, high, audit_number, clock_ms)
    WHERE p.consumer_group = %s AND p.partition = v.partition AND p.epoch = v.epoch
      AND p.lease_until >= clock_timestamp()"""

_RELEASE = f"""
    WITH ending AS ({_MINE} FOR UPDATE OF p), recorded AS ({_RECORD})
    {_SET_FREE}"""
