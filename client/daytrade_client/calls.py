"""The calls of the API as values: what to send, and the type of the answer. No I/O; both clients send them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

import msgspec

from daytrade_client import answers
from daytrade_client.answers import Side

Answer = TypeVar("Answer")

WAIT_MS = 10_000
"""Longest wait for an outcome in one request, which the API bounds to this."""

PREFIX = "/api/v1"


@dataclass(frozen=True)
class Call(Generic[Answer]):
    """A request. `key`: its idempotency key; a call with one, and every GET, may be sent again."""

    method: str
    path: str
    answer: type[Answer]
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: object = None
    key: str | None = None

    @property
    def repeatable(self) -> bool:
        return self.method != "POST" or self.key is not None


@dataclass(frozen=True)
class Order:
    """A command to give, with its idempotency key. Make one with the functions below, such as `buy`."""

    body: Mapping[str, str | int]
    key: str = field(default_factory=lambda: secrets.token_hex(16))


def add(amount: str) -> Order:
    """Adds funds. `amount`: dollars as text, such as "100.00"."""
    return Order({"command": "ADD", "amount": amount})


def get_price(symbol: str) -> Order:
    """Gets a price that an order can use for 60 s. It may have to be paid for."""
    return Order({"command": "QUOTE", "symbol": symbol})


def buy(symbol: str, shares: int | None = None, amount: str | None = None) -> Order:
    """Reserves cash for shares, or for as many as an amount buys; commit within 60 s."""
    return Order({"command": "BUY", "symbol": symbol} | _volume(shares, amount))


def sell(symbol: str, shares: int | None = None, amount: str | None = None) -> Order:
    """Reserves shares, or as many as an amount is worth; commit within 60 s."""
    return Order({"command": "SELL", "symbol": symbol} | _volume(shares, amount))


def commit(side: Side, order: int | None = None) -> Order:
    """Executes the newest pending order of a side. With `order`, its `seq`, only if that is the newest."""
    return Order({"command": f"COMMIT_{side.upper()}"} | ({} if order is None else {"order": order}))


def cancel(side: Side, order: int | None = None) -> Order:
    """Releases the newest pending order of a side. With `order`, its `seq`, only if that is the newest."""
    return Order({"command": f"CANCEL_{side.upper()}"} | ({} if order is None else {"order": order}))


def set_amount(side: Side, symbol: str, amount: str) -> Order:
    """Sets the dollars of a trigger order."""
    return Order({"command": f"SET_{side.upper()}_AMOUNT", "symbol": symbol, "amount": amount})


def set_trigger(side: Side, symbol: str, price: str) -> Order:
    """Arms a trigger order: a buy fires at or below the price, a sell at or above it."""
    return Order({"command": f"SET_{side.upper()}_TRIGGER", "symbol": symbol, "price": price})


def cancel_trigger(side: Side, symbol: str) -> Order:
    """Cancels a trigger order."""
    return Order({"command": f"CANCEL_SET_{side.upper()}", "symbol": symbol})


def give(order: Order, wait_ms: int = WAIT_MS) -> Call[answers.CommandInfo]:
    """Gives a command."""
    return Call("POST", "/commands", answers.CommandInfo, {"wait": wait_ms}, order.body, order.key)


def outcome(command_id: str, wait_ms: int = WAIT_MS) -> Call[answers.CommandInfo]:
    """Gets the outcome of a command that was given."""
    return Call("GET", f"/commands/{command_id}", answers.CommandInfo, {"wait": wait_ms})


def batch(orders: Sequence[Order], wait_ms: int = WAIT_MS) -> Call[answers.BatchResults]:
    """Gives up to 100 commands, in their order, all or none of them."""
    items = [{"command": order.body, "key": order.key} for order in orders]
    keys = orders[0].key if orders else None
    return Call("POST", "/commands/batch", answers.BatchResults, {"wait": wait_ms}, {"commands": items}, keys)


def close(symbol: str | None = None, commit: bool = True) -> Call[list[answers.ClosedPosition]]:
    """Sells all available shares of a position, or of all, and commits unless told otherwise."""
    path = "/positions" if symbol is None else f"/positions/{symbol}"
    return Call("DELETE", path, list[answers.ClosedPosition], {"wait": WAIT_MS, "commit": str(commit).lower()})


def cancel_all(what: Literal["orders", "triggers"]) -> Call[list[answers.CommandInfo]]:
    """Cancels all pending orders, or all trigger orders."""
    return Call("DELETE", f"/{what}", list[answers.CommandInfo], {"wait": WAIT_MS})


def account() -> Call[answers.AccountInfo]:
    """Gets the account's cash."""
    return Call("GET", "/account", answers.AccountInfo)


def positions() -> Call[list[answers.PositionInfo]]:
    """Lists the positions."""
    return Call("GET", "/positions", list[answers.PositionInfo])


def orders() -> Call[list[answers.WaitingOrder]]:
    """Lists the pending orders, the newest first."""
    return Call("GET", "/orders", list[answers.WaitingOrder])


def triggers() -> Call[list[answers.TriggerInfo]]:
    """Lists the trigger orders."""
    return Call("GET", "/triggers", list[answers.TriggerInfo])


def quote(symbol: str) -> Call[answers.QuoteInfo]:
    """Gets the newest known price, at no cost."""
    return Call("GET", f"/quotes/{symbol}", answers.QuoteInfo)


def history(before: int | None = None, size: int = 100) -> Call[answers.HistoryEntries]:
    """Gets a page of the history, the newest rows first."""
    return Call("GET", "/history", answers.HistoryEntries, {"size": size} | _given(before=before))


def prices(symbol: str, after: str | None = None, size: int = 500) -> Call[answers.PricePage]:
    """Gets a page of a symbol's prices, the oldest first."""
    return Call("GET", f"/prices/{symbol}/history", answers.PricePage, {"size": size} | _given(after=after))


def token(user: str, password: str, name: str, scope: Literal["read", "trade"] = "trade") -> Call[answers.TokenInfo]:
    """Creates a token for a name and password."""
    body = {"user": user, "password": password, "name": name, "scope": scope}
    return Call("POST", "/tokens", answers.TokenInfo, body=body)


def encoded(body: object) -> bytes | None:
    """Body of a request."""
    return None if body is None else msgspec.json.encode(body)


def _volume(shares: int | None, amount: str | None) -> dict[str, str | int]:
    if (shares is None) == (amount is None):
        raise ValueError("give `shares` or `amount`, not both")
    return {"shares": shares} if shares is not None else {"amount": amount or ""}


def _given(**query: str | int | None) -> dict[str, str | int]:
    return {name: value for name, value in query.items() if value is not None}
