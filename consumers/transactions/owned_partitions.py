"""Partitions that a worker owns: it takes them over in small steps, works on them, and releases them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg

from consumers.transactions import store
from consumers.transactions.account import Account
from consumers.transactions.intake import Intake
from consumers.transactions.partition_state import PartitionState
from consumers.transactions.progress import Progress
from consumers.transactions.scheduler import Scheduler
from consumers.transactions.turn import PREFETCH_MESSAGES, ActivePartition
from ownership import outbox, partitions
from ownership.clock import Clock
from ownership.member import Member, Owner
from ownership.partitions import Ownership
from rabbitmq.connection import Connection
from rabbitmq.lengths import check_reach
from rabbitmq.publisher import Publisher
from rabbitmq.stream_consumer import StreamConsumer
from rabbitmq.topology import command_stream
from schema.commands import partition_of

USERS_PER_TURN = 2_000
"""Users that one step of a takeover loads, in some 50 ms. Leases and other partitions' commands wait no longer."""


class OwnedPartition(ActivePartition):
    """Partition that this worker owns and works on, with its ownership and the stream consumer that feeds it."""

    def __init__(self, ownership: Ownership, doubtful_until: int):
        progress = Progress(ownership.next_offset, ownership.high_offset, ownership.taken_ms)
        super().__init__(
            Intake(ownership.partition, max(ownership.high_offset, doubtful_until)),
            PartitionState(ownership.partition, progress),
        )
        self.ownership = ownership
        self.consumer: StreamConsumer | None = None

    @property
    def moved(self) -> bool:
        """Whether more of the log is done than the database has stored."""
        return self.state.progress.next_offset != self.ownership.next_offset

    def close(self) -> None:
        self.state.owned = False
        if self.consumer is not None:
            self.consumer.close()


@dataclass
class _Takeover:
    """Partition that this worker owns but does not work on yet. `users`: those with pending orders, not yet loaded."""

    ownership: Ownership
    users: list[str]
    accounts: list[Account] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ServerConnections:
    """A worker's connections to its servers, and the publisher on the one to the broker."""

    broker: Connection
    database: psycopg.Connection
    publisher: Publisher


class OwnedPartitions(Owner):
    """The partitions of a worker. `held`: those it works on, by number. `member`: its membership in the group."""

    def __init__(
        self, servers: ServerConnections, scheduler: Scheduler, clock: Clock, replica: str, doubtful: dict[int, int]
    ):
        self._broker, self._database, self._publisher = servers.broker, servers.database, servers.publisher
        self._scheduler, self._clock = scheduler, clock
        self._doubtful = doubtful
        self._takeovers: dict[int, _Takeover] = {}
        self.held: dict[int, OwnedPartition] = {}
        self.member = Member(servers.database, store.GROUP, replica, self)

    @property
    def taking_over(self) -> bool:
        """Whether a takeover is under way, so that `take_over` has work to do."""
        return bool(self._takeovers)

    def before_release(self, surplus: frozenset[int]) -> None:
        """Waits until all messages are confirmed, so that the next owner repeats none."""
        self._publisher.flush()
        self._clear_outbox([self.held[n].ownership for n in surplus & self.held.keys()])

    def ended(self, lost: frozenset[int], released: frozenset[int]) -> None:
        """Drops all state of these partitions. The worker goes on with the others."""
        for partition in lost | released:
            if partition in self.held:
                self.held.pop(partition).close()
            else:
                del self._takeovers[partition]

    def gained(self, ownerships: Sequence[Ownership]) -> None:
        """Publishes what previous owners left in the outbox, before anything newer is in it. Begins the takeovers."""
        with self._database.transaction(), self._database.cursor() as cursor:
            left_over = outbox.left_over(cursor, store.GROUP, [o.partition for o in ownerships])
        for message in left_over:
            self._publisher.publish(message)
        self._publisher.flush()
        self._clear_outbox(ownerships)
        check_reach(self._broker, {command_stream(one.partition): one.next_offset for one in ownerships})
        takeovers = {ownership.partition: _Takeover(ownership, []) for ownership in ownerships}
        for user in store.users_with_pending(self._database):
            if (partition := partition_of(user)) in takeovers:
                takeovers[partition].users.append(user)
        for ownership in ownerships:
            self._clock.not_before(ownership.clock_ms)
        self._takeovers |= takeovers

    def take_over(self) -> None:
        """Does one step of the takeovers: loading all users with pending orders at once could outlast a lease."""
        if not self._takeovers:
            return
        n, takeover = next(iter(self._takeovers.items()))
        if takeover.users:
            takeover.accounts += store.load(self._database, takeover.users[-USERS_PER_TURN:])
            del takeover.users[-USERS_PER_TURN:]
        if takeover.users:
            return
        del self._takeovers[n]
        owned = self.held[n] = OwnedPartition(takeover.ownership, self._doubtful.pop(n, -1))
        self._scheduler.adopt(owned.state, takeover.accounts)
        owned.consumer = StreamConsumer(
            self._broker, command_stream(n), takeover.ownership.next_offset, PREFETCH_MESSAGES, owned.intake.put
        )

    def leave(self) -> None:
        """Releases all partitions, so that their next owners need not wait for a lease to expire."""
        self.member.leave()
        for owned in self.held.values():
            owned.close()

    def newest_offsets(self) -> dict[int, int]:
        """Newest offset that each partition's stream has delivered."""
        return {n: owned.intake.newest_offset for n, owned in self.held.items()}

    def _clear_outbox(self, ownerships: Sequence[Ownership]) -> None:
        # The broker has confirmed all of it, so no next owner, of whatever version of this program, has to repeat it.
        if ownerships:
            with self._database.transaction(), self._database.cursor() as cursor:
                partitions.fence(cursor, store.GROUP, ownerships)
                outbox.clear(cursor, store.GROUP, [ownership.partition for ownership in ownerships])
