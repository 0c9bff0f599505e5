"""One open page: what it still has to be told. Newest values only, so a slow page costs no memory. No I/O."""

import asyncio
import json
from collections.abc import Iterable


class Stream:
    """For the event loop's thread. `take` gives what there is to say; `news` is set when there is something."""

    def __init__(self, user: str, symbols: Iterable[str]):
        self.user = user
        self.symbols = frozenset(symbols)
        self.news = asyncio.Event()
        self._prices: dict[str, dict[str, object]] = {}
        self._others: dict[str, dict[str, object]] = {}
        self._told_seq = -1

    def tell_price(self, symbol: str, price_cents: int, asked_at_ms: int) -> None:
        """A newer price; those of symbols nobody asked for are dropped here."""
        if symbol in self.symbols:
            self._prices[symbol] = {"symbol": symbol, "price_cents": price_cents, "asked_at_ms": asked_at_ms}
            self.news.set()

    def tell_account(self, seq: int) -> None:
        """The user's history has grown to this row; the same again is no news."""
        if seq > self._told_seq:
            self._told_seq = seq
            self._others["account"] = {"seq": seq}
            self.news.set()

    def tell_status(self, live: bool) -> None:
        """Whether news can be trusted to come."""
        self._others["status"] = {"live": live}
        self.news.set()

    def take(self) -> list[tuple[str, dict[str, object]]]:
        """Events to send, and forgets them."""
        self.news.clear()
        events = [*self._others.items(), *(("price", price) for price in self._prices.values())]
        self._others, self._prices = {}, {}
        return events


def event(name: str, data: dict[str, object], event_id: str) -> bytes:
    """In the form of the wire (HTML standard, server-sent events)."""
    return f"id: {event_id}\nevent: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
