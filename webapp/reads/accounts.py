"""A user's money and shares as they are now, and what they are worth."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from webapp.reads.prices import QuoteView, latest_quotes
from webapp.reads.profit import realised
from webapp.store import store


class AccountView(msgspec.Struct, frozen=True):
    """An account. `opened` is false, and all is 0, until the first ADD. `seq`: number of the newest history row."""

    user: str
    opened: bool
    cash_cents: int
    reserved_cents: int
    seq: int


class PositionView(msgspec.Struct, frozen=True):
    """Shares of a symbol: `shares` available, `reserved_shares` held by sells. Worth is None if no price is
    known.

    `cost_cents` is what the shares held now cost, by average cost; `profit_cents` = worth - cost; `realised_cents`
    is what sales of the symbol so far brought beyond their cost (the rule: `webapp.reads.profit`).
    """

    symbol: str
    shares: int
    reserved_shares: int
    cost_cents: int
    average_cost_cents: int
    realised_cents: int
    price_cents: int | None
    price_age_ms: int | None
    worth_cents: int | None
    profit_cents: int | None


class Portfolio(msgspec.Struct, frozen=True):
    """A user's positions. `realised_cents` covers all symbols, also those that are no longer held."""

    positions: list[PositionView]
    realised_cents: int


def account(user: str) -> AccountView:
    """A user's account; an empty one for a user who never did anything."""
    row = store().row(_ACCOUNT, user=user)
    return AccountView(user, *row) if row else AccountView(user, False, 0, 0, 0)


def positions(user: str) -> list[PositionView]:
    """The user's positions with shares, by symbol."""
    return portfolio(user).positions


def portfolio(
    user: str, quotes_of: Callable[[Sequence[str]], Mapping[str, QuoteView | None]] = latest_quotes
) -> Portfolio:
    """The positions, and the profit of all sales, from one read of the trades.

    `quotes_of` gives the prices; a page passes the ones it shows elsewhere.
    """
    held = store().rows(_POSITIONS, user=user)
    profit = realised(user)  # read after the positions, so that none of their trades is missing
    books = {book.symbol: book for book in profit.symbols}
    quotes = quotes_of([row.symbol for row in held])
    found = [
        _position(*(*row, books[row.symbol].cost_cents, books[row.symbol].realised_cents, quotes.get(row.symbol)))
        for row in held
    ]
    return Portfolio(found, profit.realised_cents)


def _position(
    symbol: str, shares: int, reserved: int, cost_cents: int, realised_cents: int, quote: QuoteView | None
) -> PositionView:
    count = shares + reserved
    worth = count * quote.price_cents if quote else None
    return PositionView(
        symbol,
        shares,
        reserved,
        cost_cents,
        cost_cents // count,
        realised_cents,
        quote.price_cents if quote else None,
        quote.age_ms if quote else None,
        worth,
        worth - cost_cents if worth is not None else None,
    )


_ACCOUNT = "SELECT opened, cash_cents, reserved_cents, history_seq FROM accounts WHERE user_id = :user"

_POSITIONS = """
    SELECT symbol, shares, reserved_shares FROM positions
    WHERE user_id = :user AND shares + reserved_shares > 0 ORDER BY symbol"""
