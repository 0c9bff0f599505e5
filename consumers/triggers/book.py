"""The book of armed trigger orders, sorted by price per symbol and side. Pure: no I/O, no clock (spec §3, triggers).

The work for a price depends only on the number of orders that it fills. An order leaves the book when its account's
owner announces that it is gone, never because a fill was sent: the owner decides whether a fill takes effect.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec
from sortedcontainers import SortedDict

from schema.events import TriggerChange
from schema.outcomes import Side

GONE_REMEMBERED_MAX = 100_000
"""Maximum gone orders to remember, so that a late, repeated message does not bring one back."""

Key = tuple[str, str, Side]


class Armed(msgspec.Struct, gc=False):
    """An armed order. `tried_quote_id`: last quote for which a fill was sent, so that none is sent twice."""

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

    @property
    def limit_cents(self) -> int | None:
        """Highest price that fills a buy, lowest price that fills a sell. None if no price does.

        A price that satisfies an order but moves no share leaves it armed. So if a buy has reserved less than its
        trigger price, its limit is the reserved amount. A price then fills exactly the orders whose limit it reaches.
        """
        if self.side is Side.BUY:
            return min(self.trigger_cents, self.reserved_cents)
        return self.trigger_cents if self.reserved_shares else None

    def fills_at(self, price_cents: int) -> bool:
        """Whether this price satisfies the order and moves at least one share."""
        limit = self.limit_cents
        if limit is None:
            return False
        return price_cents <= limit if self.side is Side.BUY else price_cents >= limit


class _Ladder:
    """Orders of one symbol and side, by user and by limit; orders of the same limit are in the order of arrival.

    Keys are texts and numbers, and orders refer to no container. So the garbage collector need not scan them, however
    many there are.
    """

    def __init__(self, symbol: str, side: Side):
        self.symbol = symbol
        self.orders: dict[str, Armed] = {}
        self._side = side
        self._levels: SortedDict[int, dict[str, Armed]] = SortedDict()

    def add(self, order: Armed) -> None:
        self.orders[order.user] = order
        limit = order.limit_cents
        if limit is not None:
            level = self._levels.get(limit)
            if level is None:
                level = self._levels[limit] = {}
            level[order.user] = order

    def remove(self, order: Armed) -> None:
        del self.orders[order.user]
        limit = order.limit_cents
        if limit is not None:
            level = self._levels[limit]
            del level[order.user]
            if not level:
                del self._levels[limit]

    @property
    def any_fillable(self) -> Armed | None:
        """Any order that some price fills; None if there is none."""
        return next((order for level in self._levels.values() for order in level.values()), None)

    def filled_by(self, price_cents: int) -> Iterator[Armed]:
        """Orders that this price fills, those with the most distant limit first. Visits no other order."""
        if self._side is Side.BUY:
            limits = self._levels.irange(minimum=price_cents, reverse=True)
        else:
            limits = self._levels.irange(maximum=price_cents)
        for limit in limits:
            yield from self._levels[limit].values()


class Book:
    """All armed orders of some symbols."""

    def __init__(self) -> None:
        self._ladders: dict[str, dict[Side, _Ladder]] = {}
        # Version of each order that is gone. Bounded: the oldest is forgotten first.
        self._gone: OrderedDict[Key, int] = OrderedDict()

    def change(self, change: TriggerChange) -> Armed | None:
        """Applies a change to an order. Returns the order if it is armed now. Ignores a change that is not newer."""
        ladder = self._ladder(change.symbol, change.side)
        known = ladder.orders.get(change.user)
        if known is not None:
            if change.version <= known.version:
                return None
            ladder.remove(known)
        elif self._gone:
            key = (change.user, change.symbol, change.side)
            if change.version <= self._gone.get(key, 0):
                return None
            if change.trigger_cents is not None:
                self._gone.pop(key, None)
        if change.trigger_cents is None:
            self._remember_gone((change.user, change.symbol, change.side), change.version)
            return None
        order = Armed(
            change.user,
            ladder.symbol,
            change.side,
            change.version,
            change.trigger_cents,
            change.reserved_cents,
            change.reserved_shares,
            change.transaction_number,
        )
        ladder.add(order)
        return order

    def to_fill(self, symbol: str, price_cents: int, quote_id: int) -> list[Armed]:
        """Returns orders that this quote fills, except those returned for it before; marks them as tried."""
        orders = [
            order
            for ladder in self._ladders.get(symbol, {}).values()
            for order in ladder.filled_by(price_cents)
            if order.tried_quote_id != quote_id
        ]
        for order in orders:
            order.tried_quote_id = quote_id
        return orders

    def watched(self, symbol: str) -> Armed | None:
        """Any order on the symbol that some price fills. If there is none, the symbol's price need not be kept fresh.

        No price fills an armed sell of 0 shares: quotes that were bought for it would be wasted money.
        """
        return next(filter(None, (ladder.any_fillable for ladder in self._ladders.get(symbol, {}).values())), None)

    def drop(self, symbols: Iterable[str]) -> None:
        """Drops symbols that another worker owns now."""
        for symbol in symbols:
            self._ladders.pop(symbol, None)

    @property
    def symbols(self) -> list[str]:
        """Symbols that have had an armed order."""
        return list(self._ladders)

    def __len__(self) -> int:
        return sum(len(ladder.orders) for ladders in self._ladders.values() for ladder in ladders.values())

    def _ladder(self, symbol: str, side: Side) -> _Ladder:
        ladders = self._ladders.setdefault(symbol, {})
        ladder = ladders.get(side)
        if ladder is None:
            ladder = ladders[side] = _Ladder(symbol, side)
        return ladder

    def _remember_gone(self, key: Key, version: int) -> None:
        self._gone[key] = version
        self._gone.move_to_end(key)
        if len(self._gone) > GONE_REMEMBERED_MAX:
            self._gone.popitem(last=False)
