"""The core of the quote cache: decides which quotes are usable, which symbols are in flight, and which come next.

Pure: no I/O, no clock (time is an argument), no logging. It guarantees that a symbol has at most one fetch in flight
(two with hedging) and that no expired quote is handed out.

A symbol is in one of four states:   unknown or expired ─ request ─▶ wanted ─ due ─▶ in flight ─ answer ─▶ usable
After a failed attempt the symbol is `wanted` again after a pause; after the last attempt it is `unknown`, with a
NoQuote. With hedging, a symbol that is in flight for long is requested a second time. The first answer ends the
attempt, and the outcome of the other request is ignored (`late`). An attempt fails when both requests have failed.

A person is charged when the symbol becomes `wanted` (budgets.py), and refused if the allowance is used up. Symbols
that only armed triggers need wait apart, in `refreshes`, for the budget of the whole system. When a command needs such
a symbol, it becomes `wanted` at once.
"""

from collections import deque
from dataclasses import dataclass

from quotecache.budgets import PaidQuoteCounts, RefreshBudget
from schema.events import NoQuote, PriceRequest, Quote, QuoteRefused, is_due

RETRY_PAUSE_MS = 100
"""Milliseconds before the second attempt; twice that before the third, and so on, so that a server can restart."""

REFRESH_FORGOTTEN_MS = 15_000
"""Milliseconds without a request after which a refresh that waits for the budget is dropped: its triggers are gone. A
trigger worker that still needs it repeats the request every 2 s, or pauses 10 s after giving up.
"""


@dataclass
class Counts:
    """Counts for the quote cache's log and for the cost. Each request is a hit, joins a fetch, or starts fetches."""

    requests: int = 0
    hits: int = 0
    joined: int = 0
    fetches: int = 0
    failed: int = 0
    unsent: int = 0
    abandoned: int = 0
    hedges: int = 0
    no_quotes: int = 0
    refused: int = 0
    malformed: int = 0


@dataclass(slots=True)
class Want:
    """A symbol without a usable quote. Its fetches are logged under `request`, the first request for it."""

    request: PriceRequest
    attempts: int = 0
    not_before_ms: int = 0
    open: int = 0
    """Number of this attempt's requests on their way."""
    asked_ms: int = 0
    """Time of a trigger worker's last request."""
    joined: PriceRequest | None = None
    """First request of a command that joined a trigger's fetch. If that fails, the next attempt is for this request."""

    @property
    def pause_ms(self) -> int:
        """Milliseconds before the next attempt."""
        return RETRY_PAUSE_MS * self.attempts

    def is_due(self, now_ms: int) -> bool:
        return is_due(self.not_before_ms, now_ms, self.pause_ms)


class Cache:
    """Quotes and wanted symbols of the one owner.

    `in_flight_max`: maximum requests at once. `attempts_max`: attempts to get one answer; each is one paid request, or
    two if it takes longer than `hedge_ms` (None: never two). `refreshes_a_minute`: maximum paid requests for armed
    triggers (None: no limit).
    """

    def __init__(
        self,
        in_flight_max: int,
        attempts_max: int,
        counts: Counts,
        hedge_ms: int | None = None,
        refreshes_a_minute: int | None = None,
    ):
        assert in_flight_max > 0 and attempts_max > 0, (in_flight_max, attempts_max)
        self.allowances = PaidQuoteCounts()
        self.refresh_budget = RefreshBudget(refreshes_a_minute)
        self._hedge_ms = hedge_ms
        self._in_flight_max = in_flight_max
        self._attempts_max = attempts_max
        self._counts = counts
        # The number of possible symbols (26 + 26² + 26³) bounds each of these; the first three share no symbol.
        self._wanted: dict[str, Want] = {}
        self._refreshes: dict[str, Want] = {}
        self._in_flight: dict[str, Want] = {}
        self._quotes: dict[str, Quote] = {}
        self._open = 0
        # Attempts in the order in which they began: (time of the second request, symbol, want, number of the attempt).
        self._hedges: deque[tuple[int, str, Want, int]] = deque()

    @property
    def in_flight(self) -> int:
        """Number of requests on their way, late ones included."""
        return self._open

    def wanted(self, now_ms: int) -> int:
        """Returns the number of symbols that wait to be fetched; refreshes count only as far as the budget allows."""
        return len(self._wanted) + self.refresh_budget.room(now_ms, len(self._refreshes))

    def learn(self, quote: Quote) -> None:
        """Takes in a paid quote. A symbol's highest `quote_id` wins, not the latest time: clocks may be set back."""
        known = self._quotes.get(quote.symbol)
        if known is None or known.quote_id <= quote.quote_id:
            self._quotes[quote.symbol] = quote

    def usable(self, symbol: str, now_ms: int) -> Quote | None:
        quote = self._quotes.get(symbol)
        return quote if quote is not None and quote.usable(now_ms) else None

    def request(self, request: PriceRequest, now_ms: int) -> Quote | QuoteRefused | None:
        """Returns the usable quote or None; on None the symbol will be fetched, or the request joins a fetch under way.

        A person's count must be known (`allowances`). Returns QuoteRefused if a fetch would exceed the allowance.
        """
        self._counts.requests += 1
        symbol = request.symbol
        quote = self.usable(symbol, now_ms)
        if quote is not None:
            self._counts.hits += 1
            return quote
        want = self._in_flight.get(symbol) or self._wanted.get(symbol)
        if want is not None:
            self._counts.joined += 1
            if want.request.for_trigger and not request.for_trigger:
                want.joined = want.joined or request
        elif request.for_trigger:
            self._refreshes.setdefault(symbol, Want(request)).asked_ms = now_ms
        elif self.allowances.spend(request):
            self._refreshes.pop(symbol, None)
            self._wanted[symbol] = Want(request)
        else:
            return self._refused(request, now_ms)
        return None

    def due(self, now_ms: int) -> list[PriceRequest]:
        """Returns the requests to send now, in the order in which they became wanted. They now count as in flight."""
        if not self._wanted and not self._refreshes and not self._is_hedge_due(now_ms):
            return []
        free = self._in_flight_max - self._open
        ready = [symbol for symbol, want in self._wanted.items() if want.is_due(now_ms)][: max(free, 0)]
        ready += self._due_refreshes(free - len(ready), now_ms)
        for symbol in ready:
            assert symbol not in self._in_flight, symbol
            want = self._wanted.pop(symbol, None) or self._refreshes.pop(symbol)
            want.attempts += 1
            want.open = 1
            self._in_flight[symbol] = want
            if self._hedge_ms is not None:
                self._hedges.append((now_ms + self._hedge_ms, symbol, want, want.attempts))
        requests = [self._in_flight[symbol].request for symbol in ready]
        requests += self._second_requests(free - len(ready), now_ms)
        self._open += len(requests)
        self._counts.fetches += len(requests)
        return requests

    @property
    def next_hedge_ms(self) -> int | None:
        """Time from which `due` may return a second request; None while there is nothing to hedge."""
        return self._hedges[0][0] if self._hedges else None

    def answered(self, quote: Quote, now_ms: int) -> Quote | NoQuote | QuoteRefused | None:
        """Ends a request in flight with this quote. Returns the answer to broadcast; None if it will be retried."""
        assert quote.symbol in self._in_flight, quote.symbol
        if not quote.usable(now_ms):
            return self.failed(quote.symbol, "the answer came after its quote had expired", now_ms)
        del self._in_flight[quote.symbol]
        self._open -= 1
        self.learn(quote)
        return quote

    def failed(self, symbol: str, reason: str, now_ms: int) -> NoQuote | QuoteRefused | None:
        """Ends a request in flight without a price. Returns the answer to broadcast; None if it will be retried, or if
        the attempt's other request may still be answered.
        """
        self._counts.failed += 1
        want = self._in_flight[symbol]
        self._open -= 1
        want.open -= 1
        if want.open:
            return None
        del self._in_flight[symbol]
        if want.attempts >= self._attempts_max:
            self._counts.no_quotes += 1
            return NoQuote(symbol, now_ms, reason)
        want.request, want.joined = want.joined or want.request, None
        if not self.allowances.spend(want.request):
            return self._refused(want.request, now_ms)
        want.not_before_ms = now_ms + want.pause_ms
        want.asked_ms = now_ms
        (self._refreshes if want.request.for_trigger else self._wanted)[symbol] = want
        return None

    def late(self) -> None:
        """Ends a request whose attempt is already over because the other request was answered."""
        self._open -= 1
        assert self._open >= 0

    def _second_requests(self, free: int, now_ms: int) -> list[PriceRequest]:
        """Returns second requests for attempts unanswered for too long, as far as first requests leave connections."""
        requests: list[PriceRequest] = []
        while self._is_hedge_due(now_ms):
            _, symbol, want, attempt = self._hedges.popleft()
            is_unanswered = self._in_flight.get(symbol) is want and want.attempts == attempt
            if is_unanswered and len(requests) < free and self._may_hedge(want.request, now_ms):
                want.open += 1
                requests.append(want.request)
        self._counts.hedges += len(requests)
        return requests

    def _may_hedge(self, request: PriceRequest, now_ms: int) -> bool:
        return bool(self.refresh_budget.take(now_ms, 1)) if request.for_trigger else self.allowances.spend(request)

    def _due_refreshes(self, free: int, now_ms: int) -> list[str]:
        """Returns the refreshes that may be sent now, the longest wanted first."""
        if not self.refresh_budget.room(now_ms, min(free, len(self._refreshes))):
            return []
        for symbol, want in list(self._refreshes.items()):
            if is_due(want.asked_ms + REFRESH_FORGOTTEN_MS, now_ms, REFRESH_FORGOTTEN_MS):
                del self._refreshes[symbol]
        ready = [symbol for symbol, want in self._refreshes.items() if want.is_due(now_ms)][:free]
        return ready[: self.refresh_budget.take(now_ms, len(ready))]

    def _refused(self, request: PriceRequest, now_ms: int) -> QuoteRefused:
        self._counts.refused += 1
        return QuoteRefused(request.symbol, request.user, now_ms)

    def _is_hedge_due(self, now_ms: int) -> bool:
        return self._hedge_ms is not None and bool(self._hedges) and is_due(self._hedges[0][0], now_ms, self._hedge_ms)
