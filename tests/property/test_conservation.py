"""Nothing is created or lost: the history sums to the account, reserves to the orders (spec §5, §6)."""

import copy
from collections import defaultdict

from hypothesis.stateful import invariant

from schema.events import AuditKind
from schema.money import BALANCE_MAX
from schema.outcomes import Outcome, Side
from tests.builders import Trader
from tests.property.lives import LIVES, Lives


def check_history_sums_to_account(trader: Trader) -> None:
    rows, account = trader.batch.rows, trader.account
    assert [row.seq for row in rows] == list(range(1, account.history_seq + 1))
    decisions = [row.decision for row in rows]
    assert sum(d.cash_delta_cents for d in decisions) == account.cash_cents
    assert sum(d.reserved_delta_cents for d in decisions) == account.reserved_cents
    shares, reserved = defaultdict(int), defaultdict(int)
    for d in decisions:
        shares[d.symbol] += d.shares_delta
        reserved[d.symbol] += d.reserved_shares_delta
    for symbol in {*shares, *account.positions}:
        assert trader.holds(symbol) == (shares[symbol], reserved[symbol]), symbol


def check_reserves_belong_to_orders(trader: Trader) -> None:
    account = trader.account
    orders = account.triggers.values()
    of_buys = sum(order.shares * order.price_cents for order in account.buys)
    assert account.reserved_cents == of_buys + sum(order.reserved_cents for order in orders)
    for symbol in account.positions:
        of_sells = sum(order.shares for order in account.sells if order.symbol == symbol)
        of_triggers = sum(order.reserved_shares for order in orders if order.symbol == symbol)
        assert trader.holds(symbol)[1] == of_sells + of_triggers, symbol


def check_limits(trader: Trader) -> None:
    assert min(trader.cash, trader.reserved) >= 0
    assert trader.cash + trader.reserved <= BALANCE_MAX
    for position in trader.account.positions.values():
        assert min(position.shares, position.reserved_shares) >= 0


def check_log_sums_to_cash(trader: Trader) -> None:
    moved = [entry.funds_cents for entry in trader.log if entry.kind is AuditKind.ACCOUNT_TRANSACTION]
    assert sum(moved) == trader.cash
    assert 0 not in moved


def check_batch_knows_all_orders(trader: Trader) -> None:
    """Checks what the store will write: the orders opened and not closed again, and the trigger orders' states."""
    account, batch = trader.account, trader.batch
    pending = {order.seq: order for order in (*account.buys, *account.sells)}
    assert {seq: order for (_, seq), order in batch.opened.items()} == pending
    assert batch.closed == set()
    assert account.triggers.keys() <= {key for _, key in batch.triggers}
    newest = {(change.symbol, change.side): change for change in trader.output.changes}
    armed = {key: order for key, order in account.triggers.items() if order.trigger_cents is not None}
    assert {key for key, announced in newest.items() if announced.trigger_cents is not None} == armed.keys()
    for key, order in armed.items():
        announced = newest[key]
        assert (announced.version, announced.trigger_cents) == (order.version, order.trigger_cents)
        assert (announced.reserved_cents, announced.reserved_shares) == (order.reserved_cents, order.reserved_shares)


class Conservation(Lives):
    def on_command(self, decision, user, amount, symbol, price, **beyond):
        if decision.outcome is Outcome.REJECTED:
            return
        name = decision.command
        if name == "ADD":
            assert (decision.cash_delta_cents, decision.reserved_delta_cents) == (amount, 0)
        elif name in ("COMMIT_BUY", "COMMIT_SELL"):
            self.check_paid_for(decision)
        else:
            assert decision.cash_delta_cents + decision.reserved_delta_cents == 0
            assert decision.shares_delta + decision.reserved_shares_delta == 0

    def on_expiries(self, decisions, user):
        for decision in decisions:
            assert decision.cash_delta_cents + decision.reserved_delta_cents == 0
            assert decision.shares_delta + decision.reserved_shares_delta == 0

    def on_fill(self, decision, seen, price, age_ms):
        if decision is not None:
            assert decision.price_cents == price
            self.check_paid_for(decision)
            moved = decision.shares_delta + decision.reserved_shares_delta
            assert moved > 0 if seen.side is Side.BUY else moved < 0

    @staticmethod
    def check_paid_for(decision) -> None:
        """Shares that come or go are paid for at the price, to the cent."""
        moved = decision.shares_delta + decision.reserved_shares_delta
        paid = decision.cash_delta_cents + decision.reserved_delta_cents
        assert moved != 0
        assert paid == -moved * decision.price_cents

    def gives(self, user, name, amount=1, symbol="A", price=None, **beyond):
        trader = self.traders[user]
        trader.expire()
        before = copy.deepcopy(trader.account)
        super().gives(user, name, amount, symbol, price, **beyond)
        if trader.batch.rows[-1].decision.outcome is Outcome.REJECTED:
            before.history_seq += 1
            assert trader.account == before, "a rejection changes nothing"

    @invariant()
    def all_is_conserved(self):
        for trader in self.traders.values():
            check_history_sums_to_account(trader)
            check_reserves_belong_to_orders(trader)
            check_limits(trader)
            check_log_sums_to_cash(trader)
            check_batch_knows_all_orders(trader)


TestConservation = Conservation.TestCase
TestConservation.settings = LIVES
