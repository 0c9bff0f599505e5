"""A trigger worker's life with one connection to each server: hears changes and prices, sends fills.

Nothing of it is kept: the book is loaded from the trigger orders in Postgres whenever a share of the symbols is taken
over, and fills are commands in their user's log, where the account's owner judges them. What follows from what is
heard is watch.py's.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

import psycopg
import structlog

from consumers.triggers import store
from consumers.triggers.watch import Watch
from ownership.member import Member, Owner
from ownership.partitions import Ownership
from quotecache.client import Prices
from rabbitmq.connection import Connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import Subscription
from rabbitmq.topology import TRIGGERS_EXCHANGE, command_stream, trigger_key
from runtime.faults import strike
from runtime.wall_clock import now_ms
from schema import codec
from schema.commands import COMMANDS_PER_MESSAGE_MAX, VERSION, Fill, FillBatch, partition_of
from schema.errors import DecodeError
from schema.events import TriggerChange, trigger_partition_of

IDLE_SECONDS_MAX = 0.05

FILLS_PER_TURN_MAX = 10_000
"""Sent in some tenths of a second: a price that fills a million orders must not keep us from showing life."""

log = structlog.get_logger()


class Session(Owner):
    """One BlockingConnection, one database connection, one thread. A partition is a share of the symbols."""

    def __init__(self, broker: Connection, database: psycopg.Connection, replica: str):
        self._broker = broker
        self._database = database
        self._member = Member(database, store.GROUP, replica, self)
        self._publisher = Publisher(broker)
        self._prices = Prices(broker, self._publisher)
        self._watch = Watch(self._prices)
        self._loads: deque[Iterator[list[TriggerChange]]] = deque()
        self._bodies: list[bytes] = []
        self._changes = Subscription(broker, TRIGGERS_EXCHANGE, (), self._bodies.append)
        self.fills_sent = 0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Works until `stopping`, then hands over. Raises BrokerError, StoreError, psycopg.Error."""
        while not stopping():
            self.tick()
            self._broker.pump(self._patience())
            self.turn()
        self._member.leave()

    def turn(self) -> None:
        """Takes in what has come, and sends what follows from it. Raises BrokerError."""
        now = now_ms()
        self._prices.tick(now)
        self._load_page(now)
        for body in self._bodies:
            self._hear(body, now)
        self._bodies.clear()
        self._watch.hear_answers(self._prices.take_answers(), now)
        self._watch.refresh(now)
        self._send(self._watch.take_fills(FILLS_PER_TURN_MAX), now)

    def _hear(self, body: bytes, now: int) -> None:
        try:
            changes = codec.decode_triggers(body).changes
        except DecodeError as error:
            log.warning("news of trigger orders cannot be read", error=str(error))
            return
        self._watch.hear_changes(self._ours(changes), now)

    def tick(self) -> None:
        """Shows life, takes and gives symbols, if it is time to."""
        self._member.tick()

    def before_release(self, surplus: frozenset[int]) -> None:
        """Has every fill that was sent confirmed."""
        self._publisher.flush()

    def ended(self, lost: frozenset[int], released: frozenset[int]) -> None:
        """Hears no more of these symbols, and forgets their orders."""
        given_up = lost | released
        for n in given_up:
            self._changes.unbind(trigger_key(n))
        self._watch.drop(lambda symbol: trigger_partition_of(symbol) in given_up)

    def gained(self, ownerships: Sequence[Ownership]) -> None:
        """Listens for changes at once; the orders of before are read page by page."""
        for ownership in ownerships:
            # Bound first, read second: what changes in between is heard, and versions tell which is newer.
            self._changes.bind(trigger_key(ownership.partition))
            self._loads.append(store.armed(self._database, ownership.partition))

    @property
    def loading(self) -> bool:
        """Whether orders that were taken over are still to be read."""
        return bool(self._loads)

    def _load_page(self, now: int) -> None:
        """A page of what was taken over. A million orders take many turns, so that leases and prices do not wait."""
        if not self._loads:
            return
        page = next(self._loads[0], None)
        if page is not None:
            self._watch.hear_changes(self._ours(page), now)
            return
        self._loads.popleft()
        if not self._loads:
            log.info("trigger orders loaded", armed=self._watch.armed)

    def _ours(self, changes: list[TriggerChange]) -> list[TriggerChange]:
        owned = self._member.owned
        return [change for change in changes if trigger_partition_of(change.symbol) in owned]

    def _patience(self) -> float:
        if self._loads or self._watch.fills_due:
            return 0
        wait = min(IDLE_SECONDS_MAX, self._member.seconds_to_tick)
        refresh_ms = self._watch.next_refresh_ms
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
                self._publisher.publish(Outgoing("", command_stream(partition), body))
        self._publisher.flush()
        self.fills_sent += len(fills)
