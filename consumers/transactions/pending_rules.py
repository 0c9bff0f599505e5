"""Rules of BUY and SELL, of their commits and cancels, and of the expiry of pending orders (spec §3). Pure."""

from typing import Unpack

from consumers.transactions.account import Account, Decision, Deltas, PendingOrder
from consumers.transactions.verdict import WANTS_QUOTE, Given, Missing, done, rejected, without_quote
from schema.accounts import PENDING_LIFETIME_MS
from schema.commands import Command, CommandName
from schema.events import PRICE_CENTS_MIN, Quote, is_due
from schema.money import BALANCE_MAX, whole_shares
from schema.outcomes import HistoryKind, Reason, Side

PENDING_ORDERS_MAX = 1_000
"""Maximum pending orders of one user, buys and sells together (spec §3)."""


def buy(account: Account, command: Command, given: Given, now_ms: int) -> Decision | None:
    if not account.opened:
        return rejected(command, Reason.NO_ACCOUNT)
    if account.cash_cents < least_cost_cents(command):
        return rejected(command, Reason.TOO_LITTLE_CASH)
    if given is None:
        return WANTS_QUOTE
    if isinstance(given, Missing):
        return without_quote(command, given)
    shares = _shares_of(command, given)
    if shares == 0:
        return rejected(command, Reason.AMOUNT_BELOW_ONE_SHARE, given)
    cost = shares * given.price_cents
    if account.cash_cents < cost:
        return rejected(command, Reason.TOO_LITTLE_CASH, given)
    if _is_full(account):
        return rejected(command, Reason.TOO_MANY_PENDING, given)
    order = _order(account, command, Side.BUY, shares, given, now_ms)
    return _done_at(command, given, order, cash_delta_cents=-cost, reserved_delta_cents=cost)


def sell(account: Account, command: Command, given: Given, now_ms: int) -> Decision | None:
    if not account.opened:
        return rejected(command, Reason.NO_ACCOUNT)
    assert command.symbol is not None, command
    available = account.position(command.symbol).shares
    if command.shares is None and available == 0:
        return rejected(command, Reason.NO_SHARES)
    if command.shares is not None and available < command.shares:
        return rejected(command, Reason.TOO_FEW_SHARES)
    if given is None:
        return WANTS_QUOTE
    if isinstance(given, Missing):
        return without_quote(command, given)
    shares = _shares_of(command, given)
    if shares == 0:
        return rejected(command, Reason.AMOUNT_BELOW_ONE_SHARE, given)
    if available < shares:
        return rejected(command, Reason.TOO_FEW_SHARES, given)
    if _is_full(account):
        return rejected(command, Reason.TOO_MANY_PENDING, given)
    order = _order(account, command, Side.SELL, shares, given, now_ms)
    # Possible if the SELL names shares. No commit of this order could succeed, and its row could not hold the amount.
    if order.amount_cents > BALANCE_MAX:
        return rejected(command, Reason.BALANCE_LIMIT, given)
    return _done_at(command, given, order, shares_delta=-shares, reserved_shares_delta=shares)


def commit_buy(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    order = _newest(account.buys, now_ms)
    if order is None:
        return rejected(command, Reason.NO_PENDING_BUY)
    if _names_another(command, order):
        return _not_newest(command, order)
    if not account.has_room_for(order.symbol, order.shares):
        return rejected(command, Reason.BALANCE_LIMIT)
    return _closing(command, order, reserved_delta_cents=-order.amount_cents, shares_delta=order.shares)


def cancel_buy(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    order = _newest(account.buys, now_ms)
    if order is None:
        return rejected(command, Reason.NO_PENDING_BUY)
    if _names_another(command, order):
        return _not_newest(command, order)
    return _closing(command, order, **_giving_back(order))


def commit_sell(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    order = _newest(account.sells, now_ms)
    if order is None:
        return rejected(command, Reason.NO_PENDING_SELL)
    if _names_another(command, order):
        return _not_newest(command, order)
    if not account.has_room(order.amount_cents):
        return rejected(command, Reason.BALANCE_LIMIT)
    return _closing(command, order, reserved_shares_delta=-order.shares, cash_delta_cents=order.amount_cents)


def cancel_sell(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    order = _newest(account.sells, now_ms)
    if order is None:
        return rejected(command, Reason.NO_PENDING_SELL)
    if _names_another(command, order):
        return _not_newest(command, order)
    return _closing(command, order, **_giving_back(order))


def least_cost_cents(command: Command) -> int:
    """Cash that a BUY needs whatever its quote will say. With less, no quote is fetched (spec §3, §3a)."""
    if command.shares is not None:
        return command.shares * PRICE_CENTS_MIN
    assert command.amount_cents is not None, command
    return command.amount_cents


def expire(order: PendingOrder) -> Decision:
    """Releases an order that nobody committed. The log names it under the BUY or SELL that made it."""
    return Decision(
        HistoryKind.EXPIRY,
        CommandName.BUY if order.side is Side.BUY else CommandName.SELL,
        order.transaction_number,
        symbol=order.symbol,
        amount_cents=order.amount_cents,
        price_cents=order.price_cents,
        closed=order,
        **_giving_back(order),
    )


def is_over(order: PendingOrder, now_ms: int) -> bool:
    """Whether an order's 60 s are over.

    An order that would live on for longer than that was made before a clock was set back. Its age is unknown, so it
    counts as over: otherwise it might trade at a price of any age.
    """
    return is_due(order.expires_at_ms, now_ms, PENDING_LIFETIME_MS)


def _is_full(account: Account) -> bool:
    return len(account.buys) + len(account.sells) >= PENDING_ORDERS_MAX


def _shares_of(command: Command, quote: Quote) -> int:
    if command.shares is not None:
        return command.shares
    assert command.amount_cents is not None, command
    return whole_shares(command.amount_cents, quote.price_cents)


def _names_another(command: Command, newest: PendingOrder) -> bool:
    return command.order_seq not in (None, newest.seq)


def _not_newest(command: Command, newest: PendingOrder) -> Decision:
    return rejected(command, Reason.NOT_NEWEST_ORDER, newest_order_seq=newest.seq)


def _order(account: Account, command: Command, side: Side, shares: int, quote: Quote, now_ms: int) -> PendingOrder:
    return PendingOrder(
        account.history_seq + 1,
        side,
        quote.symbol,
        shares,
        quote.price_cents,
        now_ms + PENDING_LIFETIME_MS,
        command.transaction_number,
    )


def _newest(stack: list[PendingOrder], now_ms: int) -> PendingOrder | None:
    return stack[-1] if stack and not is_over(stack[-1], now_ms) else None


def _giving_back(order: PendingOrder) -> Deltas:
    if order.side is Side.BUY:
        return {"cash_delta_cents": order.amount_cents, "reserved_delta_cents": -order.amount_cents}
    return {"shares_delta": order.shares, "reserved_shares_delta": -order.shares}


def _done_at(command: Command, quote: Quote, order: PendingOrder, **deltas: Unpack[Deltas]) -> Decision:
    return done(
        command,
        amount_cents=order.amount_cents if command.shares is not None else command.amount_cents,
        price_cents=quote.price_cents,
        quote=quote,
        quote_id=quote.quote_id,
        opened=order,
        **deltas,
    )


def _closing(command: Command, order: PendingOrder, **deltas: Unpack[Deltas]) -> Decision:
    return done(
        command,
        symbol=order.symbol,
        amount_cents=order.amount_cents,
        price_cents=order.price_cents,
        closed=order,
        **deltas,
    )
