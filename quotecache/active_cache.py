"""Work of the quote cache's owner from takeover to release, one turn after another.

A turn first decides (cache.py), then commits (store.py), then sends and publishes. An owner's memory ends
with its ownership: the next owner starts from Postgres. service.py handles ownership and reconnects.
"""

import math
import time
from dataclasses import dataclass

import psycopg
import structlog

from ownership.partitions import Ownership
from quotecache import counting, store
from quotecache.audit_entries import audit_messages
from quotecache.budgets import MINUTE_MS, day_of, is_charged
from quotecache.cache import Cache, Counts
from quotecache.fetch import ABANDONED, Fetch, Settled
from quotecache.lease_guard import LeaseGuard
from quotecache.source import OpenSource
from rabbitmq.connection import Connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import QueueConsumer
from rabbitmq.topology import PRICE_REQUESTS_EXCHANGE, PRICE_REQUESTS_QUEUE, PRICES_EXCHANGE
from runtime.faults import strike
from schema.codec import decode_request, encode
from schema.commands import VERSION
from schema.errors import DecodeError
from schema.events import NoQuote, PriceMessage, PriceRequest, Quote, QuoteRefused
from schema.settings import Settings

ANSWERS_PER_MESSAGE_MAX = 500
"""Maximum answers per broadcast message; that many take about 40 kB."""

Answer = Quote | NoQuote | QuoteRefused

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CacheResources:
    """Resources of a quote cache from one connect to the loss of a connection.

    `counts`: those of the whole process. `connections_max`: maximum connections to the legacy quote server.
    """

    settings: Settings
    connection: Connection
    database: psycopg.Connection
    counts: Counts
    connections_max: int
    open_source: OpenSource


class ActiveCache:
    """One ownership, with one connection to each server. All but `close` raise BrokerError, StoreError, Fenced."""

    def __init__(self, resources: CacheResources, ownership: Ownership, guard: LeaseGuard, now_ms: int):
        settings, connection, counts = resources.settings, resources.connection, resources.counts
        self._database = resources.database
        self._ownership = ownership
        self._guard = guard
        self._counts = counts
        self._publisher = Publisher(connection)
        self._cache = Cache(
            resources.connections_max,
            settings.quote_attempts,
            counts,
            settings.quote_hedge_ms,
            settings.refreshes_a_minute,
        )
        self._in_flight: dict[int, Fetch] = {}
        self._racing: dict[str, set[int]] = {}
        """Fetches in flight by symbol; the first one to be answered gives the quote."""
        self._known_id_max = ownership.high_offset
        self._bodies: list[bytes] = []
        self._draining = False
        self._take_over(now_ms)
        # A hung previous owner stays a consumer until its heartbeats end; this higher priority keeps messages from it.
        self._requests = QueueConsumer(
            connection, PRICE_REQUESTS_QUEUE, PRICE_REQUESTS_EXCHANGE, self._bodies.append, priority=self.epoch
        )
        self._tell([])
        self._source = resources.open_source(connection.wake, guard)

    @property
    def epoch(self) -> int:
        return self._ownership.epoch

    @property
    def idle(self) -> bool:
        """Whether no request is on its way to the legacy server or back."""
        return not self._in_flight

    def patience_seconds(self, now_ms: int) -> float:
        """Returns the seconds that the owner may wait for events; requests and answers end the wait early."""
        patience = 0.02 if self._cache.wanted(now_ms) else 0.1
        hedge_ms = self._cache.next_hedge_ms
        return patience if hedge_ms is None else max(0.0, min(patience, (hedge_ms - now_ms) / 1_000))

    def turn(self, now_ms: int) -> None:
        """Handles the answers and the requests that have arrived: decides, commits, sends and broadcasts."""
        settled = [Settled(fetch, now_ms, outcome) for fetch, outcome in self._source.take()]
        if settled:
            strike("before-answer")
        answers = [answer for one in settled if (answer := self._conclude(one, now_ms)) is not None]
        answers += self._take_requests(now_ms)
        asks = [] if self._draining else self._cache.due(now_ms)
        if settled or asks:
            self._commit(asks, settled, now_ms)
        self._broadcast(answers)

    def _take_requests(self, now_ms: int) -> list[Answer]:
        """Takes the requests that have arrived; returns the immediate answers, at most one quote per symbol."""
        bodies = self._bodies.copy()
        self._bodies.clear()
        requests = [request for body in bodies if (request := self._read(body)) is not None]
        allowances = self._cache.allowances
        allowances.begin(now_ms)
        unknown = {one.user for one in requests if is_charged(one) and not allowances.knows(one.user)}
        if unknown:
            allowances.learn(store.paid_since(self._database, unknown, day_of(now_ms)))
        answers: dict[str | tuple[str, str], Answer] = {}
        for request in requests:
            answer = self._cache.request(request, now_ms)
            if isinstance(answer, QuoteRefused):
                answers[answer.symbol, answer.user] = answer
            elif answer is not None:
                answers[answer.symbol] = answer
        return list(answers.values())

    def sample(self, now_ms: int) -> None:
        """Updates the gauges."""
        counting.IN_FLIGHT.set(self._cache.in_flight)
        left = self._cache.refresh_budget.left(now_ms)
        counting.REFRESHES_LEFT.set(math.inf if left is None else left)

    def drain(self) -> None:
        """Stops taking requests and starting fetches; the caller goes on with turns until `idle`."""
        self._draining = True
        self._requests.close()

    def close(self) -> None:
        """Stops the consumer of requests and closes the source; never raises."""
        self._requests.close()
        self._source.close()

    def _take_over(self, now_ms: int) -> None:
        """Publishes the previous owner's last messages, ends its open fetches, and loads the quotes that it bought."""
        self._publish(store.left_over(self._database))
        abandoned = [Settled(fetch, now_ms, ABANDONED) for fetch in store.open_fetches(self._database, self._ownership)]
        self._known_id_max = max([self._known_id_max, *(one.fetch.quote_id for one in abandoned)])
        self._commit([], abandoned, now_ms)
        self._counts.abandoned += len(abandoned)
        quotes = store.usable_quotes(self._database, now_ms)
        for quote in quotes:
            self._cache.learn(quote)
        self._cache.refresh_budget.learn(store.refreshes_since(self._database, now_ms - MINUTE_MS))
        log.info("acquired the quote cache", epoch=self.epoch, quotes=len(quotes), abandoned=len(abandoned))

    def _conclude(self, settled: Settled, now_ms: int) -> Answer | None:
        fetch = settled.fetch
        del self._in_flight[fetch.quote_id]
        if settled.failure is not None:
            if not settled.paid:
                self._counts.unsent += 1
                self._cache.allowances.refund(fetch.request)
            log.warning("no price", symbol=fetch.symbol, reason=settled.failure, quote_id=fetch.quote_id)
        racing = self._racing.get(fetch.symbol, set())
        if fetch.quote_id not in racing:
            self._cache.late()
            return None
        racing.remove(fetch.quote_id)
        if settled.failure is None:
            answer = self._cache.answered(settled.quote(), now_ms)
        else:
            answer = self._cache.failed(fetch.symbol, settled.failure, now_ms)
        if isinstance(answer, Quote) or not racing:
            del self._racing[fetch.symbol]
        return answer

    def _read(self, body: bytes) -> PriceRequest | None:
        """Decodes a request. Logs an undecodable one and returns None, so it reaches neither a socket nor the store."""
        try:
            return decode_request(body)
        except DecodeError as error:
            self._counts.malformed += 1
            log.warning("undecodable price request", error=str(error)[:200])
            return None

    def _commit(self, asks: list[PriceRequest], settled: list[Settled], now_ms: int) -> None:
        """Records the turn, sends the new fetches, and publishes the audit entries of the ended ones with confirms."""
        messages = audit_messages(settled, self._ownership.audit_number + 1)
        after = store.advanced(self._ownership, list(self._in_flight), self._known_id_max, len(settled), now_ms)
        began = time.monotonic()
        fetches = store.record(self._database, after, asks, settled, messages, now_ms)
        self._guard.renewed(began)
        self._ownership = after
        if fetches:
            for fetch in fetches:
                self._in_flight[fetch.quote_id] = fetch
                self._racing.setdefault(fetch.symbol, set()).add(fetch.quote_id)
            self._known_id_max = max(self._in_flight)
            strike("before-ask")
            self._source.ask(fetches)
        self._publish(messages)

    def _publish(self, messages: list[Outgoing]) -> None:
        if not messages:
            return
        for message in messages:
            self._publisher.publish(message)
        self._publisher.flush()

    def _broadcast(self, answers: list[Answer]) -> None:
        # Called only after the quotes' audit entries are confirmed, so that no dump has a trade without its quote.
        for start in range(0, len(answers), ANSWERS_PER_MESSAGE_MAX):
            self._tell(answers[start : start + ANSWERS_PER_MESSAGE_MAX])

    def _tell(self, answers: list[Answer]) -> None:
        """Broadcasts answers. An empty list announces a new owner: requests to the previous one may be lost."""
        message = PriceMessage(VERSION, answers)
        # A process that misses the message repeats its request. A full queue must not end the ownership: its requests
        # in flight, which are paid for, would be lost.
        self._publisher.publish(Outgoing(PRICES_EXCHANGE, "", encode(message), mandatory=False, may_be_lost=True))
