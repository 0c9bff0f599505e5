"""Open orders: pending ones with the end of their 60 seconds, trigger orders with the distance to their price."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from schema.outcomes import Side
from webapp.reads.prices import QuoteView, latest_quotes
from webapp.store import store


class PendingOrderView(msgspec.Struct, frozen=True):
    """A BUY or SELL that awaits its commit. `newest`: COMMIT and CANCEL of its side act on this one."""

    seq: int
    side: Side
    symbol: str
    shares: int
    price_cents: int
    amount_cents: int
    expires_at_ms: int
    transaction_number: int
    newest: bool


class TriggerTerms(msgspec.Struct, frozen=True):
    """A trigger order as it is set. `trigger_cents` None: not armed."""

    symbol: str
    side: Side
    amount_cents: int
    trigger_cents: int | None
    reserved_cents: int
    reserved_shares: int
    transaction_number: int


class TriggerOrderView(TriggerTerms, frozen=True):
    """A trigger order at the newest price. `distance_cents`: how far the price has to move until the order fires.

    `distance_percent`: the same, in percent of the price. `version`: number of the history row that changed it last.
    """

    version: int
    price_cents: int | None
    price_age_ms: int | None
    distance_cents: int | None
    distance_percent: float | None


def pending_orders(user: str) -> list[PendingOrderView]:
    """The user's pending orders, the newest first: the stack from its top. It may include one that has just expired."""
    return [PendingOrderView(*row) for row in store().rows(_PENDING, user=user)]


def trigger_orders(
    user: str, quotes_of: Callable[[Sequence[str]], Mapping[str, QuoteView | None]] = latest_quotes
) -> list[TriggerOrderView]:
    """The user's trigger orders, by symbol and side.

    `quotes_of` gives the prices; a page passes the ones it shows elsewhere.
    """
    rows = store().rows(_TRIGGERS, user=user)
    quotes = quotes_of(sorted({row.symbol for row in rows}))
    orders = []
    for row in rows:
        quote = quotes.get(row.symbol)
        distance = None
        if quote and row.trigger_cents is not None:
            above = quote.price_cents - row.trigger_cents
            distance = max(0, above if row.side == "buy" else -above)
        fields = (
            *row,
            quote.price_cents if quote else None,
            quote.age_ms if quote else None,
            distance,
            round(100 * distance / quote.price_cents, 2) if quote and distance is not None else None,
        )
        orders.append(TriggerOrderView(*fields))
    return orders


_PENDING = """
    SELECT seq, side::text, symbol, shares, price_cents, shares * price_cents, expires_at_ms, transaction_number,
           seq = max(seq) OVER (PARTITION BY side)
    FROM pending_orders WHERE user_id = :user ORDER BY seq DESC"""

_TRIGGERS = """
    SELECT symbol, side::text AS side, amount_cents, trigger_cents, reserved_cents, reserved_shares,
           transaction_number, version
    FROM trigger_orders WHERE user_id = :user ORDER BY symbol, side"""
