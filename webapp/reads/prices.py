"""Prices that were paid for: the newest per symbol, the history of one symbol, and a user's trades to mark in it."""

from collections.abc import Sequence

import msgspec

from runtime.wall_clock import now_ms
from schema.events import QUOTE_LIFETIME_MS
from schema.outcomes import Side
from webapp.store import store

POINTS_MAX = 5_000
"""Maximum points of a chart; the newest are kept."""


class QuoteView(msgspec.Struct, frozen=True):
    """The newest price known. `usable`: an order given now would be executed at it (not yet 60 s old)."""

    symbol: str
    price_cents: int
    asked_at_ms: int
    age_ms: int
    usable: bool


class Price(msgspec.Struct, frozen=True):
    """A point of a price chart."""

    asked_at_ms: int
    price_cents: int


class Trade(msgspec.Struct, frozen=True):
    """Shares that came (`buy`) or went (`sell`) by a commit or a fill; `fill`: a trigger order did it."""

    seq: int
    at_ms: int
    symbol: str
    side: Side
    shares: int
    price_cents: int
    amount_cents: int
    fill: bool


def latest_quote(symbol: str) -> QuoteView | None:
    """The newest quote; None if nobody ever got a price for the symbol."""
    return latest_quotes([symbol]).get(symbol)


def latest_quotes(symbols: Sequence[str]) -> dict[str, QuoteView]:
    """The newest quotes by symbol; symbols without a price are left out."""
    now = now_ms()
    quotes = {}
    for symbol, price_cents, asked_at_ms in store().rows(_LATEST, symbols=list(symbols)) if symbols else ():
        age_ms = max(0, now - asked_at_ms)
        quotes[symbol] = QuoteView(symbol, price_cents, asked_at_ms, age_ms, age_ms < QUOTE_LIFETIME_MS)
    return quotes


def price_history(symbol: str, from_ms: int = 0) -> list[Price]:
    """Prices asked for since `from_ms`, the oldest first; at most the newest POINTS_MAX."""
    rows = store().rows(_PRICES, symbol=symbol, from_ms=from_ms, limit=POINTS_MAX)
    return [Price(*row) for row in reversed(rows)]


def trades(user: str, symbol: str, from_ms: int = 0) -> list[Trade]:
    """A user's own trades of a symbol since `from_ms`, the oldest first."""
    return [Trade(*row) for row in store().rows(_TRADES, user=user, symbol=symbol, from_ms=from_ms)]


_LATEST = """
    SELECT s.symbol, q.price_cents, q.asked_at_ms FROM unnest(CAST(:symbols AS text[])) AS s(symbol)
    CROSS JOIN LATERAL (
        SELECT price_cents, asked_at_ms FROM quote_fetches
        WHERE symbol = s.symbol AND price_cents IS NOT NULL ORDER BY asked_at_ms DESC LIMIT 1) AS q"""

_PRICES = """
    SELECT asked_at_ms, price_cents FROM quote_fetches
    WHERE symbol = :symbol AND price_cents IS NOT NULL AND asked_at_ms >= :from_ms
    ORDER BY asked_at_ms DESC LIMIT :limit"""

_TRADES = """
    SELECT seq, at_ms, symbol, CASE WHEN shares_delta > 0 THEN 'buy' ELSE 'sell' END,
           abs(shares_delta + reserved_shares_delta), price_cents, amount_cents, kind = 'fill'
    FROM history
    WHERE user_id = :user AND symbol = :symbol AND at_ms >= :from_ms AND shares_delta + reserved_shares_delta <> 0
    ORDER BY seq"""
