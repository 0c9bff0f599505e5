"""Cost of positions and realised profit of sales, by average cost over all of a user's history.

A purchase adds its shares, and the price paid for them, to the position. A sale removes its part of the position's
cost: cost x shares sold / shares held, rounded down to the cent. The remainder of the rounding stays with the shares
that are left, and the sale of the last share removes it. A sale's proceeds beyond its part are *realised*.
They do not change when no share is left, or when the symbol is bought again later.
"""

from collections.abc import Iterable, Iterator

import msgspec

from webapp.store import store


class Booking(msgspec.Struct, frozen=True):
    """A trade, and its changes to the cost of the position and to the realised profit."""

    seq: int
    symbol: str
    cost_delta_cents: int
    realised_delta_cents: int


class SymbolProfit(msgspec.Struct, frozen=True):
    """Cost and profit of a symbol that was ever bought. `cost_cents`: of the shares held now, 0 without shares."""

    symbol: str
    cost_cents: int
    realised_cents: int


class Realised(msgspec.Struct, frozen=True):
    """Profit of all sales so far beyond the cost of what was sold; `symbols` add up to it."""

    realised_cents: int
    symbols: list[SymbolProfit]


def realised(user: str) -> Realised:
    """Realised profit over all symbols that the user ever bought, including those sold to the last share."""
    cost: dict[str, int] = {}
    gain: dict[str, int] = {}
    for booking in bookings(user):
        cost[booking.symbol] = cost.get(booking.symbol, 0) + booking.cost_delta_cents
        gain[booking.symbol] = gain.get(booking.symbol, 0) + booking.realised_delta_cents
    symbols = [SymbolProfit(symbol, cost[symbol], gain[symbol]) for symbol in sorted(cost)]
    return Realised(sum(gain.values()), symbols)


def bookings(user: str, symbol: str | None = None) -> Iterator[Booking]:
    """Bookings of a user's trades, of all symbols or of one, the oldest first."""
    return booked(store().rows(_TRADES, user=user, symbol=symbol))


def booked(trades: Iterable[tuple[int, str, int, int]]) -> Iterator[Booking]:
    """Books trades, which come oldest first: seq, symbol, shares (negative in a sale), cents paid or received."""
    held: dict[str, int] = {}
    cost: dict[str, int] = {}
    for seq, symbol, shares, amount_cents in trades:
        before = held.get(symbol, 0)
        held[symbol] = before + shares
        if shares > 0:
            change, gain = amount_cents, 0
        else:
            change = -(cost[symbol] * -shares // before)
            gain = amount_cents + change
        cost[symbol] = cost.get(symbol, 0) + change
        yield Booking(seq, symbol, change, gain)


# Shares come with a committed buy or a fill of a buy trigger, and go with a committed sell or a fill of a sell
# trigger; all else only moves them between available and reserved.
_TRADES = """
    SELECT seq, symbol, shares_delta + reserved_shares_delta, amount_cents FROM history
    WHERE user_id = :user AND shares_delta + reserved_shares_delta <> 0
      AND (CAST(:symbol AS text) IS NULL OR symbol = :symbol)
    ORDER BY seq"""
