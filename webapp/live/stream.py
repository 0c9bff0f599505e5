"""News that one open page has yet to receive: only the newest values, so a slow page costs no memory. No I/O."""

import asyncio
from collections.abc import Iterable

import msgspec


class Stream:
    """News of one page, for the event loop's thread. `news` is set when `take` has something to return."""

    def __init__(self, user: str, symbols: Iterable[str], network: str = ""):
        self.user = user
        self.network = network
        self.symbols = frozenset(symbols)
        self.news = asyncio.Event()
        self._prices: dict[str, dict[str, object]] = {}
        self._others: dict[str, dict[str, object]] = {}
        self._told_seq = -1

    def tell_price(self, symbol: str, price_cents: int, asked_at_ms: int) -> None:
        """Adds a newer price; drops it if the page does not follow the symbol."""
        if symbol in self.symbols:
            self._prices[symbol] = {"symbol": symbol, "price_cents": price_cents, "asked_at_ms": asked_at_ms}
            self.news.set()

    def tell_account(self, seq: int) -> None:
        """Adds the number of the user's newest history row, if it is higher than the last one added."""
        if seq > self._told_seq:
            self._told_seq = seq
            self._others["account"] = {"seq": seq}
            self.news.set()

    def tell_status(self, live: bool) -> None:
        """Adds whether the broker is connected, so that no news is missed."""
        self._others["status"] = {"live": live}
        self.news.set()

    @property
    def told_seq(self) -> int:
        """Number of the newest history row added; negative before the first."""
        return self._told_seq

    def take(self) -> list[tuple[str, dict[str, object]]]:
        """Returns the events to send, and forgets them."""
        self.news.clear()
        events = [*self._others.items(), *(("price", price) for price in self._prices.values())]
        self._others, self._prices = {}, {}
        return events


def event(name: str, data: object, event_id: object = None) -> bytes:
    """Encodes an event for the wire (HTML standard, server-sent events). One without an id keeps the last one's."""
    head = "" if event_id is None else f"id: {event_id}\n"
    return f"{head}event: {name}\ndata: ".encode() + msgspec.json.encode(data) + b"\n\n"
