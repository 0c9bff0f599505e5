"""Session of a worker with one connection to each server: the loop that receives, takes a turn, commits and publishes.

turn.py decides what happens in a turn. The process drops a session when a connection breaks, or when a partition turns
out to have another owner; nothing is lost, because the streams and the database hold all that matters (design §2).
"""

from collections.abc import Callable
from functools import partial

import psycopg
import structlog

from consumers.transactions import store
from consumers.transactions.batch import Batch
from consumers.transactions.holdings import Holdings
from consumers.transactions.outgoing import messages_of, news_of
from consumers.transactions.turn import Records, Turns
from ownership.clock import Clock
from quotecache.client import Prices
from rabbitmq.connection import Connection
from rabbitmq.publisher import Publisher
from runtime.faults import strike
from runtime.wall_clock import now_ms

BATCH_ROWS_MAX = 2_000
"""Approximate maximum of history rows per transaction. Larger ones gain little and delay heartbeats (design §7)."""

IDLE_SECONDS_MAX = 0.05

log = structlog.get_logger()


class Session:
    """Session of a transaction worker: one BlockingConnection, one database connection, one thread."""

    def __init__(self, broker: Connection, database: psycopg.Connection, replica: str, doubtful: dict[int, int]):
        self._broker = broker
        self._database = database
        self._publisher = Publisher(broker)
        self._prices = Prices(broker, self._publisher)
        clock = Clock()
        records = Records(
            partial(store.load, database), partial(store.newest_ids, database), partial(store.answers, database)
        )
        self._turns = Turns(self._prices, records, clock.now_ms, BATCH_ROWS_MAX)
        self._scheduler = self._turns.scheduler
        self._holdings = Holdings(broker, database, self._publisher, self._scheduler, clock, replica, doubtful)
        self._held = self._holdings.held
        self.rows_written = 0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Works until `stopping`, then hands everything over. Raises BrokerError, StoreError, psycopg.Error."""
        while not stopping():
            self._holdings.member.tick()
            self._holdings.take_over()
            self._receive()
            self._work()
        self._holdings.leave()

    def newest_offsets(self) -> dict[int, int]:
        """Newest offset that each owned partition's stream has delivered."""
        return self._holdings.newest_offsets()

    def _receive(self) -> None:
        """Waits for something to do; under load, receives what has arrived, up to a full batch."""
        self._broker.pump(self._patience())
        before, backlog = -1, self._backlog()
        while before < backlog < BATCH_ROWS_MAX:
            self._broker.pump(0)
            before, backlog = backlog, self._backlog()

    def _patience(self) -> float:
        if (
            self._scheduler.has_ready
            or self._holdings.taking_over
            or any(holding.intake.arrivals for holding in self._held.values())
        ):
            return 0
        wait = min(IDLE_SECONDS_MAX, self._holdings.member.seconds_to_tick)
        expiry_ms = self._scheduler.next_expiry_ms
        if expiry_ms is not None:
            wait = min(wait, (expiry_ms - now_ms()) / 1000)
        return max(wait, 0)

    def _backlog(self) -> int:
        return sum(len(a.orders) for holding in self._held.values() for a in holding.intake.arrivals)

    def _work(self) -> None:
        batch, now = self._turns.run(self._held.values())
        for share in batch.shares.values():
            for letter in share.dead:
                log.warning("dead letter", id=letter.id, reason=letter.reason)
        self._commit(batch, now)

    def _commit(self, batch: Batch, now: int) -> None:
        changed = [h for n, h in self._held.items() if h.moved or n in batch.shares]
        if changed:
            self._publisher.flush()  # the commit below replaces the previous batch's outbox row
            messages = {}
            for holding in changed:
                share = batch.shares.get(holding.state.partition)
                if share is not None:
                    first = holding.ownership.audit_number + 1
                    messages[holding.state.partition] = messages_of(holding.state.partition, share, first)
                    holding.ownership.audit_number += len(share.entries)
                holding.ownership.position = holding.state.progress.position
                holding.ownership.high = holding.state.progress.high
                holding.ownership.clock_ms = now
            if batch.rows:
                strike("before-commit")
            store.commit(self._database, batch, [holding.ownership for holding in changed], messages)
            strike("after-commit")
            self.rows_written += len(batch.rows)
            for of_partition in messages.values():
                for message in of_partition:
                    self._publisher.publish(message)
            for partition, share in batch.shares.items():
                for message in news_of(partition, share):
                    self._publisher.publish(message)
            strike("after-publish")
        for holding in self._held.values():
            assert holding.consumer is not None, "an owned partition is read"
            holding.consumer.acknowledge(holding.state.finished_tags)
            holding.end_turn()
