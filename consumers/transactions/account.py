"""Decisions on commands, their history rows, and their effect on an account (whose fields are in `schema.accounts`).

No rule of any command, no I/O, no clock.
"""

from typing import TypedDict

import msgspec

from schema.accounts import Account, PendingOrder, Position, TriggerOrder
from schema.commands import CommandName
from schema.events import Quote
from schema.money import BALANCE_MAX
from schema.outcomes import HistoryKind, Outcome, Reason, Side

__all__ = ["Account", "DecidedRow", "Decision", "PendingOrder", "Position", "TriggerOrder", "apply"]


class Decision(msgspec.Struct, gc=False):
    """The outcome of a command, fill or expiry: its history row, and the orders that it opens, closes or changes.

    The deltas change the available and the reserved amounts. `quote` is set when its price decided the command.
    `trigger_order` is the new state of the order that `trigger_key` names; None means that this order is gone.
    `disarms`: that order was armed until now, and is gone.
    `shares` and `order_seq` repeat what the command named. If the command named a pending order that is not the newest
    one, `newest_order_seq` is the newest one.
    """

    kind: HistoryKind
    command: CommandName
    transaction_number: int
    outcome: Outcome = Outcome.DONE
    reason: Reason | None = None
    symbol: str | None = None
    amount_cents: int | None = None
    price_cents: int | None = None
    cash_delta_cents: int = 0
    reserved_delta_cents: int = 0
    shares_delta: int = 0
    reserved_shares_delta: int = 0
    quote: Quote | None = None
    quote_id: int | None = None
    opens_account: bool = False
    opened: PendingOrder | None = None
    closed: PendingOrder | None = None
    trigger_key: tuple[str, Side] | None = None
    trigger_order: TriggerOrder | None = None
    disarms: bool = False
    filename: str | None = None
    shares: int | None = None
    order_seq: int | None = None
    newest_order_seq: int | None = None


class DecidedRow(msgspec.Struct, gc=False):
    """Decision with the other values of its history row. `seq`: the account's `history_seq` once it is applied."""

    user: str
    seq: int
    command_id: bytes
    published_at_ms: int
    at_ms: int
    decision: Decision
    waited_since_ms: int | None = None
    """Time at which the command first lacked a quote, ms since the epoch; None if it never did."""


class Deltas(TypedDict, total=False):
    """Fields of a decision that change amounts."""

    cash_delta_cents: int
    reserved_delta_cents: int
    shares_delta: int
    reserved_shares_delta: int


class DecisionFields(Deltas, total=False):
    """Fields of a decision that a rule may set, by name."""

    symbol: str | None
    amount_cents: int | None
    price_cents: int | None
    quote: Quote | None
    quote_id: int | None
    opens_account: bool
    opened: PendingOrder | None
    closed: PendingOrder | None
    trigger_key: tuple[str, Side] | None
    trigger_order: TriggerOrder | None
    disarms: bool
    filename: str | None


def apply(account: Account, decision: Decision) -> None:
    """Changes the account as decided. Nothing else does; constraints in `tables.py` repeat the asserts."""
    account.history_seq += 1
    if decision.outcome is Outcome.REJECTED:
        return
    if decision.opens_account:
        account.opened = True
    if decision.cash_delta_cents or decision.reserved_delta_cents:
        account.cash_cents += decision.cash_delta_cents
        account.reserved_cents += decision.reserved_delta_cents
        assert account.opened and account.cash_cents >= 0 and account.reserved_cents >= 0, decision
        assert account.cash_cents + account.reserved_cents <= BALANCE_MAX, decision
    if decision.shares_delta or decision.reserved_shares_delta:
        assert decision.symbol is not None, decision
        position = account.positions.setdefault(decision.symbol, Position())
        position.shares += decision.shares_delta
        position.reserved_shares += decision.reserved_shares_delta
        assert account.opened and position.shares >= 0 and position.reserved_shares >= 0, decision
        assert position.shares + position.reserved_shares <= BALANCE_MAX, decision
    if decision.opened is not None:
        assert decision.opened.seq == account.history_seq, decision
        account.stack(decision.opened.side).append(decision.opened)
    if decision.closed is not None:
        _close(account.stack(decision.closed.side), decision.closed)
    if decision.trigger_key is not None:
        _set_trigger(account, decision)


def _close(stack: list[PendingOrder], order: PendingOrder) -> None:
    # Commits and cancels close the newest order. An expiry closes the oldest, or any after a clock was set back.
    if stack[-1] is order:
        stack.pop()
    else:
        stack.remove(order)


def _set_trigger(account: Account, decision: Decision) -> None:
    assert decision.trigger_key is not None, decision
    if decision.trigger_order is None:
        del account.triggers[decision.trigger_key]
    else:
        assert decision.trigger_order.version == account.history_seq, decision
        account.triggers[decision.trigger_key] = decision.trigger_order
