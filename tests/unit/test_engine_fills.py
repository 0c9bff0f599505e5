"""Trigger orders fire: which prices satisfy them, what a fill moves, when it is void, and only once (spec §3)."""

import pytest

from schema.money import BALANCE_MAX
from schema.outcomes import HistoryKind, Reason, Side
from tests.builders import T0, Trader, a_quote, armed, armed_to_buy, armed_to_sell

BUY, SELL = Side.BUY, Side.SELL


# Prices that satisfy an order


@pytest.mark.parametrize(("price", "fires"), [(299, True), (300, True), (301, False)])
def test_a_buy_fires_at_or_below_its_trigger(price, fires):
    assert (armed_to_buy(trigger=300).fills(price) is not None) is fires


@pytest.mark.parametrize(("price", "fires"), [(299, False), (300, True), (301, True)])
def test_a_sell_fires_at_or_above_its_trigger(price, fires):
    assert (armed_to_sell(trigger=300).fills(price, side=SELL) is not None) is fires


# What a fill moves


def test_a_buy_fill_takes_whole_shares_at_the_quotes_price_and_returns_the_change():
    ann = armed_to_buy(amount=1_000, trigger=300, cash=1_500)
    decision = ann.fills(270)
    assert (ann.cash, ann.reserved, ann.holds()) == (500 + 190, 0, (3, 0))
    assert (decision.kind, decision.price_cents, decision.amount_cents) == (HistoryKind.FILL, 270, 810)


def test_a_buy_fill_without_change_leaves_the_available_cash_alone():
    ann = armed_to_buy(amount=900, trigger=300, cash=900)
    assert ann.fills(300).cash_delta_cents == 0
    assert (ann.cash, ann.reserved, ann.holds()) == (0, 0, (3, 0))


def test_a_sell_fill_sells_its_reserved_shares_at_the_quotes_price():
    ann = armed_to_sell(amount=1_000, trigger=300, shares=10)
    decision = ann.fills(450, side=SELL)
    assert (ann.cash, ann.holds()) == (3 * 450, (7, 0))
    assert (decision.kind, decision.price_cents, decision.amount_cents) == (HistoryKind.FILL, 450, 1_350)


@pytest.mark.parametrize("side", list(Side))
def test_a_fill_goes_under_the_number_of_the_command_that_armed_the_order(side):
    ann = armed(side)
    arming = ann.does(f"SET_{side.upper()}_TRIGGER", 300)
    ann.does(f"SET_{side.upper()}_AMOUNT", 900)
    assert ann.fills(300, side=side).transaction_number == arming.transaction_number


# Once


@pytest.mark.parametrize("side", list(Side))
def test_a_trigger_order_fires_once_and_is_then_gone(side):
    ann = armed(side)
    version = ann.account.triggers["ABC", side].version
    assert ann.fills(300, version, side) is not None
    assert ann.trigger(side) is None
    assert ann.fills(300, version, side) is None
    assert ann.is_refused(f"CANCEL_SET_{side.upper()}") is Reason.NO_TRIGGER_ORDER


def test_a_new_order_is_not_filled_by_a_fill_for_the_old_one():
    ann = armed_to_buy(cash=3_000)
    version = ann.account.triggers["ABC", BUY].version
    ann.fills(300)
    ann.does("SET_BUY_AMOUNT", 1_000)
    ann.does("SET_BUY_TRIGGER", 300)
    assert ann.fills(300, version) is None
    assert ann.fills(300) is not None


# Void


@pytest.mark.parametrize(
    ("name", "amount"), [("SET_BUY_AMOUNT", 700), ("SET_BUY_TRIGGER", 400), ("SET_BUY_TRIGGER", 300)]
)
def test_a_fill_for_an_order_that_was_changed_since_is_void(name, amount):
    ann = armed_to_buy(trigger=300)
    version = ann.account.triggers["ABC", BUY].version
    ann.does(name, amount)
    assert ann.fills(300, version) is None
    assert ann.trigger(BUY) is not None


@pytest.mark.parametrize("side", list(Side))
def test_a_fill_for_an_order_that_is_gone_is_void(side):
    ann = armed(side)
    version = ann.account.triggers["ABC", side].version
    ann.does(f"CANCEL_SET_{side.upper()}")
    assert ann.fills(300, version, side) is None


@pytest.mark.parametrize("side", list(Side))
def test_an_order_that_is_not_armed_does_not_fill(side):
    ann = Trader(cash=1_000, shares={"ABC": 10})
    ann.does(f"SET_{side.upper()}_AMOUNT", 1_000)
    assert ann.fills(300, side=side) is None


def test_other_commands_of_the_user_do_not_void_a_fill():
    ann = armed_to_buy(cash=1_500)
    version = ann.account.triggers["ABC", BUY].version
    ann.does("ADD", 5)
    ann.does("SET_BUY_AMOUNT", 100, "XYZ")
    assert ann.is_refused("SET_BUY_AMOUNT", 10_000) is Reason.TOO_LITTLE_CASH
    assert ann.fills(300, version) is not None


def test_a_buy_that_would_take_no_whole_share_stays_armed():
    ann = armed_to_buy(amount=100, trigger=300, cash=100)
    assert ann.fills(101) is None
    assert ann.trigger(BUY) == (100, 300, 100)
    assert ann.fills(100) is not None
    assert ann.holds() == (1, 0)


@pytest.mark.parametrize(("age_ms", "fires"), [(59_999, True), (60_000, False)])
def test_an_expired_quote_fills_nothing(age_ms, fires):
    ann = armed_to_buy()
    assert (ann.fills(300, asked_at_ms=T0 - age_ms) is not None) is fires
    assert (ann.trigger(BUY) is None) is fires


def test_a_quote_from_the_future_fills_nothing():
    """Like `Quote.usable`: a clock that was far ahead must not make a price last longer than 60 s."""
    ann = armed_to_buy()
    assert not a_quote(300, asked_at_ms=T0 + 60_000).usable(T0)
    assert ann.fills(300, asked_at_ms=T0 + 60_000) is None


def test_a_void_fill_leaves_no_trace():
    ann = armed_to_buy(trigger=300)
    seq = ann.account.history_seq
    assert ann.fills(301) is None
    assert ann.account.history_seq == seq


# The balance limit


def test_a_sell_fill_that_would_pass_the_balance_limit_waits_armed():
    ann = armed_to_sell(amount=300, trigger=300, shares=1)
    ann.does("ADD", BALANCE_MAX - 300)
    assert ann.fills(301, side=SELL) is None
    assert ann.trigger(SELL) == (300, 300, 1)
    assert ann.fills(300, side=SELL) is not None
    assert ann.cash == BALANCE_MAX


def test_a_buy_fill_that_would_pass_the_limit_in_shares_waits_armed():
    ann = Trader(cash=2, shares={"ABC": BALANCE_MAX - 1})
    ann.does("SET_BUY_AMOUNT", 2)
    ann.does("SET_BUY_TRIGGER", 2)
    assert ann.fills(1) is None
    assert ann.fills(2) is not None
    assert ann.holds() == (BALANCE_MAX, 0)


# A new amount of an armed sell below one share: spec §3 names no rejection, and floor(…) reserves 0


def test_an_armed_sell_with_a_new_amount_below_its_trigger_reserves_nothing_and_never_fires():
    ann = armed_to_sell(amount=1_000, trigger=300, shares=10)
    ann.does("SET_SELL_AMOUNT", 299)
    assert (ann.holds(), ann.trigger(SELL)) == ((10, 0), (299, 300, 0))
    assert ann.fills(500_000, side=SELL) is None
