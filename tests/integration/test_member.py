"""The loop that all owners of logs share, on a real Postgres: which hook is called when, and who then owns what."""

from collections.abc import Sequence

import psycopg
import pytest

from database.postgres import connect
from ownership import partitions
from ownership.member import Member, Owner
from ownership.partitions import Ownership
from schema.commands import PARTITIONS
from schema.errors import Fenced

GROUP = "transactions"
ALL = frozenset(range(PARTITIONS))
HOUR_MS = 3_600_000
"""A lease that does not expire within a test."""


class Recorder(Owner):
    """Records each call, and the owners in the database at that time."""

    def __init__(self, database: psycopg.Connection):
        self._database = database
        self.calls: list[tuple] = []

    def before_release(self, surplus: frozenset[int]) -> None:
        self.calls.append(("before release", surplus, owned_by(self._database, "a") >= surplus))

    def ended(self, lost: frozenset[int], released: frozenset[int]) -> None:
        self.calls.append(("ended", lost, released, owned_by(self._database, "a") & (lost | released)))

    def renewed(self, began: float) -> None:
        self.calls.append(("renewed",))

    def gained(self, ownerships: Sequence[Ownership]) -> None:
        self.calls.append(("gained", {one.partition for one in ownerships}))

    def take_calls(self) -> list[tuple]:
        calls, self.calls = self.calls, []
        return calls


@pytest.fixture
def database(database_url: str):
    with connect(database_url, "test") as connection:
        yield connection


@pytest.fixture
def owner(database) -> Recorder:
    return Recorder(database)


@pytest.fixture
def member(database, owner) -> Member:
    member = Member(database, GROUP, "a", owner, lease_ms=HOUR_MS)
    member.tick()
    assert owner.take_calls() == [("renewed",), ("gained", ALL)]
    return member


def owned_by(database: psycopg.Connection, replica: str) -> frozenset[int]:
    with database.transaction():
        rows = database.execute(
            "SELECT partition FROM partitions WHERE consumer_group = %s AND owner = %s", (GROUP, replica)
        )
        return frozenset(partition for (partition,) in rows)


def other_ticks(database: psycopg.Connection) -> tuple[Ownership, ...]:
    return partitions.tick(database, GROUP, "b", {}, HOUR_MS).gained


def other_seizes(database: psycopg.Connection, partition: int) -> None:
    with database.transaction():
        database.execute(
            "UPDATE partitions SET owner = 'b', epoch = epoch + 1 WHERE consumer_group = %s AND partition = %s",
            (GROUP, partition),
        )


def test_surplus_partitions_are_finished_then_released_then_dropped(member, owner, database) -> None:
    other_ticks(database)
    member.tick_now()
    due = ALL - member.owned.keys()
    assert len(due) == PARTITIONS // 2
    assert owner.take_calls() == [
        ("before release", due, True),
        ("ended", frozenset(), due, frozenset()),
        ("renewed",),
    ]
    assert {one.partition for one in other_ticks(database)} == due


def test_lost_partitions_are_dropped_and_the_others_continue(member, owner, database) -> None:
    other_seizes(database, 3)
    member.tick_now()
    assert owner.take_calls() == [("ended", {3}, frozenset(), frozenset()), ("renewed",)]
    assert member.owned.keys() == ALL - {3}


def test_an_owner_that_refuses_a_loss_never_hears_that_its_leases_were_renewed(member, owner, database) -> None:
    """The quote cache sends paid requests only while its own renewal of the lease is recent."""

    def ended(lost: frozenset[int], released: frozenset[int]) -> None:
        raise Fenced("another owner")

    owner.ended = ended
    other_seizes(database, 3)
    with pytest.raises(Fenced):
        member.tick_now()
    assert owner.take_calls() == []


def test_an_owner_that_keeps_its_surplus_releases_nothing_while_it_lives(database, owner) -> None:
    member = Member(database, GROUP, "a", owner, lease_ms=HOUR_MS, keeps_surplus=True)
    member.tick()
    other_ticks(database)
    owner.take_calls()
    member.tick_now()
    assert owner.take_calls() == [("renewed",)]
    assert (member.owned.keys(), other_ticks(database)) == (ALL, ())


def test_a_member_without_partitions_ticks_more_often(member, database) -> None:
    standby = Member(database, GROUP, "b", Owner(), lease_ms=HOUR_MS, standby_ms=1)
    assert standby.seconds_to_tick < 0, "the first tick is due at once"
    standby.tick()
    assert (dict(standby.owned), standby.seconds_to_tick <= 0.001) == ({}, True)
    member.tick_now()
    assert member.seconds_to_tick > 0.001


def test_a_leaving_member_finishes_all_and_delays_no_other(member, owner, database) -> None:
    member.leave()
    assert owner.take_calls() == [("before release", ALL, True)]
    assert dict(member.owned) == {}
    assert {one.partition for one in other_ticks(database)} == ALL, "it is not counted among the live"
