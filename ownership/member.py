"""Membership of a replica in a consumer group: when it ticks, and in which order it releases and claims partitions.

In a tick a replica sends a heartbeat, renews its leases, and releases and claims partitions. All groups share this
loop. A group's `Owner` says what to do with a partition; partitions.py decides which partitions a tick releases and
claims. Nothing in here may depend on what a group's partitions contain.
"""

import time
from collections.abc import Mapping, Sequence

import psycopg
import structlog

from database import postgres
from ownership import counting, partitions
from ownership.partitions import LEASE_MS, TICK_MS, Ownership
from runtime.vitals import VITALS

log = structlog.get_logger()


class Owner:
    """Hooks in which a group works on its partitions. They do nothing unless the group overrides them.

    `Member.tick` calls the hooks in the order in which they are written here. A hook that raises ends the session.
    """

    def before_release(self, surplus: frozenset[int]) -> None:
        """Finishes what must end before another replica owns these partitions. This replica still owns them."""

    def ended(self, lost: frozenset[int], released: frozenset[int]) -> None:
        """Drops the state of partitions that this replica no longer owns. Called only if there are any.

        `lost`: another replica may own them already. `released`: this replica has just released them.
        """

    def renewed(self, began: float) -> None:
        """Notes that all leases were renewed. `began`: `time.monotonic()` just before; no lease began earlier."""

    def gained(self, ownerships: Sequence[Ownership]) -> None:
        """Begins to work on these partitions. Called only if there are any."""


class Member:
    """One replica in one group, for one session. Every method raises StoreError, and what the owner's hooks raise.

    `keeps_surplus`: the replica keeps what it owns for as long as it lives, even if another replica is due to own it.
    `standby_ms`: longest pause between two ticks while the replica owns nothing.
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
        counting.OWNED.labels(group).set(0)

    @property
    def owned(self) -> Mapping[int, int]:
        """Partitions that this replica owns, each with the epoch of its ownership."""
        return self._epochs

    @property
    def seconds_to_tick(self) -> float:
        """Seconds until the next tick is due; negative if it is overdue."""
        return self._next_tick - time.monotonic()

    def tick(self) -> None:
        """Ticks if a tick is due. Call it in every turn of the main loop."""
        VITALS.turned()
        if self.seconds_to_tick <= 0:
            self.tick_now()

    def tick_now(self) -> None:
        """Sends a heartbeat, renews leases, ends lost and surplus ownerships, and begins with gained ones."""
        began = time.monotonic()
        with postgres.translated():
            changes = partitions.tick(self._database, self._group, self._replica, self._epochs, self._lease_ms)
        VITALS.database_answered()
        surplus = frozenset() if self._keeps_surplus else changes.surplus
        if surplus:
            self._owner.before_release(surplus)
            with postgres.translated():
                partitions.release(self._database, self._group, {n: self._epochs[n] for n in surplus})
        for n in changes.lost | surplus:
            del self._epochs[n]
        self._epochs |= {ownership.partition: ownership.epoch for ownership in changes.gained}
        counting.OWNED.labels(self._group).set(len(self._epochs))
        counting.TAKEOVERS.labels(self._group).inc(len(changes.gained))
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
        """Releases all partitions. The replica still counts as live, because it is about to come back."""
        with postgres.translated():
            partitions.release(self._database, self._group, self._epochs)
        self._epochs.clear()

    def leave(self) -> None:
        """Releases all partitions, so that no successor waits for a lease, and stops counting as a live replica."""
        self._owner.before_release(frozenset(self._epochs))
        with postgres.translated():
            partitions.leave(self._database, self._group, self._replica, self._epochs)
        self._epochs.clear()
