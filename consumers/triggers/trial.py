"""Trial of recorded prices on armed trigger orders. Pure: it turns orders and prices into firings.

Uses the same book and arithmetic as the real worker: an order fires once, at the first price that satisfies it and
moves a share, and is then gone (spec §3). The trial does not know accounts. It cannot tell when a fill would make a
balance exceed its limit; the real order then stays armed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from consumers.triggers.book import Armed, Book
from runtime.price_file import PricePoint
from schema.events import TriggerChange
from schema.money import whole_shares
from schema.outcomes import Side


@dataclass(frozen=True, slots=True)
class Firing:
    """An order that fires. `cash_cents`: spent by a buy, received by a sell. `back_cents`: rest of a buy's reserve."""

    order: Armed
    at_ms: int
    price_cents: int
    shares: int
    cash_cents: int
    back_cents: int


@dataclass(frozen=True, slots=True)
class Quiet:
    """An order that does not fire. `closest`: the price nearest to its trigger; None if its symbol had no price."""

    order: Armed
    closest: PricePoint | None


def would_fire(orders: Iterable[TriggerChange], prices: Iterable[PricePoint]) -> tuple[list[Firing], list[Quiet]]:
    """Tries prices on orders. Returns the firings in the order in which they happen, and the orders that do not fire.

    `prices` must be in the order of time. Each counts as a quote of its own.
    """
    book = Book()
    waiting = {order.key: order for change in orders if (order := book.change(change)) is not None}
    closest: dict[tuple[str, Side], PricePoint] = {}
    firings = []
    for number, point in enumerate(prices, start=1):
        for side in Side:
            best = closest.get((point.symbol, side))
            if best is None or _is_closer(side, point.price_cents, best.price_cents):
                closest[point.symbol, side] = point
        for order in book.to_fill(point.symbol, point.price_cents, number):
            firings.append(_fire(order, point))
            del waiting[order.key]
            book.change(_gone(order))
    return firings, [Quiet(order, closest.get((order.symbol, order.side))) for order in waiting.values()]


def _fire(order: Armed, point: PricePoint) -> Firing:
    price = point.price_cents
    if order.side is Side.SELL:
        return Firing(order, point.at_ms, price, order.reserved_shares, order.reserved_shares * price, 0)
    shares = whole_shares(order.reserved_cents, price)
    return Firing(order, point.at_ms, price, shares, shares * price, order.reserved_cents - shares * price)


def _gone(order: Armed) -> TriggerChange:
    return TriggerChange(
        order.user, order.symbol, order.side, order.version + 1, None, 0, 0, order.transaction_number
    )  # fmt: skip


def _is_closer(side: Side, price_cents: int, than_cents: int) -> bool:
    return price_cents < than_cents if side is Side.BUY else price_cents > than_cents
