"""Ownership on a real Postgres: what a process that is started again takes over at once, and from whom it may not."""

import psycopg
import pytest

from consumers import partitions
from schema.database import connect
from schema.errors import Fenced

GROUP = "transactions"
HOUR_MS = 3_600_000
"""A lease that does not run out within a test."""


@pytest.fixture
def database(database_url: str):
    with connect(database_url, "test") as connection:
        yield connection


def tick(database: psycopg.Connection, replica: str, owned: dict[int, int]) -> partitions.Changes:
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
    assert tick(database, owner, owned) == partitions.Changes(frozenset(), frozenset(), (), partitions.TICK_MS)


def test_times_from_before_the_clock_was_set_back_hold_nobody_up(database) -> None:
    """A lease that runs longer than leases do, and a replica that lives longer than a sign of life makes it live."""
    before = partitions.tick(database, GROUP, "dead@host#a", {}, 2 * HOUR_MS).gained
    after = tick(database, "live@host#b", {}).gained
    assert {one.partition for one in after} == {one.partition for one in before} != set()


def test_who_waits_for_what_a_dead_replica_held_looks_again_soon(database) -> None:
    """Its lease may last longer than its life: each commit renews it. What a living one holds may take its time."""
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
