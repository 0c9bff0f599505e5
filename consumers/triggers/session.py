"""A trigger worker's life with one connection to each server: hears changes and prices, orders fills, refreshes prices.

Nothing of it is kept: the book is loaded from the trigger orders in Postgres whenever a share of the symbols is taken
over, and fills are commands in their user's log, where the account's owner judges them.
"""

import hashlib
import heapq
import time
from collections.abc import Callable

import psycopg
import structlog

from consumers import partitions
from consumers.clock import now_ms
from consumers.partitions import TICK_MS
from consumers.triggers import store
from consumers.triggers.book import Armed, Book
from quotecache.client import Prices
from rabbitmq.connection import Connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import Subscription
from rabbitmq.topology import TRIGGERS_EXCHANGE, command_stream, trigger_key
from schema import codec
from schema.commands import COMMANDS_PER_MESSAGE_MAX, VERSION, Fill, FillBatch, partition_of
from schema.events import QUOTE_LIFETIME_MS, Quote, trigger_partition_of
from schema.faults import strike

IDLE_SECONDS_MAX = 0.05

AFTER_FAILURE_MS = 10_000
"""A symbol that no quote was to be had for is asked for again after this: each attempt is paid."""

log = structlog.get_logger()


class Session:
    """One BlockingConnection, one database connection, one thread."""

    def __init__(self, broker: Connection, database: psycopg.Connection, replica: str):
        self._broker = broker
        self._database = database
        self._replica = replica
        self._publisher = Publisher(broker)
        self._prices = Prices(broker, self._publisher)
        self._book = Book()
        self._owned: dict[int, int] = {}
        self._bodies: list[bytes] = []
        self._changes = Subscription(broker, TRIGGERS_EXCHANGE, (), self._bodies.append)
        self._refreshes: list[tuple[int, str]] = []
        self._scheduled: dict[str, int] = {}
        self._next_tick = 0.0
        self.fills_sent = 0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Works until `stopping`, then hands over. Raises BrokerError, StoreError, psycopg.Error."""
        while not stopping():
            if time.monotonic() >= self._next_tick:
                self._tick()
            self._broker.pump(self._patience())
            now = now_ms()
            self._prices.tick(now)
            fills = self._hear_changes(now) + self._hear_prices(now)
            self._refresh(now)
            self._send(fills, now)
        self._publisher.flush()
        partitions.leave(self._database, store.GROUP, self._replica, self._owned)

    def _tick(self) -> None:
        self._next_tick = time.monotonic() + TICK_MS / 1000
        changes = partitions.tick(self._database, store.GROUP, self._replica, self._owned)
        if changes.surplus:
            self._publisher.flush()
            partitions.release(self._database, store.GROUP, {n: self._owned[n] for n in changes.surplus})
        given_up = changes.lost | changes.surplus
        for n in given_up:
            del self._owned[n]
            self._changes.unbind(trigger_key(n))
        self._book.drop([symbol for symbol in self._book.symbols if trigger_partition_of(symbol) in given_up])
        if changes.gained:
            self._take_over({ownership.partition: ownership.epoch for ownership in changes.gained})
        if changes.gained or given_up:
            log.info("symbols changed hands", owned=sorted(self._owned), armed=len(self._book))

    def _take_over(self, gained: dict[int, int]) -> None:
        # Bound first, read second: what changes in between is heard, and versions tell which is newer.
        for n in gained:
            self._changes.bind(trigger_key(n))
        self._owned.update(gained)
        now = now_ms()
        for change in store.armed(self._database):
            if trigger_partition_of(change.symbol) in gained and self._book.change(change) is not None:
                self._watch(change.symbol, now)

    def _patience(self) -> float:
        wait = min(IDLE_SECONDS_MAX, self._next_tick - time.monotonic())
        if self._refreshes:
            wait = min(wait, (self._refreshes[0][0] - now_ms()) / 1000)
        return max(wait, 0)

    def _hear_changes(self, now: int) -> list[tuple[Armed, Quote]]:
        """Takes changes of trigger orders in; an order armed at a price that its symbol has already fills at once."""
        fills = []
        for body in self._bodies:
            for change in codec.decode_triggers(body).changes:
                if trigger_partition_of(change.symbol) not in self._owned:
                    continue
                order = self._book.change(change)
                if order is not None:
                    self._watch(order.symbol, now)
                    quote = self._prices.peek(order.symbol, now)
                    if quote is not None and order.fills_at(quote.price_cents):
                        order.tried_quote_id = quote.quote_id
                        fills.append((order, quote))
        self._bodies.clear()
        return fills

    def _hear_prices(self, now: int) -> list[tuple[Armed, Quote]]:
        fills = []
        for answer in self._prices.take_answers():
            if isinstance(answer, Quote):
                if answer.usable(now):
                    for order in self._book.to_fill(answer.symbol, answer.price_cents, answer.quote_id):
                        fills.append((order, answer))
                if answer.symbol in self._scheduled:
                    self._schedule(answer.symbol, answer.asked_at_ms + QUOTE_LIFETIME_MS)
            elif answer.symbol in self._scheduled:
                self._schedule(answer.symbol, now + AFTER_FAILURE_MS)
        return fills

    def _watch(self, symbol: str, now: int) -> None:
        """Sees to it that an armed symbol's price is refreshed when its quote runs out, and not before."""
        if symbol not in self._scheduled:
            quote = self._prices.peek(symbol, now)
            self._schedule(symbol, quote.asked_at_ms + QUOTE_LIFETIME_MS if quote else now)

    def _schedule(self, symbol: str, at_ms: int) -> None:
        self._scheduled[symbol] = at_ms
        heapq.heappush(self._refreshes, (at_ms, symbol))

    def _refresh(self, now: int) -> None:
        while self._refreshes and self._refreshes[0][0] <= now:
            at_ms, symbol = heapq.heappop(self._refreshes)
            if self._scheduled.get(symbol) != at_ms:
                continue  # another time was set since
            order = self._book.watched(symbol)
            if order is None:
                del self._scheduled[symbol]
                continue
            quote = self._prices.peek(symbol, now)
            if quote is not None:
                self._schedule(symbol, quote.asked_at_ms + QUOTE_LIFETIME_MS)
            else:
                self._prices.request(symbol, order.user, order.transaction_number, now, for_trigger=True)
                self._schedule(symbol, now + QUOTE_LIFETIME_MS)

    def _send(self, fills: list[tuple[Armed, Quote]], now: int) -> None:
        if fills:
            strike("before-fill")
        by_partition: dict[int, list[Fill]] = {}
        for order, quote in fills:
            by_partition.setdefault(partition_of(order.user), []).append(_fill(order, quote))
        for partition, of_partition in by_partition.items():
            for start in range(0, len(of_partition), COMMANDS_PER_MESSAGE_MAX):
                chunk = of_partition[start : start + COMMANDS_PER_MESSAGE_MAX]
                body = codec.encode(FillBatch(VERSION, now, chunk))
                self._publisher.publish(Outgoing("", command_stream(partition), body))
        if fills:
            self._publisher.flush()
            self.fills_sent += len(fills)


def _fill(order: Armed, quote: Quote) -> Fill:
    # The id says what is filled by what: however often it is sent, it is the same fill.
    name = f"{order.user}/{order.symbol}/{order.side}/{order.version}/{quote.quote_id}"
    fill_id = hashlib.blake2b(name.encode(), digest_size=16).digest()
    return Fill(
        fill_id,
        order.user,
        order.symbol,
        order.side,
        order.version,
        quote.price_cents,
        quote.quote_id,
        quote.asked_at_ms,
    )
