"""Orders by shares, commits that name their order, bounds, allowances: more than workload files express (spec §3a)."""

import pytest

from consumers.transactions import engine
from consumers.transactions.trigger_rules import TRIGGER_ORDERS_MAX
from consumers.transactions.verdict import QUOTE_REFUSED
from schema.accounts import PENDING_LIFETIME_MS
from schema.commands import Allowances
from schema.events import AuditKind
from schema.money import BALANCE_MAX
from schema.outcomes import Outcome, Reason, Side
from tests.builders import T0, Trader, a_command

ONE_ARMED = Allowances(armed_max=1, paid_quotes_max=0)


def decide_without_a_quote(trader: Trader, name: str, shares: int):
    return engine.decide(trader.account, a_command(name, shares=shares), None, T0)


# BUY by shares


def test_buy_by_shares_reserves_and_records_shares_times_price():
    ann = Trader(cash=1_000)
    decision = ann.does("BUY", shares=3, price=200)
    assert (ann.cash, ann.reserved) == (400, 600)
    assert (decision.amount_cents, decision.price_cents, decision.shares) == (600, 200, 3)
    ann.does("COMMIT_BUY")
    assert ann.holds("ABC") == (3, 0)


def test_buy_by_shares_without_an_account_is_rejected():
    assert Trader(cash=None).is_refused("BUY", shares=1) is Reason.NO_ACCOUNT


def test_buy_by_shares_with_less_cash_than_the_least_price_asks_for_no_quote():
    assert decide_without_a_quote(Trader(cash=202), "BUY", 2) is engine.WANTS_QUOTE
    assert decide_without_a_quote(Trader(cash=201), "BUY", 2).reason is Reason.TOO_LITTLE_CASH


def test_buy_by_shares_for_more_than_the_cash_at_the_quote_is_rejected_with_the_quote():
    ann = Trader(cash=1_000)
    assert ann.is_refused("BUY", shares=5, price=201) is Reason.TOO_LITTLE_CASH
    assert ann.batch.rows[-1].decision.price_cents == 201
    ann.does("BUY", shares=5, price=200)


def test_buy_by_shares_without_a_quote_is_rejected():
    assert Trader(cash=1_000).is_refused("BUY", shares=1, price=None) is Reason.NO_QUOTE


def test_buy_by_shares_beyond_a_thousand_pending_orders_is_rejected():
    ann = Trader(cash=2_000)
    ann.makes_pending(1_000)
    assert ann.is_refused("BUY", shares=1, price=101) is Reason.TOO_MANY_PENDING


def test_buy_of_more_shares_than_any_cash_can_pay_is_rejected():
    assert decide_without_a_quote(Trader(cash=BALANCE_MAX), "BUY", 2**63 - 1).reason is Reason.TOO_LITTLE_CASH


# SELL by shares


def test_sell_by_shares_reserves_the_shares():
    ann = Trader(cash=0, shares={"ABC": 5})
    decision = ann.does("SELL", shares=5, price=200)
    assert ann.holds("ABC") == (0, 5)
    assert decision.amount_cents == 1_000
    ann.does("COMMIT_SELL")
    assert (ann.cash, ann.holds("ABC")) == (1_000, (0, 0))


@pytest.mark.parametrize("held", [0, 4])
def test_sell_of_more_shares_than_are_available_asks_for_no_quote(held):
    ann = Trader(cash=0, shares={"ABC": held})
    assert decide_without_a_quote(ann, "SELL", 5).reason is Reason.TOO_FEW_SHARES


def test_sell_by_shares_without_account_or_quote_is_rejected():
    assert Trader(cash=None).is_refused("SELL", shares=1) is Reason.NO_ACCOUNT
    assert Trader(cash=0, shares={"ABC": 5}).is_refused("SELL", shares=5, price=None) is Reason.NO_QUOTE


def test_sell_of_all_shares_at_a_price_past_the_balance_limit_is_rejected():
    """Its commit could never be done, and its value does not fit into 64 bits."""
    ann = Trader(cash=0, shares={"ABC": BALANCE_MAX})
    assert ann.is_refused("SELL", shares=BALANCE_MAX, price=499_900) is Reason.BALANCE_LIMIT
    assert ann.is_refused("SELL", shares=BALANCE_MAX // 200 + 1, price=200) is Reason.BALANCE_LIMIT
    ann.does("SELL", shares=BALANCE_MAX // 200, price=200)


@pytest.mark.parametrize("name", ["BUY", "SELL"])
def test_user_command_of_an_order_by_shares_has_no_funds(name):
    ann = Trader(cash=1_000, shares={"ABC": 5})
    ann.does(name, shares=2, price=200)
    (logged,) = [entry for entry in ann.log if entry.kind is AuditKind.USER_COMMAND]
    assert (logged.command, logged.symbol, logged.funds_cents) == (name, "ABC", None)


# Commits and cancels that name their order


@pytest.mark.parametrize("name", ["COMMIT_BUY", "CANCEL_BUY"])
def test_closing_a_named_order_is_done_if_it_is_the_newest(name):
    ann = Trader(cash=1_000)
    ann.does("BUY", 100, price=100)
    ann.does("BUY", 200, price=100)
    ann.does(name, order=2)
    assert [order.seq for order in ann.account.buys] == [1]
    ann.does(name, order=1)


@pytest.mark.parametrize("name", ["COMMIT_SELL", "CANCEL_SELL"])
def test_closing_an_order_that_is_not_the_newest_says_which_is(name):
    ann = Trader(cash=1_000, shares={"ABC": 5})
    ann.does("SELL", shares=1, price=100)
    ann.does("SELL", shares=1, price=100)
    ann.does("BUY", 100, price=100)
    assert ann.is_refused(name, order=1) is Reason.NOT_NEWEST_ORDER
    decision = ann.batch.rows[-1].decision
    assert (decision.order_seq, decision.newest_order_seq) == (1, 2)


def test_an_order_of_the_other_side_or_a_missing_one_is_not_the_newest():
    ann = Trader(cash=1_000, shares={"ABC": 5})
    ann.does("BUY", 100, price=100)
    ann.does("SELL", shares=1, price=100)
    for other in (2, 3, 999):
        assert ann.is_refused("COMMIT_BUY", order=other) is Reason.NOT_NEWEST_ORDER
    assert [row.decision.newest_order_seq for row in ann.batch.rows[-3:]] == [1, 1, 1]


def test_a_named_order_that_expired_was_not_committed():
    ann = Trader(cash=1_000)
    ann.does("BUY", 100, price=100)
    ann.waits(PENDING_LIFETIME_MS)
    ann.expire()
    assert ann.is_refused("COMMIT_BUY", order=1) is Reason.NO_PENDING_BUY


# Bounds and allowances


def test_a_user_has_a_thousand_trigger_orders_at_most():
    ann = Trader(cash=5_000, shares={"ZZZ": 1})
    symbols = [f"{chr(65 + n // 26 // 26 % 26)}{chr(65 + n // 26 % 26)}{chr(65 + n % 26)}" for n in range(1_001)]
    ann.sets_amounts_to_buy(symbols[:TRIGGER_ORDERS_MAX])
    assert ann.is_refused("SET_BUY_AMOUNT", 1, symbols[-1]) is Reason.TOO_MANY_TRIGGER_ORDERS
    assert ann.is_refused("SET_SELL_AMOUNT", 1, "ZZZ") is Reason.TOO_MANY_TRIGGER_ORDERS
    ann.does("SET_BUY_AMOUNT", 2, symbols[0])
    ann.does("CANCEL_SET_BUY", symbol=symbols[0])
    ann.does("SET_SELL_AMOUNT", 1, "ZZZ")


def test_arming_more_than_the_allowance_is_rejected_and_arming_again_is_not():
    ann = Trader(cash=1_000, shares={"B": 100})
    ann.does("SET_BUY_AMOUNT", 100, "A")
    ann.does("SET_BUY_TRIGGER", 50, "A", allowances=ONE_ARMED)
    ann.does("SET_SELL_AMOUNT", 100, "B", allowances=ONE_ARMED)
    assert ann.is_refused("SET_SELL_TRIGGER", 50, "B", allowances=ONE_ARMED) is Reason.TRIGGER_ALLOWANCE_USED_UP
    ann.does("SET_BUY_TRIGGER", 40, "A", allowances=ONE_ARMED)
    ann.does("SET_SELL_TRIGGER", 50, "B")  # commands of a workload file have no allowance
    assert len([order for order in ann.account.triggers.values() if order.trigger_cents]) == 2


def test_arming_is_possible_again_after_a_fill():
    ann = Trader(cash=1_000)
    for symbol in "AB":
        ann.does("SET_BUY_AMOUNT", 100, symbol)
    ann.does("SET_BUY_TRIGGER", 50, "A", allowances=ONE_ARMED)
    assert ann.is_refused("SET_BUY_TRIGGER", 50, "B", allowances=ONE_ARMED) is Reason.TRIGGER_ALLOWANCE_USED_UP
    assert ann.fills(50, ann.account.triggers["A", Side.BUY].version, symbol="A") is not None
    ann.does("SET_BUY_TRIGGER", 50, "B", allowances=ONE_ARMED)


@pytest.mark.parametrize("name", ["QUOTE", "BUY", "SELL"])
def test_a_command_whose_user_may_buy_no_more_quotes_is_rejected_for_that(name):
    ann = Trader(cash=1_000, shares={"ABC": 5})
    decision = ann.gives_command(a_command(name, 100), QUOTE_REFUSED)
    assert (decision.outcome, decision.reason) == (Outcome.REJECTED, Reason.QUOTE_ALLOWANCE_USED_UP)
