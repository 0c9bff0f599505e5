"""The book of armed trigger orders, sorted by price per symbol and side. Pure: no I/O, no clock (spec §3, triggers).

A price touches only the orders it satisfies. An order leaves the book when its account's owner says that it is gone,
never because a fill was sent: the owner decides whether a fill takes effect.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec
from sortedcontainers import SortedDict

from schema.events import TriggerChange
from schema.outcomes import Side

GONE_REMEMBERED_MAX = 100_000
"""Orders that are gone are remembered, so that a late, repeated message does not bring one back as a ghost."""

Key = tuple[str, str, Side]


class Armed(msgspec.Struct, gc=False):
    """An armed order. `tried_quote_id`: the last quote for which its fill was sent, so that none is sent twice."""

    user: str
    symbol: str
    side: Side
    version: int
    trigger_cents: int
    reserved_cents: int
    reserved_shares: int
    transaction_number: int
    tried_quote_id: int = 0

    @property
    def key(self) -> Key:
        return self.user, self.symbol, self.side

    def fills_at(self, price_cents: int) -> bool:
        """Whether this price satisfies it and moves a share at all; where it moves none, the order stays armed."""
        if self.side is Side.BUY:
            return price_cents <= self.trigger_cents and self.reserved_cents >= price_cents
        return price_cents >= self.trigger_cents and self.reserved_shares > 0


class _Ladder:
    """One symbol's orders of one side by trigger price; those of one price in the order they came."""

    def __init__(self, side: Side):
        self._side = side
        self._levels: SortedDict = SortedDict()

    def add(self, order: Armed) -> None:
        self._levels.setdefault(order.trigger_cents, {})[order.user] = order

    def remove(self, order: Armed) -> None:
        level = self._levels[order.trigger_cents]
        del level[order.user]
        if not level:
            del self._levels[order.trigger_cents]

    def satisfied(self, price_cents: int) -> Iterator[Armed]:
        if self._side is Side.BUY:
            prices = self._levels.irange(minimum=price_cents, reverse=True)
        else:
            prices = self._levels.irange(maximum=price_cents)
        for price in prices:
            yield from self._levels[price].values()

    def all(self) -> Iterator[Armed]:
        for level in self._levels.values():
            yield from level.values()


class Book:
    """All armed orders of some symbols."""

    def __init__(self) -> None:
        self._orders: dict[Key, Armed] = {}
        self._gone: OrderedDict[Key, int] = OrderedDict()
        self._ladders: dict[str, dict[Side, _Ladder]] = {}

    def change(self, change: TriggerChange) -> Armed | None:
        """Takes in the newest state of an order; returns it if it is armed now. What is not news changes nothing."""
        key = (change.user, change.symbol, change.side)
        known = self._orders.get(key)
        if change.version <= (known.version if known else self._gone.get(key, 0)):
            return None
        if known is not None:
            self._remove(known)
        if change.trigger_cents is None:
            self._remember_gone(key, change.version)
            return None
        self._gone.pop(key, None)
        order = Armed(
            change.user,
            change.symbol,
            change.side,
            change.version,
            change.trigger_cents,
            change.reserved_cents,
            change.reserved_shares,
            change.transaction_number,
        )
        self._orders[key] = order
        ladders = self._ladders.setdefault(change.symbol, {})
        if change.side not in ladders:
            ladders[change.side] = _Ladder(change.side)
        ladders[change.side].add(order)
        return order

    def to_fill(self, symbol: str, price_cents: int, quote_id: int) -> list[Armed]:
        """The orders that this quote fills and for which that was not said before; marks them as tried."""
        orders = [
            order
            for ladder in self._ladders.get(symbol, {}).values()
            for order in ladder.satisfied(price_cents)
            if order.tried_quote_id != quote_id and order.fills_at(price_cents)
        ]
        for order in orders:
            order.tried_quote_id = quote_id
        return orders

    def watched(self, symbol: str) -> Armed | None:
        """Any armed order on the symbol, None where there is none: whether its price must be kept fresh."""
        ladders = self._ladders.get(symbol, {}).values()
        return next((order for ladder in ladders for order in ladder.all()), None)

    def drop(self, symbols: Iterable[str]) -> None:
        """Forgets symbols that are another worker's now."""
        for symbol in symbols:
            for ladder in self._ladders.pop(symbol, {}).values():
                for order in ladder.all():
                    del self._orders[order.key]

    @property
    def symbols(self) -> list[str]:
        """Symbols that have had an armed order."""
        return list(self._ladders)

    def __len__(self) -> int:
        return len(self._orders)

    def _remove(self, order: Armed) -> None:
        del self._orders[order.key]
        self._ladders[order.symbol][order.side].remove(order)

    def _remember_gone(self, key: Key, version: int) -> None:
        self._gone[key] = version
        self._gone.move_to_end(key)
        if len(self._gone) > GONE_REMEMBERED_MAX:
            self._gone.popitem(last=False)
