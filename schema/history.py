"""History rows, and the account that a user's rows lead to.

Pure: no I/O, no clock. The account is derived from the effects that the rows record; no rule of spec §3 is applied
again (`make replay` does that). The rows determine the whole account: the reserve of a BUY tells its number of shares,
a COMMIT or CANCEL took the newest order of its stack, an expiry's id names its order, and a trigger order's version is
the seq of the row that changed it last.
"""

from collections.abc import Callable, Iterable

import msgspec

from schema.accounts import PENDING_LIFETIME_MS, Account, PendingOrder, Position, TriggerOrder
from schema.commands import CommandName
from schema.errors import DayTradeError
from schema.outcomes import HistoryKind, Outcome, Side


class BrokenHistory(DayTradeError):
    """The rows cannot come from a run of this system: one is missing, or was altered."""


class HistoryRow(msgspec.Struct, frozen=True, gc=False):
    """A row of the table `history`, without its user. Enumerations may be plain text, as they equal their values.

    The `command_id` of an expiry ends with the seq of its order. `shares` and `order_seq` are what the command named
    (spec §3a); `newest_order_seq` is the newest pending order, if the command named another one.
    """

    seq: int
    kind: str
    command_id: bytes
    transaction_number: int
    command: str
    symbol: str | None
    amount_cents: int | None
    price_cents: int | None
    outcome: str
    reason: str | None
    cash_delta_cents: int
    reserved_delta_cents: int
    shares_delta: int
    reserved_shares_delta: int
    quote_id: int | None
    published_at_ms: int
    at_ms: int
    shares: int | None
    order_seq: int | None
    newest_order_seq: int | None


def fold(user: str, rows: Iterable[HistoryRow]) -> Account:
    """The account after the last of these rows. They must be the user's rows 1, 2, 3, … Raises BrokenHistory."""
    account = Account(user)
    for row in rows:
        if row.seq != account.history_seq + 1:
            raise BrokenHistory(f"{user or 'no user'}: row {row.seq} follows row {account.history_seq}")
        account.history_seq = row.seq
        if row.outcome == Outcome.DONE:
            try:
                _take_effect(account, row)
            except (LookupError, ValueError) as error:
                raise BrokenHistory(
                    f"{user or 'no user'}: row {row.seq} ({row.kind} {row.command}): {error}"
                ) from error
    return account


def expired_seq(row: HistoryRow) -> int:
    """The history seq of the BUY or SELL whose order an expiry released."""
    return int.from_bytes(row.command_id[8:], "big")


def _take_effect(account: Account, row: HistoryRow) -> None:
    account.cash_cents += row.cash_delta_cents
    account.reserved_cents += row.reserved_delta_cents
    if row.shares_delta or row.reserved_shares_delta:
        position = account.positions.setdefault(_symbol(row), Position())
        position.shares += row.shares_delta
        position.reserved_shares += row.reserved_shares_delta
    if row.kind == HistoryKind.COMMAND:
        effect = _EFFECTS.get(row.command)
        if effect is not None:
            effect(account, row)
    elif row.kind == HistoryKind.EXPIRY:
        _expire(account, row)
    else:
        del account.triggers[_symbol(row), _FILLS[row.command]]


def _symbol(row: HistoryRow) -> str:
    if row.symbol is None:
        raise ValueError("names no symbol")
    return row.symbol


def _amount_cents(row: HistoryRow) -> int:
    if row.amount_cents is None:
        raise ValueError("names no amount")
    return row.amount_cents


def _price_cents(row: HistoryRow) -> int:
    if row.price_cents is None:
        raise ValueError("names no price")
    return row.price_cents


def _open(account: Account, row: HistoryRow) -> None:
    account.opened = True


def _buy(account: Account, row: HistoryRow) -> None:
    _push(account, row, Side.BUY, row.reserved_delta_cents // _price_cents(row))


def _sell(account: Account, row: HistoryRow) -> None:
    _push(account, row, Side.SELL, row.reserved_shares_delta)


def _push(account: Account, row: HistoryRow, side: Side, shares: int) -> None:
    expires_at_ms = row.at_ms + PENDING_LIFETIME_MS
    account.stack(side).append(
        PendingOrder(row.seq, side, _symbol(row), shares, _price_cents(row), expires_at_ms, row.transaction_number)
    )


def _pop_buy(account: Account, row: HistoryRow) -> None:
    _pop(account.buys, row)


def _pop_sell(account: Account, row: HistoryRow) -> None:
    _pop(account.sells, row)


def _pop(stack: list[PendingOrder], row: HistoryRow) -> None:
    order = stack.pop()
    if row.order_seq not in (None, order.seq):
        raise ValueError(f"takes order {row.order_seq} where order {order.seq} is next")
    if (order.symbol, order.price_cents) != (row.symbol, row.price_cents):
        raise ValueError(f"takes {row.symbol} at {row.price_cents} where {order.symbol} at {order.price_cents} is next")


def _expire(account: Account, row: HistoryRow) -> None:
    stack = account.stack(_EXPIRIES[row.command])
    place = next((n for n, order in enumerate(stack) if order.seq == expired_seq(row)), None)
    if place is None:
        raise ValueError(f"releases order {expired_seq(row)}, which is not pending")
    del stack[place]


def _set_amount(account: Account, row: HistoryRow, side: Side) -> None:
    old = account.triggers.get((_symbol(row), side))
    account.triggers[_symbol(row), side] = TriggerOrder(
        _symbol(row),
        side,
        _amount_cents(row),
        old.trigger_cents if old else None,
        (old.reserved_cents if old else 0) + row.reserved_delta_cents,
        (old.reserved_shares if old else 0) + row.reserved_shares_delta,
        row.seq,
        old.transaction_number if old and old.trigger_cents is not None else row.transaction_number,
    )


def _set_trigger(account: Account, row: HistoryRow, side: Side) -> None:
    old = account.triggers[_symbol(row), side]
    account.triggers[_symbol(row), side] = msgspec.structs.replace(
        old,
        trigger_cents=row.price_cents,
        reserved_shares=old.reserved_shares + row.reserved_shares_delta,
        version=row.seq,
        transaction_number=row.transaction_number,
    )


def _cancel_trigger(account: Account, row: HistoryRow, side: Side) -> None:
    del account.triggers[_symbol(row), side]


def _of(side: Side, effect: Callable[[Account, HistoryRow, Side], None]) -> Callable[[Account, HistoryRow], None]:
    return lambda account, row: effect(account, row, side)


_EFFECTS: dict[str, Callable[[Account, HistoryRow], None]] = {
    CommandName.ADD: _open,
    CommandName.BUY: _buy,
    CommandName.COMMIT_BUY: _pop_buy,
    CommandName.CANCEL_BUY: _pop_buy,
    CommandName.SELL: _sell,
    CommandName.COMMIT_SELL: _pop_sell,
    CommandName.CANCEL_SELL: _pop_sell,
    CommandName.SET_BUY_AMOUNT: _of(Side.BUY, _set_amount),
    CommandName.SET_BUY_TRIGGER: _of(Side.BUY, _set_trigger),
    CommandName.CANCEL_SET_BUY: _of(Side.BUY, _cancel_trigger),
    CommandName.SET_SELL_AMOUNT: _of(Side.SELL, _set_amount),
    CommandName.SET_SELL_TRIGGER: _of(Side.SELL, _set_trigger),
    CommandName.CANCEL_SET_SELL: _of(Side.SELL, _cancel_trigger),
}
"""Effects of a done command besides its deltas: on the stacks and on the trigger orders."""

_EXPIRIES: dict[str, Side] = {CommandName.BUY: Side.BUY, CommandName.SELL: Side.SELL}

_FILLS: dict[str, Side] = {CommandName.SET_BUY_TRIGGER: Side.BUY, CommandName.SET_SELL_TRIGGER: Side.SELL}
