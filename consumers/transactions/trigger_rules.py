"""Rules of trigger orders: amount, price, cancelling, and the fill when a quote satisfies one (spec §3). Pure."""

from typing import Unpack

from msgspec.structs import replace

from consumers.transactions.account import Account, Decision, Deltas, TriggerOrder
from consumers.transactions.verdict import Given, done, rejected
from schema.commands import Command, CommandName, Fill
from schema.events import is_usable
from schema.money import whole_shares
from schema.outcomes import HistoryKind, Reason, Side

TRIGGER_ORDERS_MAX = 1_000
"""Maximum trigger orders of one user, buys and sells together, armed or not (spec §3a)."""


def set_buy_amount(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    assert command.symbol is not None and command.amount_cents is not None, command
    if not account.opened:
        return rejected(command, Reason.NO_ACCOUNT)
    old = account.triggers.get((command.symbol, Side.BUY))
    if old is None and len(account.triggers) >= TRIGGER_ORDERS_MAX:
        return rejected(command, Reason.TOO_MANY_TRIGGER_ORDERS)
    given_back = old.reserved_cents if old else 0
    amount = command.amount_cents
    if account.cash_cents + given_back < amount:
        return rejected(command, Reason.TOO_LITTLE_CASH)
    order = TriggerOrder(
        command.symbol,
        Side.BUY,
        amount,
        old.trigger_cents if old else None,
        reserved_cents=amount,
        reserved_shares=0,
        version=account.history_seq + 1,
        transaction_number=_set_by(old, command),
    )
    moved = amount - given_back
    return _setting(command, order, amount_cents=amount, cash_delta_cents=-moved, reserved_delta_cents=moved)


def set_buy_trigger(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    assert command.symbol is not None, command
    old = account.triggers.get((command.symbol, Side.BUY))
    if old is None:
        return rejected(command, Reason.NO_BUY_AMOUNT)
    if not _may_arm(account, command, old):
        return rejected(command, Reason.TRIGGER_ALLOWANCE_USED_UP)
    return _setting(command, _armed(account, command, old, 0), price_cents=command.amount_cents)


def cancel_set_buy(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    assert command.symbol is not None, command
    old = account.triggers.get((command.symbol, Side.BUY))
    if old is None:
        return rejected(command, Reason.NO_TRIGGER_ORDER)
    back = old.reserved_cents
    return _cancelling(command, old, cash_delta_cents=back, reserved_delta_cents=-back)


def set_sell_amount(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    assert command.symbol is not None and command.amount_cents is not None, command
    if not account.opened:
        return rejected(command, Reason.NO_ACCOUNT)
    old = account.triggers.get((command.symbol, Side.SELL))
    if old is None and len(account.triggers) >= TRIGGER_ORDERS_MAX:
        return rejected(command, Reason.TOO_MANY_TRIGGER_ORDERS)
    position = account.position(command.symbol)
    if position.shares + position.reserved_shares == 0:
        return rejected(command, Reason.NO_SHARES)
    amount = command.amount_cents
    given_back = old.reserved_shares if old else 0
    armed_at = old.trigger_cents if old else None
    shares = whole_shares(amount, armed_at) if armed_at else 0
    if position.shares + given_back < shares:
        return rejected(command, Reason.TOO_FEW_SHARES)
    order = TriggerOrder(
        command.symbol,
        Side.SELL,
        amount,
        armed_at,
        reserved_cents=0,
        reserved_shares=shares,
        version=account.history_seq + 1,
        transaction_number=_set_by(old, command),
    )
    moved = shares - given_back
    return _setting(command, order, amount_cents=amount, shares_delta=-moved, reserved_shares_delta=moved)


def set_sell_trigger(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    assert command.symbol is not None and command.amount_cents is not None, command
    old = account.triggers.get((command.symbol, Side.SELL))
    if old is None:
        return rejected(command, Reason.NO_SELL_AMOUNT)
    trigger = command.amount_cents
    if old.amount_cents < trigger:
        return rejected(command, Reason.AMOUNT_BELOW_TRIGGER)
    shares = whole_shares(old.amount_cents, trigger)
    if account.position(command.symbol).shares + old.reserved_shares < shares:
        return rejected(command, Reason.TOO_FEW_SHARES)
    if not _may_arm(account, command, old):
        return rejected(command, Reason.TRIGGER_ALLOWANCE_USED_UP)
    moved = shares - old.reserved_shares
    order = _armed(account, command, old, shares)
    return _setting(command, order, price_cents=trigger, shares_delta=-moved, reserved_shares_delta=moved)


def cancel_set_sell(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    assert command.symbol is not None, command
    old = account.triggers.get((command.symbol, Side.SELL))
    if old is None:
        return rejected(command, Reason.NO_TRIGGER_ORDER)
    back = old.reserved_shares
    return _cancelling(command, old, shares_delta=back, reserved_shares_delta=-back)


def fill(account: Account, ordered: Fill, now_ms: int) -> Decision | None:
    """Executes a trigger order at a quote that satisfies it. Returns None if the fill is void: it changes nothing.

    A fill is void if the order is gone or was changed since it was matched, or if the quote is over 60 s old by now,
    does not satisfy the order, moves no share, or would exceed the balance limit. The order then stays as it is.
    """
    order = account.triggers.get((ordered.symbol, ordered.side))
    if order is None or order.version != ordered.version or order.trigger_cents is None:
        return None
    price = ordered.price_cents
    if not is_usable(ordered.asked_at_ms, now_ms) or not satisfied(order.side, order.trigger_cents, price):
        return None
    if order.side is Side.BUY:
        return _fill_buy(account, order, ordered)
    return _fill_sell(account, order, ordered)


def satisfied(side: Side, trigger_cents: int, price_cents: int) -> bool:
    """Whether a price satisfies a trigger: a buy at or below the trigger price, a sell at or above it (spec §3)."""
    return price_cents <= trigger_cents if side is Side.BUY else price_cents >= trigger_cents


def _fill_buy(account: Account, order: TriggerOrder, ordered: Fill) -> Decision | None:
    shares = whole_shares(order.reserved_cents, ordered.price_cents)
    if shares == 0 or not account.has_room_for(order.symbol, shares):
        return None
    cost = shares * ordered.price_cents
    change = order.reserved_cents - cost
    return _filling(
        CommandName.SET_BUY_TRIGGER,
        order,
        ordered,
        amount_cents=cost,
        cash_delta_cents=change,
        reserved_delta_cents=-order.reserved_cents,
        shares_delta=shares,
    )


def _fill_sell(account: Account, order: TriggerOrder, ordered: Fill) -> Decision | None:
    shares = order.reserved_shares
    proceeds = shares * ordered.price_cents
    if shares == 0 or not account.has_room(proceeds):
        return None
    return _filling(
        CommandName.SET_SELL_TRIGGER,
        order,
        ordered,
        amount_cents=proceeds,
        cash_delta_cents=proceeds,
        reserved_shares_delta=-shares,
    )


def _filling(
    command: CommandName, order: TriggerOrder, ordered: Fill, amount_cents: int, **deltas: Unpack[Deltas]
) -> Decision:
    return Decision(
        HistoryKind.FILL,
        command,
        order.transaction_number,
        symbol=order.symbol,
        amount_cents=amount_cents,
        price_cents=ordered.price_cents,
        quote_id=ordered.quote_id,
        trigger_key=(order.symbol, order.side),
        disarms=True,
        **deltas,
    )


def _may_arm(account: Account, command: Command, order: TriggerOrder) -> bool:
    """Whether this order may be armed, or keep being armed, under the person's allowance (spec §3a)."""
    if command.allowances is None or order.trigger_cents is not None:
        return True
    armed = sum(other.trigger_cents is not None for other in account.triggers.values())
    return armed < command.allowances.armed_max


def _set_by(old: TriggerOrder | None, command: Command) -> int:
    # A fill bears the number of the command that armed the order. A new amount leaves an armed order armed.
    return old.transaction_number if old and old.trigger_cents is not None else command.transaction_number


def _armed(account: Account, command: Command, old: TriggerOrder, reserved_shares: int) -> TriggerOrder:
    return replace(
        old,
        trigger_cents=command.amount_cents,
        reserved_shares=reserved_shares,
        version=account.history_seq + 1,
        transaction_number=command.transaction_number,
    )


def _setting(
    command: Command,
    order: TriggerOrder,
    amount_cents: int | None = None,
    price_cents: int | None = None,
    **deltas: Unpack[Deltas],
) -> Decision:
    key = (order.symbol, order.side)
    return done(
        command, amount_cents=amount_cents, price_cents=price_cents, trigger_key=key, trigger_order=order, **deltas
    )


def _cancelling(command: Command, order: TriggerOrder, **deltas: Unpack[Deltas]) -> Decision:
    key, disarms = (order.symbol, order.side), order.trigger_cents is not None
    return done(command, amount_cents=order.amount_cents, trigger_key=key, disarms=disarms, **deltas)
