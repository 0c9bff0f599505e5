"""Closing of positions and cancelling of all orders, by commands that name shares or an order (spec §3a).

Repeating a call is safe: it sells only shares that are still available, and cancels only orders that still exist.
"""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec

from schema.arguments import BY_SHARES, OF_ORDER
from schema.commands import CommandName
from schema.outcomes import Side
from webapp import commands, reads
from webapp.command_results import CommandResult, CommandStatus

Part = TypeVar("Part")

AT_ONCE_MAX = 100
"""Maximum commands that are handed over together."""


class Closed(msgspec.Struct, frozen=True):
    """The SELL of all available shares of a position, and its COMMIT.

    `commit` is null if the SELL was to be left pending, was rejected, or had no outcome in time.
    """

    symbol: str
    sell: CommandResult
    commit: CommandResult | None


def available(user: str, symbol: str | None = None) -> dict[str, int]:
    """Available shares by symbol: of all positions that have some, or of one."""
    held = {position.symbol: position.shares for position in reads.positions(user) if position.shares}
    return {name: shares for name, shares in held.items() if symbol in (None, name)}


def close(user: str, shares: dict[str, int], commit: bool, wait_ms: int) -> list[Closed]:
    """Sells these shares; commits each SELL whose outcome comes within `wait_ms`. Raises Unavailable.

    A COMMIT names its order, and the newest order is committed first. So it commits nothing else, whatever the person
    does meanwhile: in that case it is rejected.
    """
    ends_at = time.monotonic() + wait_ms / 1000
    closed = []
    for symbols in _parts(sorted(shares)):
        sells = [commands.CommandRequest(CommandName.SELL, [s, str(shares[s])], user, form=BY_SHARES) for s in symbols]
        sold = dict(zip(symbols, _given(sells, ends_at), strict=True))
        done = [symbol for symbol in reversed(symbols) if commit and sold[symbol].status is CommandStatus.DONE]
        named = [_of_order(CommandName.COMMIT_SELL, user, sold[symbol].seq) for symbol in done]
        committed = dict(zip(done, _given(named, ends_at), strict=True))
        closed += [Closed(symbol, sold[symbol], committed.get(symbol)) for symbol in symbols]
    return closed


def cancel_orders(user: str, wait_ms: int) -> list[CommandResult]:
    """Cancels all pending orders, the newest first. Raises Unavailable."""
    names = {Side.BUY: CommandName.CANCEL_BUY, Side.SELL: CommandName.CANCEL_SELL}
    return _all([_of_order(names[Side(order.side)], user, order.seq) for order in reads.pending_orders(user)], wait_ms)


def cancel_triggers(user: str, wait_ms: int) -> list[CommandResult]:
    """Cancels all trigger orders, armed or not. Raises Unavailable."""
    names = {Side.BUY: CommandName.CANCEL_SET_BUY, Side.SELL: CommandName.CANCEL_SET_SELL}
    orders = reads.trigger_orders(user)
    return _all([commands.CommandRequest(names[Side(one.side)], [one.symbol], user) for one in orders], wait_ms)


def _of_order(name: CommandName, user: str, seq: int | None) -> commands.CommandRequest:
    assert seq is not None, "a command that is done has a row"
    return commands.CommandRequest(name, [str(seq)], user, form=OF_ORDER)


def _all(requests: list[commands.CommandRequest], wait_ms: int) -> list[CommandResult]:
    ends_at = time.monotonic() + wait_ms / 1000
    return [result for part in _parts(requests) for result in _given(part, ends_at)]


def _given(requests: Sequence[commands.CommandRequest], ends_at: float) -> list[CommandResult]:
    """Results of commands without keys, which come by `ends_at` in monotonic seconds or are pending."""
    if not requests:
        return []
    wait_ms = max(0, round(1000 * (ends_at - time.monotonic())))
    given = commands.give_all([commands.KeyedRequest(request) for request in requests], wait_ms)
    return [one.result for one in given if isinstance(one, commands.Submitted)]


def _parts(items: Sequence[Part]) -> Iterator[Sequence[Part]]:
    for start in range(0, len(items), AT_ONCE_MAX):
        yield items[start : start + AT_ONCE_MAX]
