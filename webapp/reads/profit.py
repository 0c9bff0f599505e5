"""What trades cost, and what sales brought beyond it: by average cost, over all of a user's history.

A purchase adds its shares, and what was paid for them, to what is held of the symbol. A sale takes its part of that
cost with it: cost x shares sold / shares held, rounded down to the cent; what rounding leaves stays with the shares
that are left, and the last share takes all of it. What a sale brought beyond its part is *realised*, for good: also
when no share is left, and when the symbol is bought again later.
"""

from collections.abc import Iterable, Iterator

import msgspec

from webapp.store import store


class Booking(msgspec.Struct, frozen=True):
    """A trade, and what it changed: the cost of what is held of its symbol, and what was realised."""

    seq: int
    symbol: str
    cost_delta_cents: int
    realised_delta_cents: int


class SymbolProfit(msgspec.Struct, frozen=True):
    """Of a symbol that was ever bought. `cost_cents` is of the shares held now: 0 where none is."""

    symbol: str
    cost_cents: int
    realised_cents: int


class Realised(msgspec.Struct, frozen=True):
    """What all sales so far brought beyond their cost; `symbols` add up to it."""

    realised_cents: int
    symbols: list[SymbolProfit]


def realised(user: str) -> Realised:
    """Over all symbols that the user ever bought, those sold to the last share among them."""
    cost: dict[str, int] = {}
    gain: dict[str, int] = {}
    for booking in bookings(user):
        cost[booking.symbol] = cost.get(booking.symbol, 0) + booking.cost_delta_cents
        gain[booking.symbol] = gain.get(booking.symbol, 0) + booking.realised_delta_cents
    symbols = [SymbolProfit(symbol, cost[symbol], gain[symbol]) for symbol in sorted(cost)]
    return Realised(sum(gain.values()), symbols)


def bookings(user: str, symbol: str | None = None) -> Iterator[Booking]:
    """Of all trades of a user, or of those of one symbol; the oldest first."""
    return booked(store().rows(_TRADES, user=user, symbol=symbol))


def booked(trades: Iterable[tuple[int, str, int, int]]) -> Iterator[Booking]:
    """`trades` are the oldest first: seq, symbol, shares that came (or went, negative), cents paid or received."""
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
