"""A replica's membership in a consumer group: when it ticks, and in which order it gives and takes partitions.

Every owner of a log shares this loop. What a group does with a partition is its `Owner`; which partitions a tick gives
and takes is decided in partitions.py. Nothing of what a partition means may be in here.
"""

import time
from collections.abc import Mapping, Sequence

import psycopg
import structlog

from database import postgres
from ownership import partitions
from ownership.partitions import LEASE_MS, TICK_MS, Ownership

log = structlog.get_logger()


class Owner:
    """What a group does with its partitions. A hook that a group does not need does nothing.

    `Member.tick` calls the hooks in the order in which they are written here. A hook that raises ends the session.
    """

    def before_release(self, surplus: frozenset[int]) -> None:
        """Finishes what must be finished before another replica may own these: they are still this replica's."""

    def ended(self, lost: frozenset[int], released: frozenset[int]) -> None:
        """Drops the state of partitions that are not this replica's any more. Not called where there are none.

        `lost`: another replica may own them already. `released`: let go a moment ago.
        """

    def renewed(self, began: float) -> None:
        """Notes that all leases were renewed. `began`: `time.monotonic()` before that; leases count from no earlier."""

    def gained(self, ownerships: Sequence[Ownership]) -> None:
        """Begins to work on these partitions. Not called where there are none."""


class Member:
    """One replica in one group, for one session. Every method raises StoreError, and what the owner's hooks raise.

    `keeps_surplus`: it keeps what it owns for as long as it lives, even where that is due to another replica.
    `standby_ms`: pause between two ticks, at most, while it owns nothing.
    """

    def __init__(
        self,
        database: psycopg.Connection,
        group: str,
        replica: str,
        owner: Owner,
        *,
        lease_ms: int = LEASE_MS,
        keeps_surplus: bool = False,
        standby_ms: int = TICK_MS,
    ):
        self._database = database
        self._group, self._replica, self._owner = group, replica, owner
        self._lease_ms, self._keeps_surplus, self._standby_ms = lease_ms, keeps_surplus, standby_ms
        self._epochs: dict[int, int] = {}
        self._next_tick = 0.0

    @property
    def owned(self) -> Mapping[int, int]:
        """The partitions that are this replica's, each with the epoch of its ownership."""
        return self._epochs

    @property
    def seconds_to_tick(self) -> float:
        """Seconds until the next tick is due; negative where it is overdue."""
        return self._next_tick - time.monotonic()

    def tick(self) -> None:
        """Ticks if it is time to."""
        if self.seconds_to_tick <= 0:
            self.tick_now()

    def tick_now(self) -> None:
        """Shows life, renews leases, lets go of what is lost or due to others, begins with what is new."""
        began = time.monotonic()
        with postgres.translated():
            changes = partitions.tick(self._database, self._group, self._replica, self._epochs, self._lease_ms)
        surplus = frozenset() if self._keeps_surplus else changes.surplus
        if surplus:
            self._owner.before_release(surplus)
            with postgres.translated():
                partitions.release(self._database, self._group, {n: self._epochs[n] for n in surplus})
        for n in changes.lost | surplus:
            del self._epochs[n]
        self._epochs |= {ownership.partition: ownership.epoch for ownership in changes.gained}
        pause_ms = changes.pause_ms if self._epochs else min(self._standby_ms, changes.pause_ms)
        self._next_tick = began + pause_ms / 1_000
        if changes.lost or surplus:
            self._owner.ended(changes.lost, surplus)
        self._owner.renewed(began)
        if changes.gained:
            self._owner.gained(changes.gained)
        if changes.lost or surplus or changes.gained:
            log.info("partitions changed", group=self._group, owned=sorted(self._epochs), lost=sorted(changes.lost))

    def release_all(self) -> None:
        """Lets everything go, but is still counted among the live: it is about to come back."""
        with postgres.translated():
            partitions.release(self._database, self._group, self._epochs)
        self._epochs.clear()

    def leave(self) -> None:
        """Hands everything over, so that nobody has to wait for a lease, and is not counted among the live any more."""
        self._owner.before_release(frozenset(self._epochs))
        with postgres.translated():
            partitions.leave(self._database, self._group, self._replica, self._epochs)
        self._epochs.clear()
