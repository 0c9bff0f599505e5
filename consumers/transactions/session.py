"""A worker's life with one connection to each server: what it owns, and the loop that takes, runs, commits, publishes.

Everything in here is dropped when a connection breaks or a partition turns out to be somebody else's; the streams
and the database know all that matters (design §2).
"""

from collections.abc import Callable
from functools import partial

import psycopg
import structlog

from consumers.transactions import store
from consumers.transactions.batch import Batch
from consumers.transactions.copies import Answers, Questions, is_settled, survey
from consumers.transactions.holdings import Holding, Holdings
from consumers.transactions.intake import Arrival
from consumers.transactions.outgoing import messages_of, news_of
from consumers.transactions.owned import Item
from consumers.transactions.scheduler import Scheduler
from ownership.clock import Clock
from quotecache.client import Prices
from rabbitmq.connection import Connection
from rabbitmq.publisher import Publisher
from runtime.faults import strike
from runtime.wall_clock import now_ms
from schema.commands import CommandBatch, DumpMarker

BATCH_ROWS_MAX = 2_000
"""History rows of one transaction, more or less: larger ones gain little and delay heartbeats (design §7)."""

IDLE_SECONDS_MAX = 0.05

ACCOUNTS_MAX = 200_000
"""Accounts kept in memory per partition; beyond it, those that nothing is pending on are forgotten."""

log = structlog.get_logger()


class Session:
    """One BlockingConnection, one database connection, one thread."""

    def __init__(self, broker: Connection, database: psycopg.Connection, replica: str, doubtful: dict[int, int]):
        self._broker = broker
        self._database = database
        self._publisher = Publisher(broker)
        self._prices = Prices(broker, self._publisher)
        self._scheduler = Scheduler(self._prices, BATCH_ROWS_MAX)
        self._clock = Clock()
        self._holdings = Holdings(broker, database, self._publisher, self._scheduler, self._clock, replica, doubtful)
        self._held = self._holdings.held
        self._questions = Questions(
            self._holdings.load, partial(store.newest_ids, database), partial(store.answers, database)
        )
        self._batches = 0
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
        """The newest offset seen of each partition held."""
        return self._holdings.newest_offsets()

    # -- taking in

    def _receive(self) -> None:
        """Waits for something to do; under load, takes what is there until it makes a full batch."""
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

    # -- working

    def _work(self) -> None:
        in_turn = self._in_turn()
        answers = survey([(holding.intake, holding.state) for holding in in_turn], BATCH_ROWS_MAX, self._questions)
        now = self._clock.now_ms()
        batch = Batch()
        self._batches += 1
        self._prices.tick(now)
        self._scheduler.hear(self._prices.take_answers(), now)
        self._scheduler.run_ready(batch, now)
        for holding in in_turn:
            while holding.intake.surveyed and batch.has_room(BATCH_ROWS_MAX):
                holding.served_at = self._batches
                self._take(batch, holding, holding.intake.take(), answers, now)
            self._scheduler.sweep(batch, holding.state, now)
        self._commit(batch, now)

    def _in_turn(self) -> list[Holding]:
        # The longest unserved first: a flood in one partition fills batch after batch, and must not hold up the others.
        return sorted(self._held.values(), key=lambda holding: holding.served_at)

    def _take(self, batch: Batch, holding: Holding, arrival: Arrival, answers: Answers, now: int) -> None:
        state, delivery = holding.state, arrival.delivery
        if arrival.dead is not None:
            if delivery.offset > state.progress.high:  # else it is buried: in the transaction that stored this `high`
                batch.bury(state.partition, arrival.dead)
                log.warning("dead letter", id=arrival.dead.id, reason=arrival.dead.reason)
            state.progress.begin(delivery.offset, delivery.tag, 0)
            state.finished_tags.append(delivery.tag)
            return
        marker = arrival.message if isinstance(arrival.message, DumpMarker) else None
        tag = delivery.tag
        if not holding.runs_far_ahead:
            # Credit for the next ones now: those behind a user who waits for a quote shall not wait as well.
            state.finished_tags.append(tag)
            tag = 0
        message = state.progress.begin(delivery.offset, tag, len(arrival.orders), marker)
        reply_to = arrival.message.reply_to if isinstance(arrival.message, CommandBatch) else None
        queues = () if reply_to is None else (reply_to,)
        published_at_ms = arrival.message.published_at_ms
        if marker is None and not arrival.doubtful:
            for order in arrival.orders:
                self._scheduler.take(batch, state, Item(order, message, published_at_ms, queues), now)
            return
        for order in arrival.orders:
            item = Item(order, message, published_at_ms, queues)
            if arrival.doubtful and is_settled(batch, state, item, answers):
                continue
            if marker is not None:
                self._scheduler.take_marker(state, message)
            else:
                self._scheduler.take(batch, state, item, now)

    # -- finishing

    def _commit(self, batch: Batch, now: int) -> None:
        changed = [h for n, h in self._held.items() if h.moved or n in batch.shares]
        if changed:
            self._publisher.flush()  # the outbox row of the batch before is replaced now
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
            holding.consumer.acknowledge(holding.state.finished_tags)
            holding.state.finished_tags.clear()
            if len(holding.state.accounts) > ACCOUNTS_MAX:
                holding.state.forget_idle()
