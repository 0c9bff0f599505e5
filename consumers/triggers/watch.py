"""Decisions of a trigger worker: which fills follow from a change or a price, and when to refresh a symbol's price.

Pure: quotes come through a port, time is an argument, and the caller takes the fills. One fill may be sent twice, since
a worker may die after sending it; the owner of the account lets it take effect once.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from consumers.triggers.book import Armed, Book
from ownership.deadlines import Deadlines
from schema.commands import Fill
from schema.events import QUOTE_LIFETIME_MS, NoQuote, Quote, QuoteRefused, TriggerChange

AFTER_FAILURE_MS = 10_000
"""Milliseconds until a symbol without an available quote is requested again. Each attempt has to be paid."""


class WatchQuotes(Protocol):
    """Source of quotes: `quotecache.client.Prices`, or a table in a test."""

    def peek(self, symbol: str, now_ms: int) -> Quote | None: ...

    def request(self, symbol: str, user: str, transaction_number: int, now_ms: int, *, for_trigger: bool) -> None: ...


class TriggerWatch:
    """Armed orders of some symbols, the fills that are due, and the times at which quotes expire."""

    def __init__(self, quotes: WatchQuotes):
        self._quotes = quotes
        self._book = Book()
        self._due: deque[tuple[Armed, Quote]] = deque()
        self._refreshes: Deadlines[str] = Deadlines(QUOTE_LIFETIME_MS)
        self._scheduled: dict[str, int] = {}
        """Time of each symbol's next refresh. Its other entries in `_refreshes` are out of date."""

    def hear_changes(self, changes: Iterable[TriggerChange], now_ms: int) -> None:
        """Applies changes of trigger orders. If the symbol's current quote fills an order, its fill is due at once."""
        for change in changes:
            order = self._book.change(change)
            if order is None:
                continue
            quote = self._quotes.peek(order.symbol, now_ms)
            if quote is not None and order.fills_at(quote.price_cents):
                order.tried_quote_id = quote.quote_id
                self._due.append((order, quote))
            if order.limit_cents is not None and order.symbol not in self._scheduled:
                self._schedule(order.symbol, quote.asked_at_ms + QUOTE_LIFETIME_MS if quote else now_ms)

    def hear_answers(self, answers: Iterable[Quote | NoQuote | QuoteRefused], now_ms: int) -> None:
        """Applies prices. The fills of the orders that they fill are due."""
        for answer in answers:
            if isinstance(answer, Quote):
                if answer.usable(now_ms):
                    self._fill(answer)
                if answer.symbol in self._scheduled:
                    self._schedule(answer.symbol, answer.asked_at_ms + QUOTE_LIFETIME_MS)
            elif answer.symbol in self._scheduled:
                self._schedule(answer.symbol, now_ms + AFTER_FAILURE_MS)

    def refresh(self, now_ms: int) -> None:
        """Requests quotes of armed symbols whose quote has expired, and none before that (spec §3).

        Requests none for a symbol whose orders no price can fill.
        """
        while (due := self._refreshes.pop(now_ms)) is not None:
            symbol, at_ms = due
            if self._scheduled.get(symbol) != at_ms:
                continue  # another time was set since
            order = self._book.watched(symbol)
            if order is None:
                del self._scheduled[symbol]
                continue
            quote = self._quotes.peek(symbol, now_ms)
            if quote is not None:
                # A clock was set back and forth: the quote was unusable when its orders were armed, and is usable now.
                self._fill(quote)
                self._schedule(symbol, quote.asked_at_ms + QUOTE_LIFETIME_MS)
            else:
                self._quotes.request(symbol, order.user, order.transaction_number, now_ms, for_trigger=True)
                self._schedule(symbol, now_ms + QUOTE_LIFETIME_MS)

    def take_fills(self, most: int) -> list[Fill]:
        """Removes and returns at most `most` due fills, in the order in which they became due."""
        return [_fill_of(*self._due.popleft()) for _ in range(min(most, len(self._due)))]

    def drop(self, is_foreign: Callable[[str], bool]) -> None:
        """Drops the symbols that another worker owns now."""
        self._book.drop([symbol for symbol in self._book.symbols if is_foreign(symbol)])

    @property
    def fills_due(self) -> int:
        return len(self._due)

    @property
    def next_refresh_ms(self) -> int | None:
        """Time at which `refresh` has something to do next, ms since the epoch; None if there is none."""
        return self._refreshes.next_ms

    @property
    def armed(self) -> int:
        """Number of armed orders."""
        return len(self._book)

    def _fill(self, quote: Quote) -> None:
        filled = self._book.to_fill(quote.symbol, quote.price_cents, quote.quote_id)
        self._due.extend((order, quote) for order in filled)

    def _schedule(self, symbol: str, at_ms: int) -> None:
        self._scheduled[symbol] = at_ms
        self._refreshes.add(symbol, at_ms)


def _fill_of(order: Armed, quote: Quote) -> Fill:
    # The id is made from the order and the quote: however often it is sent, it is the same fill.
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
