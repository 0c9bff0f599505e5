"""Ownership on a real Postgres: who takes over what and when, and the record of every ownership."""

import psycopg
import pytest

from database.postgres import connect
from ownership import partitions
from schema.errors import Fenced

GROUP = "transactions"
HOUR_MS = 3_600_000
"""A lease that does not expire within a test."""


@pytest.fixture
def database(database_url: str):
    with connect(database_url, "test") as connection:
        yield connection


def tick(database: psycopg.Connection, replica: str, owned: dict[int, int]) -> partitions.OwnershipChanges:
    return partitions.tick(database, GROUP, replica, owned, HOUR_MS)


def test_a_successor_need_not_wait_for_the_lease_of_its_place(database) -> None:
    before = tick(database, "worker-1@host#a", {}).gained
    assert tick(database, "worker-1@host#b", {}).gained == (), "it is not free"
    partitions.succeed(database, "worker-1@host#", "worker-1@host#b")
    after = tick(database, "worker-1@host#b", {}).gained
    assert {one.partition for one in after} == {one.partition for one in before} != set()
    with pytest.raises(Fenced), database.transaction(), database.cursor() as cursor:
        partitions.fence(cursor, GROUP, before, HOUR_MS)
    assert tick(database, "worker-1@host#b", {one.partition: one.epoch for one in after}).surplus == frozenset()


@pytest.mark.parametrize("owner", ["worker-11@host#a", "worker-1@host2#a", "worker-1@host#b"])
def test_others_and_itself_lose_nothing(database, owner: str) -> None:
    owned = {one.partition: one.epoch for one in tick(database, owner, {}).gained}
    partitions.succeed(database, "worker-1@host#", "worker-1@host#b")
    partitions.succeed(database, "", "worker-1@host#b")
    assert tick(database, owner, owned) == partitions.OwnershipChanges(frozenset(), frozenset(), (), partitions.TICK_MS)


def test_times_from_before_the_clock_was_set_back_delay_no_takeover(database) -> None:
    """The old times end far in the future: a lease, and the time until which a replica counts as live."""
    before = partitions.tick(database, GROUP, "dead@host#a", {}, 2 * HOUR_MS).gained
    after = tick(database, "live@host#b", {}).gained
    assert {one.partition for one in after} == {one.partition for one in before} != set()


def test_a_worker_that_waits_for_a_dead_replicas_partitions_ticks_soon(database) -> None:
    """Each commit renews a lease, so it may outlive its owner. The partitions of a live owner may take longer."""
    owned = {one.partition: one.epoch for one in tick(database, "a", {}).gained}
    assert tick(database, "b", {}).pause_ms == partitions.TICK_MS, "it will be let go"
    with database.transaction():
        database.execute("UPDATE replicas SET live_until = clock_timestamp() - interval '1 s' WHERE replica = 'a'")
    waiting = tick(database, "b", {})
    assert (waiting.gained, waiting.pause_ms) == ((), partitions.SOON_MS)
    partitions.release(database, GROUP, owned)
    taking = tick(database, "b", {})
    assert {one.partition for one in taking.gained} == owned.keys()
    assert taking.pause_ms == partitions.TICK_MS


def test_the_next_tick_is_when_another_may_be_found_dead(database, wait_for) -> None:
    owned = {one.partition: one.epoch for one in tick(database, "b", {}).gained}

    def pause_ms() -> int:
        partitions.tick(database, GROUP, "a", {}, partitions.TICK_MS - 1)
        return tick(database, "b", owned).pause_ms

    wait_for(lambda: partitions.SOON_MS < pause_ms() < partitions.TICK_MS, 10)


# The record of ownerships


@pytest.fixture
def spans(database):
    """Returns the spans of partition 0: epoch, owner, and seconds from now of beginning and end."""

    def look() -> list[tuple]:
        with database.transaction():
            return database.execute("""
                SELECT epoch, owner, extract(epoch FROM owned_from - clock_timestamp())::float,
                    extract(epoch FROM owned_until - clock_timestamp())::float
                FROM ownership_spans WHERE consumer_group = 'transactions' AND partition = 0 ORDER BY owned_from
            """).fetchall()

    return look


def about(epoch: int, owner: str, begin: int, end: int) -> tuple:
    """A span with these times. Each test's own time, on a busy machine more than half a second, counts as 0."""
    return (epoch, owner, pytest.approx(begin, abs=1.4), pytest.approx(end, abs=1.4))


def earlier(database: psycopg.Connection, seconds: int) -> None:
    """Moves the times of all present owners this many seconds into the past."""
    with database.transaction():
        database.execute(f"""
            UPDATE partitions SET owned_from = owned_from - interval '{seconds} s',
                lease_until = lease_until - interval '{seconds} s'""")
        database.execute(f"UPDATE replicas SET live_until = live_until - interval '{seconds} s'")


@pytest.fixture
def owned(database) -> dict[int, int]:
    """Partition → epoch of all partitions, which "a" took 100 s ago and kept by renewals until 40 s ago."""
    owned = {one.partition: one.epoch for one in partitions.tick(database, GROUP, "a", {}).gained}
    earlier(database, 60)
    with database.transaction():
        database.execute("UPDATE partitions SET lease_until = clock_timestamp() + interval '3 s' WHERE owner = 'a'")
    earlier(database, 40)
    return owned


def test_renewing_a_lease_puts_nothing_on_record(database, spans) -> None:
    gained = partitions.tick(database, GROUP, "a", {}).gained
    partitions.tick(database, GROUP, "a", {one.partition: one.epoch for one in gained})
    with database.transaction(), database.cursor() as cursor:
        partitions.fence(cursor, GROUP, gained)
    assert spans() == []


@pytest.mark.parametrize("let_go", ["release", "leave"])
def test_a_released_partition_was_owned_until_its_release(database, spans, let_go: str) -> None:
    owned = {one.partition: one.epoch for one in tick(database, "a", {}).gained}
    earlier(database, 100)
    if let_go == "release":
        partitions.release(database, GROUP, owned)
    else:
        partitions.leave(database, GROUP, "a", owned)
    assert spans() == [about(1, "a", -100, 0)]
    tick(database, "b", {})
    assert spans() == [about(1, "a", -100, 0)], "it began to own them now"


def test_a_dead_owner_owned_its_partitions_until_its_last_renewal(database, spans, owned) -> None:
    """Its lease excluded others for longer, but nobody could have done any work in that time."""
    partitions.tick(database, GROUP, "b", {})
    assert spans() == [about(1, "a", -100, -40)]


def test_a_replaced_process_owned_its_partitions_until_its_last_renewal(database, spans, owned) -> None:
    partitions.succeed(database, "a", "a#2")
    assert spans() == [about(1, "a", -100, -40)]


def test_a_successor_that_comes_at_once_ends_the_ownership_at_the_last_renewal_too(database, spans) -> None:
    partitions.tick(database, GROUP, "a", {})
    earlier(database, 2)
    partitions.succeed(database, "a", "a#2")
    assert spans() == [about(1, "a", -2, -2)]


@pytest.mark.parametrize("by", ["tick", "fence"])
def test_an_owner_that_returns_after_its_lease_owned_nothing_in_between(database, spans, owned, by: str) -> None:
    """The owner hung, or the machine slept, and no other worker existed to take the partitions over."""
    if by == "tick":
        assert partitions.tick(database, GROUP, "a", owned).lost == frozenset()
    else:
        ownerships = [partitions.Ownership(n, epoch, 0, -1, 0, 0, 0) for n, epoch in owned.items()]
        with database.transaction(), database.cursor() as cursor:
            partitions.fence(cursor, GROUP, ownerships)
    assert spans() == [about(1, "a", -100, -37)], "until the end of its lease"
    partitions.release(database, GROUP, owned)
    assert spans() == [about(1, "a", -100, -37), about(1, "a", 0, 0)]


def test_an_ownership_that_began_before_the_clock_was_set_back_ends_no_earlier_than_it_began(database, spans) -> None:
    owned = {one.partition: one.epoch for one in tick(database, "a", {}).gained}
    earlier(database, -100)
    partitions.release(database, GROUP, owned)
    assert spans() == [about(1, "a", 100, 100)]
