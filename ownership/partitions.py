"""Ownership of partitions: replicas' heartbeats, even shares, leases, and the epoch that fences late owners.

Serves every consumer group alike. All times here are by the database's clock. Nothing in here may depend on what a
group's partitions contain.

The statement that ends an ownership also records its span in `ownership_spans`; renewing a lease records nothing. A
span ends
- now, if the owner releases the partition;
- at the end of the lease, if the owner comes back after that (it hung, or the machine slept): a new span begins then;
- at the last renewal, if the owner never comes back. It died or hung between that and the end of its lease.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg

from database.postgres import only_row
from schema.errors import Fenced

LEASE_MS = 3_000
"""Milliseconds after which the lease of an owner that died or hangs expires; recovery must take 5 s at most. A group
may choose another length, the same for all its replicas."""

TICK_MS = 500
"""Milliseconds from one tick to the next. In a tick a replica sends a heartbeat, claims and releases partitions."""

SOON_MS = 50
"""Milliseconds between ticks while a dead replica's lease has not expired yet; then a takeover follows at once."""


@dataclass
class Ownership:
    """Ownership of one partition by a replica, with its place in the log at the last commit. `epoch` is its number."""

    partition: int
    epoch: int
    next_offset: int
    high_offset: int
    audit_number: int
    clock_ms: int
    taken_ms: int
    """Latest publishing time of the messages taken; the groups that take no commands leave it at 0."""


@dataclass(frozen=True)
class OwnershipChanges:
    """Changes that a tick brought. `lost`: the replica owns these no longer, and must drop their state at once.

    `surplus`: the replica still owns these, and has to drain and release them. `pause_ms`: time until the next tick.
    """

    lost: frozenset[int]
    surplus: frozenset[int]
    gained: tuple[Ownership, ...]
    pause_ms: int


def tick(
    connection: psycopg.Connection, group: str, replica: str, owned: Mapping[int, int], lease_ms: int = LEASE_MS
) -> OwnershipChanges:
    """Sends a heartbeat, renews the leases of `owned` (partition → epoch), and claims free partitions. One transaction.

    The replica claims only partitions that are due to it. The partitions go to the live replicas in rotation, so their
    shares differ by at most one.
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
    else:  # tick again when the first heartbeat would expire: a live replica renews its own long before that
        others_ms = [ms for other, ms in living_ms.items() if other != replica]
        pause_ms = max(SOON_MS, min([TICK_MS, *others_ms]))
    return OwnershipChanges(frozenset(owned.keys() - kept), frozenset(kept - due), gained, pause_ms)


def _renew(cursor: psycopg.Cursor, group: str, owned: Mapping[int, int], lease_ms: int) -> set[int]:
    cursor.execute(_RENEW, (lease_ms, list(owned), list(owned.values()), group))
    return {partition for (partition,) in cursor}


def _resume(cursor: psycopg.Cursor, group: str, owned: Mapping[int, int], lease_ms: int) -> None:
    """Begins expired leases anew if nobody has taken over. In between, nobody owned these partitions."""
    cursor.execute(_RESUME, (list(owned), list(owned.values()), group, 0, lease_ms))


def _claim(cursor: psycopg.Cursor, group: str, replica: str, free: set[int], lease_ms: int) -> tuple[Ownership, ...]:
    if not free:
        return ()
    cursor.execute(_FORGET_DEAD, (group,))
    cursor.execute(_CLAIM, (group, list(free), lease_ms, replica, lease_ms, replica, lease_ms, group))
    gained = tuple(Ownership(*row) for row in cursor)
    locked = free - {ownership.partition for ownership in gained}
    if locked:
        # The lock is another replica's claim, or the owner's unfinished transaction. No timeout of Postgres ends an
        # owner that hangs inside a COPY: it would keep the partition as long as it hangs.
        cursor.execute(_END_HANGING, (group, list(locked), lease_ms))
    return gained


def anyone_worked(connection: psycopg.Connection) -> bool:
    """Whether a replica of any group has ever owned a partition. If not, nothing has run on this database."""
    with connection.transaction():
        worked: bool = only_row(connection.execute("SELECT EXISTS (SELECT FROM partitions WHERE epoch > 0)"))[0]
        return worked


def next_offsets(connection: psycopg.Connection, group: str) -> dict[int, int]:
    """Offset that is to be read next from each partition's log, by partition."""
    with connection.transaction():
        return dict(connection.execute(_NEXT_OFFSETS, (group,)).fetchall())


def fence(cursor: psycopg.Cursor, group: str, ownerships: Iterable[Ownership], lease_ms: int = LEASE_MS) -> None:
    """Stores each partition's place in the log, and fails if an epoch is no longer current.

    The first statement of every batch. Raises Fenced: the caller must then roll its transaction back, and drop
    all state of these partitions.
    """
    rows = [
        (o.partition, o.epoch, o.next_offset, o.high_offset, o.audit_number, o.clock_ms, o.taken_ms) for o in ownerships
    ]
    values = (lease_ms, *map(list, zip(*rows, strict=True)), group)
    cursor.execute(_ADVANCE, values)
    if cursor.rowcount != len(rows):
        _resume(cursor, group, {partition: epoch for partition, epoch, *_ in rows}, lease_ms)
        cursor.execute(_ADVANCE, values)
    if cursor.rowcount != len(rows):
        raise Fenced(f"{len(rows) - cursor.rowcount} of {len(rows)} partitions of {group} have another owner")


def succeed(connection: psycopg.Connection, replica_prefix: str, replica: str, lease_ms: int = LEASE_MS) -> None:
    """Releases what earlier processes with this `REPLICA` on this host owned, in every group, and counts them as dead.

    `replica_prefix`: the beginning of their names (`Settings.replica_prefix`). The supervisor starts a process only
    after the previous one is dead, so nobody has to wait until that one's leases expire. If it were alive after all,
    its next commit would be refused. `lease_ms`: length of its leases.
    """
    if replica_prefix:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(_SUCCEED, (replica_prefix, replica, lease_ms))


def release(connection: psycopg.Connection, group: str, owned: Mapping[int, int]) -> None:
    """Releases partitions, so that their next owner need not wait for a lease to expire."""
    with connection.transaction(), connection.cursor() as cursor:
        _release(cursor, group, owned)


def leave(connection: psycopg.Connection, group: str, replica: str, owned: Mapping[int, int]) -> None:
    """Releases all partitions and removes the replica from the live ones."""
    with connection.transaction(), connection.cursor() as cursor:
        _release(cursor, group, owned)
        cursor.execute("DELETE FROM replicas WHERE consumer_group = %s AND replica = %s", (group, replica))


def _release(cursor: psycopg.Cursor, group: str, owned: Mapping[int, int]) -> None:
    cursor.execute(_RELEASE, (list(owned), list(owned.values()), group, 0))


_NEXT_OFFSETS = "SELECT partition, next_offset FROM partitions WHERE consumer_group = %s"

_SHOW_LIFE = """
    INSERT INTO replicas (consumer_group, replica, live_until)
    VALUES (%s, %s, clock_timestamp() + %s * interval '1 ms')
    ON CONFLICT (consumer_group, replica) DO UPDATE SET live_until = excluded.live_until"""

# No two processes have the same name, so without this each restart would leave a row for good.
_FORGET_DEAD = """
    DELETE FROM replicas WHERE consumer_group = %s AND live_until < clock_timestamp() - interval '10 min'"""

_RENEW = """
    UPDATE partitions p SET lease_until = clock_timestamp() + %s * interval '1 ms'
    FROM unnest(%s::smallint[], %s::bigint[]) AS mine(partition, epoch)
    WHERE p.consumer_group = %s AND p.partition = mine.partition AND p.epoch = mine.epoch
      AND p.lease_until >= clock_timestamp()
    RETURNING p.partition"""

# Records the spans of the partitions in `ending`. A span ends the given number of ms before its lease does, but never
# in the future: if the database's clock was set back, a lease may begin and end long after now. A row without an owner
# is left out: an earlier version of this project released the partition, and recorded no span.
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

# A time more than one lease ahead was written before the database's clock was set back, so it does not count.
_RUNS = "BETWEEN clock_timestamp() AND clock_timestamp() + %s * interval '1 ms'"

_LIVE = f"""
    SELECT replica, (extract(epoch FROM live_until - clock_timestamp()) * 1000)::bigint
    FROM replicas WHERE consumer_group = %s AND (live_until {_RUNS} OR replica = %s)
    ORDER BY replica"""

# A replica may claim at once what it owned in an earlier session that broke: no other replica has its name, and the
# new epoch fences anything that session left running.
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

# Skips rows that a running transaction has locked: the next tick tries them again.
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
    RETURNING p.partition, p.epoch, p.next_offset, p.high_offset, p.audit_number, p.clock_ms, p.taken_ms"""

# The `application_name` of a session is its replica's name (`ownership.process.run_sessions`). All replicas of a group
# log in as one role, and Postgres lets every role end its own sessions. The sessions of other roles are left out: any
# role may give its sessions any name, and the attempt to end another role's would fail.
_END_HANGING = f"""
    SELECT pg_terminate_backend(a.pid) FROM partitions p JOIN pg_stat_activity a ON a.application_name = p.owner
    WHERE p.consumer_group = %s AND p.partition = ANY(%s::smallint[]) AND p.lease_until NOT {_RUNS}
      AND a.datname = current_database() AND a.usename = session_user AND a.pid <> pg_backend_pid()"""

_ADVANCE = """
    UPDATE partitions p
    SET next_offset = v.next_offset, high_offset = v.high_offset, audit_number = v.audit_number, clock_ms = v.clock_ms,
        taken_ms = v.taken_ms, lease_until = clock_timestamp() + %s * interval '1 ms'
    FROM unnest(%s::smallint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
        AS v(partition, epoch, next_offset, high_offset, audit_number, clock_ms, taken_ms)
    WHERE p.consumer_group = %s AND p.partition = v.partition AND p.epoch = v.epoch
      AND p.lease_until >= clock_timestamp()"""

_RELEASE = f"""
    WITH ending AS ({_MINE} FOR UPDATE OF p), recorded AS ({_RECORD})
    {_SET_FREE}"""
