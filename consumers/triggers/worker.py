"""Trigger worker with one connection to each server: it receives changes and prices, and sends fills.

The worker stores nothing. It loads the book from the trigger orders in Postgres whenever it takes over a part of the
symbols. Fills go into the log of their user, where the account's owner decides on them. turn.py decides what happens in
a turn.
"""

from collections.abc import Callable, Iterator, Sequence

import psycopg
import structlog

from consumers.triggers import counting, store
from consumers.triggers.turn import TriggerTurns
from ownership.member import Member, Owner
from ownership.partitions import Ownership
from quotecache.client import Prices
from rabbitmq.connection import Connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import Subscription
from rabbitmq.topology import FILLS_EXCHANGE, TRIGGERS_EXCHANGE, command_stream, trigger_key
from runtime.faults import strike
from runtime.metrics import Sampling
from runtime.wall_clock import now_ms
from schema import codec
from schema.commands import COMMANDS_PER_MESSAGE_MAX, VERSION, Fill, FillBatch, partition_of
from schema.errors import DecodeError
from schema.events import TriggerChange

IDLE_SECONDS_MAX = 0.05

FILLS_PER_TURN_MAX = 10_000
"""Maximum fills per turn: some tenths of a second. A price that fills a million orders must not delay heartbeats."""

log = structlog.get_logger()


class _PartitionChanges:
    """Messages about one partition's orders since the worker gained it.

    Each ownership has a queue of its own. If a worker lost a partition and gained it again, a queue that lived on could
    still deliver what was published before the loss. The worker would then arm an order that has been cancelled since,
    and pay for its prices for ever.
    """

    def __init__(self, broker: Connection, partition: int):
        self._bodies: list[bytes] = []
        self._subscription = Subscription(broker, TRIGGERS_EXCHANGE, [trigger_key(partition)], self._bodies.append)

    def take_bodies(self) -> list[bytes]:
        """Removes and returns the bodies of the messages that have arrived."""
        bodies = self._bodies.copy()
        self._bodies.clear()  # in place: the subscription appends to this list
        return bodies

    def close(self) -> None:
        """Ends the subscription, with the messages that have not arrived."""
        self._subscription.close()


class TriggerWorker(Owner):
    """Trigger worker for one session: one BlockingConnection, one database connection, one thread.

    A partition here is a part of the symbols.
    """

    def __init__(self, broker: Connection, database: psycopg.Connection, replica: str):
        self._broker = broker
        self._database = database
        self._member = Member(database, store.GROUP, replica, self)
        self._publisher = Publisher(broker)
        self._prices = Prices(broker, self._publisher)
        self._turns = TriggerTurns(self._prices, FILLS_PER_TURN_MAX)
        self._subscriptions: dict[int, _PartitionChanges] = {}
        self._sampling = Sampling()
        self.fills_sent = 0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Works until `stopping`, then releases its partitions. Raises BrokerError, StoreError, psycopg.Error."""
        while not stopping():
            self.tick()
            self._broker.pump(self._patience())
            self.turn()
        self._member.leave()

    def turn(self) -> None:
        """Applies received changes and prices, and sends the fills that follow. Raises BrokerError, psycopg.Error."""
        now = now_ms()
        was_loading = self.loading
        fills = self._turns.run(self._news(), self._member.owned, now)
        if was_loading and not self.loading:
            log.info("trigger orders loaded", armed=self._turns.armed)
        self._send(fills, now)
        if self._sampling.is_due():
            counting.ARMED.set(self._turns.armed)

    def _news(self) -> Iterator[list[TriggerChange]]:
        for subscription in self._subscriptions.values():
            for body in subscription.take_bodies():
                try:
                    changes = codec.decode_triggers(body).changes
                except DecodeError as error:
                    log.warning("undecodable message of trigger order changes", error=str(error))
                    continue
                yield changes

    def tick(self) -> None:
        """Sends a heartbeat, and claims or releases partitions, if a tick is due."""
        self._member.tick()

    def before_release(self, surplus: frozenset[int]) -> None:
        """Waits until the broker has confirmed every fill that was sent."""
        self._publisher.flush()

    def ended(self, lost: frozenset[int], released: frozenset[int]) -> None:
        """Unsubscribes from these partitions, and drops their orders."""
        given_up = lost | released
        for n in given_up:
            self._subscriptions.pop(n).close()
        self._turns.drop(given_up)

    def gained(self, ownerships: Sequence[Ownership]) -> None:
        """Subscribes to changes at once. The existing orders are read page by page, in later turns."""
        for ownership in ownerships:
            # Subscribes before it reads, so that no change in between is missed. Versions tell which state is newer.
            self._subscriptions[ownership.partition] = _PartitionChanges(self._broker, ownership.partition)
            self._turns.load(store.armed(self._database, ownership.partition))

    @property
    def loading(self) -> bool:
        """Whether orders of gained partitions are still to be read."""
        return self._turns.loading

    def _patience(self) -> float:
        if self._turns.loading or self._turns.fills_due:
            return 0
        wait = min(IDLE_SECONDS_MAX, self._member.seconds_to_tick)
        refresh_ms = self._turns.next_refresh_ms
        if refresh_ms is not None:
            wait = min(wait, (refresh_ms - now_ms()) / 1000)
        return max(wait, 0)

    def _send(self, fills: list[Fill], now: int) -> None:
        if not fills:
            return
        strike("before-fill")
        by_partition: dict[int, list[Fill]] = {}
        for fill in fills:
            by_partition.setdefault(partition_of(fill.user), []).append(fill)
        for partition, of_partition in by_partition.items():
            for start in range(0, len(of_partition), COMMANDS_PER_MESSAGE_MAX):
                chunk = of_partition[start : start + COMMANDS_PER_MESSAGE_MAX]
                body = codec.encode(FillBatch(VERSION, now, chunk))
                self._publisher.publish(Outgoing(FILLS_EXCHANGE, command_stream(partition), body))
        self._publisher.flush()
        self.fills_sent += len(fills)
        counting.FIRES.inc(len(fills))
