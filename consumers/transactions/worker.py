"""Transaction worker with one connection to each server: the loop that receives, takes a turn, commits and publishes.

turn.py decides what happens in a turn. The process drops a session when a connection breaks, or when a partition turns
out to have another owner; nothing is lost, because the streams and the database hold all that matters.
"""

import time
from collections.abc import Callable
from functools import partial

import psycopg
import structlog

from consumers.transactions import counting, store
from consumers.transactions.batch import Batch
from consumers.transactions.outgoing import messages_of, news_of
from consumers.transactions.owned_partitions import OwnedPartitions, ServerConnections
from consumers.transactions.turn import PREFETCH_MESSAGES, Records, TransactionTurns
from ownership.clock import Clock
from quotecache.client import Prices
from rabbitmq.connection import Connection
from rabbitmq.publisher import Publisher
from runtime.faults import strike
from runtime.wall_clock import now_ms

BATCH_ROWS_MAX = 5_000
"""Approximate maximum of history rows per transaction.

Under full load such a transaction takes a tenth of a second, a small part of a lease (3 s) and of the time limit of a
statement (5 s). Larger ones gain little and delay heartbeats.
"""

IDLE_SECONDS_MAX = 0.05

SPACING_SECONDS = 0.005
"""Minimum seconds between two small batches: a batch costs several milliseconds of CPU, however small it is.

A command that comes after a longer pause is run at once.
"""

SMALL_COMMANDS, SMALL_MESSAGES = 200, PREFETCH_MESSAGES
"""Backlog from which on a batch need not wait: with so many messages the broker may send no more."""

log = structlog.get_logger()


class TransactionWorker:
    """Transaction worker for one session: one BlockingConnection, one database connection, one thread.

    `doubtful`: offsets, by partition, up to which it has to look up whether commands are done already.
    """

    def __init__(self, broker: Connection, database: psycopg.Connection, replica: str, doubtful: dict[int, int]):
        self._broker = broker
        self._database = database
        self._publisher = Publisher(broker)
        self._prices = Prices(broker, self._publisher)
        clock = Clock()
        records = Records(
            partial(store.load, database), partial(store.newest_ids, database), partial(store.answers, database)
        )
        self._turns = TransactionTurns(self._prices, records, clock.now_ms, BATCH_ROWS_MAX)
        self._scheduler = self._turns.scheduler
        servers = ServerConnections(broker, database, self._publisher)
        self._partitions = OwnedPartitions(servers, self._scheduler, clock, replica, doubtful)
        self._held = self._partitions.held
        self._committed_at = 0.0
        self._sampler = counting.Sampler()
        self.rows_written = 0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Works until `stopping`, then hands everything over. Raises BrokerError, StoreError, psycopg.Error."""
        while not stopping():
            self._partitions.member.tick()
            self._partitions.take_over()
            self._receive()
            self._work()
        self._partitions.leave()

    def newest_offsets(self) -> dict[int, int]:
        """Newest offset that each owned partition's stream has delivered."""
        return self._partitions.newest_offsets()

    def _receive(self) -> None:
        """Waits for something to do; under load, receives what has arrived, up to a full batch."""
        self._broker.pump(self._patience())
        self._gather()
        before, backlog = -1, self._backlog()
        while before < backlog < BATCH_ROWS_MAX:
            self._broker.pump(0)
            before, backlog = backlog, self._backlog()

    def _gather(self) -> None:
        """Waits for more commands if there are few, and the last batch was just now."""
        messages = sum(len(owned.intake.arrivals) for owned in self._held.values())
        pause = self._committed_at + SPACING_SECONDS - time.monotonic()
        if pause > 0 and messages < SMALL_MESSAGES and self._backlog() < SMALL_COMMANDS:
            time.sleep(pause)

    def _patience(self) -> float:
        if (
            self._scheduler.has_ready
            or self._partitions.taking_over
            or any(owned.intake.arrivals for owned in self._held.values())
        ):
            return 0
        wait = min(IDLE_SECONDS_MAX, self._partitions.member.seconds_to_tick)
        expiry_ms = self._scheduler.next_expiry_ms
        if expiry_ms is not None:
            wait = min(wait, (expiry_ms - now_ms()) / 1000)
        return max(wait, 0)

    def _backlog(self) -> int:
        return sum(len(a.requests) for owned in self._held.values() for a in owned.intake.arrivals)

    def _work(self) -> None:
        batch, now = self._turns.run(self._held.values())
        for output in batch.outputs.values():
            for letter in output.dead:
                log.warning("dead letter", id=letter.id, reason=letter.reason)
        self._commit(batch, now)
        self._sampler.sample(self._held.values(), now)

    def _commit(self, batch: Batch, now: int) -> None:
        changed = [h for n, h in self._held.items() if h.moved or n in batch.outputs]
        if changed:
            self._publisher.flush()  # the commit below replaces the previous batch's outbox row
            messages = {}
            for owned in changed:
                output = batch.outputs.get(owned.state.partition)
                if output is not None:
                    first = owned.ownership.audit_number + 1
                    messages[owned.state.partition] = messages_of(owned.state.partition, output, first)
                    owned.ownership.audit_number += len(output.entries)
                owned.ownership.next_offset = owned.state.progress.next_offset
                owned.ownership.high_offset = owned.state.progress.high_offset
                owned.ownership.clock_ms = now
                owned.ownership.taken_ms = owned.state.progress.taken_ms
            if batch.rows:
                strike("before-commit")
            store.commit(self._database, batch, [owned.ownership for owned in changed], messages)
            strike("after-commit")
            self._committed_at = time.monotonic()
            self.rows_written += len(batch.rows)
            committed_at_ms = now_ms()
            for of_partition in messages.values():
                for message in of_partition:
                    self._publisher.publish(message)
            for partition, output in batch.outputs.items():
                for message in news_of(partition, output):
                    self._publisher.publish(message)
            strike("after-publish")
            counting.count_batch(batch, committed_at_ms)  # last: readers must not wait for a figure
        for owned in self._held.values():
            assert owned.consumer is not None, "an owned partition is read"
            owned.consumer.acknowledge(owned.state.finished_tags)
            owned.end_turn()
