"""A worker's life with one connection to each server: what it owns, and the loop that takes, runs, commits, publishes.

Everything in here is dropped when a connection breaks or a partition turns out to be somebody else's; the streams
and the database know all that matters (design §2).
"""

import time
from collections.abc import Callable, Sequence

import psycopg
import structlog

from consumers import outbox, partitions
from consumers.clock import Clock, now_ms
from consumers.partitions import TICK_MS, Ownership
from consumers.transactions import store
from consumers.transactions.batch import Batch, DeadLetter
from consumers.transactions.intake import Arrival, Doubt, Intake
from consumers.transactions.outgoing import messages_of, news_of
from consumers.transactions.progress import Progress
from consumers.transactions.scheduler import Item, OwnedPartition, Scheduler
from quotecache.client import Prices
from rabbitmq.connection import Connection
from rabbitmq.lengths import check_reach
from rabbitmq.publisher import Publisher
from rabbitmq.stream_consumer import StreamConsumer
from rabbitmq.topology import command_stream
from schema.commands import NOBODY, CommandBatch, DumpMarker, partition_of
from schema.faults import strike

BATCH_ROWS_MAX = 2_000
"""History rows of one transaction, more or less: larger ones gain little and delay heartbeats (design §7)."""

PREFETCH_MESSAGES = 100
"""Messages of a partition that are delivered and not taken up."""

IDLE_SECONDS_MAX = 0.05

ACCOUNTS_MAX = 200_000
"""Accounts kept in memory per partition; beyond it, those that nothing is pending on are forgotten."""

log = structlog.get_logger()


class Holding:
    """A partition while this session owns it: its place, its state, its backlog, and the consumer that feeds it."""

    def __init__(self, ownership: Ownership, doubtful_until: int):
        self.ownership = ownership
        self.state = OwnedPartition(ownership.partition, Progress(ownership.position, ownership.high))
        self.intake = Intake(ownership.partition, max(ownership.high, doubtful_until))
        self.consumer: StreamConsumer | None = None

    @property
    def runs_far_ahead(self) -> bool:
        """Whether to hold back credit. Looked at in earnest only where more than usual is unfinished."""
        return self.state.progress.unfinished > PREFETCH_MESSAGES and self.state.runs_far_ahead

    @property
    def moved(self) -> bool:
        """Whether more is done than the database knows."""
        return self.state.progress.position != self.ownership.position

    def close(self) -> None:
        self.state.owned = False
        if self.consumer is not None:
            self.consumer.close()


class Session:
    """One BlockingConnection, one database connection, one thread."""

    def __init__(self, broker: Connection, database: psycopg.Connection, replica: str, doubtful: dict[int, int]):
        self._broker = broker
        self._database = database
        self._replica = replica
        self._doubtful = doubtful
        self._publisher = Publisher(broker)
        self._prices = Prices(broker, self._publisher)
        self._scheduler = Scheduler(self._prices, BATCH_ROWS_MAX)
        self._holdings: dict[int, Holding] = {}
        self._next_tick = 0.0
        self._clock = Clock()
        self.rows_written = 0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Works until `stopping`, then hands everything over. Raises BrokerError, StoreError, psycopg.Error."""
        while not stopping():
            if time.monotonic() >= self._next_tick:
                self._tick()
            self._receive()
            self._work()
        self._publisher.flush()
        self._clear_outbox([holding.ownership for holding in self._holdings.values()])
        partitions.leave(self._database, store.GROUP, self._replica, self._epochs())
        for holding in self._holdings.values():
            holding.close()

    def newest_offsets(self) -> dict[int, int]:
        """The newest offset seen of each partition held."""
        return {n: holding.intake.newest_offset for n, holding in self._holdings.items()}

    # -- ownership

    def _epochs(self) -> dict[int, int]:
        return {n: holding.ownership.epoch for n, holding in self._holdings.items()}

    def _tick(self) -> None:
        self._next_tick = time.monotonic() + TICK_MS / 1000
        changes = partitions.tick(self._database, store.GROUP, self._replica, self._epochs())
        if changes.surplus:
            self._publisher.flush()
            self._clear_outbox([self._holdings[n].ownership for n in changes.surplus])
            epochs = {n: epoch for n, epoch in self._epochs().items() if n in changes.surplus}
            partitions.release(self._database, store.GROUP, epochs)
        for partition in changes.lost | changes.surplus:
            self._holdings.pop(partition).close()
        if changes.gained:
            self._take_over(changes.gained)
        if changes.gained or changes.lost or changes.surplus:
            log.info("partitions changed", owned=sorted(self._holdings), lost=sorted(changes.lost))

    def _take_over(self, gained: tuple[Ownership, ...]) -> None:
        with self._database.transaction(), self._database.cursor() as cursor:
            left_over = outbox.left_over(cursor, store.GROUP, [o.partition for o in gained])
        for message in left_over:
            self._publisher.publish(message)
        self._publisher.flush()
        self._clear_outbox(gained)
        check_reach(self._broker, {command_stream(one.partition): one.position for one in gained})
        users = store.users_with_pending(self._database)
        for ownership in gained:
            n = ownership.partition
            holding = self._holdings[n] = Holding(ownership, self._doubtful.pop(n, -1))
            self._clock.not_before(ownership.clock_ms)
            self._load(holding, {user for user in users if partition_of(user) == n})
            holding.consumer = StreamConsumer(
                self._broker, command_stream(n), ownership.position, PREFETCH_MESSAGES, holding.intake.put
            )

    def _clear_outbox(self, ownerships: Sequence[Ownership]) -> None:
        # All of it is confirmed by now. The log of record would drop a repetition; the dead letters could not.
        if ownerships:
            with self._database.transaction(), self._database.cursor() as cursor:
                partitions.fence(cursor, store.GROUP, ownerships)
                outbox.clear(cursor, store.GROUP, [ownership.partition for ownership in ownerships])

    # -- taking in

    def _receive(self) -> None:
        """Waits for something to do; under load, takes what is there until it makes a full batch."""
        self._broker.pump(self._patience())
        before, backlog = -1, self._backlog()
        while before < backlog < BATCH_ROWS_MAX:
            self._broker.pump(0)
            before, backlog = backlog, self._backlog()

    def _patience(self) -> float:
        if self._scheduler.has_ready or any(holding.intake.arrivals for holding in self._holdings.values()):
            return 0
        wait = min(IDLE_SECONDS_MAX, self._next_tick - time.monotonic())
        expiry_ms = self._scheduler.next_expiry_ms
        if expiry_ms is not None:
            wait = min(wait, (expiry_ms - now_ms()) / 1000)
        return max(wait, 0)

    def _backlog(self) -> int:
        return sum(len(a.orders) for holding in self._holdings.values() for a in holding.intake.arrivals)

    def _load(self, holding: Holding, users: set[str]) -> None:
        if users:
            self._scheduler.adopt(holding.state, store.load(self._database, users))

    # -- working

    def _work(self) -> None:
        now = self._clock.now_ms()
        for holding in self._holdings.values():
            if holding.intake.republished_first:
                self._look_up(holding)  # now, while no command of this batch can be what it looks for
        batch = Batch()
        self._prices.tick(now)
        self._scheduler.hear(self._prices.take_answers(), now)
        self._scheduler.run_ready(batch, now)
        for holding in self._in_turn():
            self._take_arrivals(batch, holding, now)
            self._scheduler.sweep(batch, holding.state, now)
        self._commit(batch, now)

    def _in_turn(self) -> list[Holding]:
        # The fullest first, so that a full batch leaves none behind for long.
        return sorted(self._holdings.values(), key=lambda holding: -len(holding.intake.arrivals))

    def _take_arrivals(self, batch: Batch, holding: Holding, now: int) -> None:
        arrivals = holding.intake.arrivals
        while arrivals and batch.has_room(BATCH_ROWS_MAX):
            if arrivals[0].doubt is Doubt.REPUBLISHED and holding.state.partition in batch.shares:
                return  # its first copy may be in this batch: the look-up must find it
            if arrivals[0].doubt is not Doubt.NONE:
                self._look_up(holding)
            arrival = arrivals.popleft()
            self._load_missing(holding, arrival)
            self._take(batch, holding, arrival, now)

    def _look_up(self, holding: Holding) -> None:
        """Removes from the first arrivals what is done, or waits in memory, already."""
        arrivals = holding.intake.first_doubtful()
        keys = [(order.user, order.command_id) for arrival in arrivals for order in arrival.orders]
        done = store.done_before(self._database, keys)
        done.update(item.order.command_id for parked in holding.state.parked.values() for item in parked.items)
        holding.intake.settle(arrivals, done)

    def _load_missing(self, holding: Holding, arrival: Arrival) -> None:
        accounts = holding.state.accounts
        missing = {order.user or NOBODY for order in arrival.orders} - accounts.keys()
        if missing:
            for later in holding.intake.arrivals:
                missing.update(order.user or NOBODY for order in later.orders)
            self._load(holding, missing - accounts.keys())

    def _take(self, batch: Batch, holding: Holding, arrival: Arrival, now: int) -> None:
        state, delivery = holding.state, arrival.delivery
        if arrival.message is None:
            batch.bury(state.partition, DeadLetter(delivery.offset, delivery.body, arrival.why))
            state.progress.begin(delivery.offset, delivery.tag, 0)
            state.finished_tags.append(delivery.tag)
            log.warning("dead letter", partition=state.partition, offset=delivery.offset, why=arrival.why)
            return
        orders = arrival.orders
        marker = arrival.message if isinstance(arrival.message, DumpMarker) and orders else None
        tag = delivery.tag
        if orders and not holding.runs_far_ahead:
            # Credit for the next ones now: those behind a user who waits for a quote shall not wait as well.
            state.finished_tags.append(tag)
            tag = 0
        message = state.progress.begin(delivery.offset, tag, len(orders), marker)
        if marker is not None:
            self._scheduler.take_marker(state, message)
            return
        if not orders:
            state.finished_tags.append(delivery.tag)
        published_at_ms = arrival.message.published_at_ms
        reply_to = arrival.message.reply_to if isinstance(arrival.message, CommandBatch) else None
        for order in orders:
            self._scheduler.take(batch, state, Item(order, message, published_at_ms, reply_to), now)

    # -- finishing

    def _commit(self, batch: Batch, now: int) -> None:
        changed = [h for n, h in self._holdings.items() if h.moved or n in batch.shares]
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
        for holding in self._holdings.values():
            holding.consumer.acknowledge(holding.state.finished_tags)
            holding.state.finished_tags.clear()
            if len(holding.state.accounts) > ACCOUNTS_MAX:
                holding.state.forget_idle()
