"""SET_BUY_*, SET_SELL_* and their cancels: spec §3, cell by cell. Fills: `test_engine_fills`."""

import pytest

from schema.money import BALANCE_MAX
from schema.outcomes import Reason, Side
from tests.builders import Trader, armed_to_buy, armed_to_sell

WITHOUT_AN_ACCOUNT = {
    "SET_BUY_AMOUNT": Reason.NO_ACCOUNT,
    "SET_BUY_TRIGGER": Reason.NO_BUY_AMOUNT,
    "CANCEL_SET_BUY": Reason.NO_TRIGGER_ORDER,
    "SET_SELL_AMOUNT": Reason.NO_ACCOUNT,
    "SET_SELL_TRIGGER": Reason.NO_SELL_AMOUNT,
    "CANCEL_SET_SELL": Reason.NO_TRIGGER_ORDER,
}


@pytest.mark.parametrize("name", WITHOUT_AN_ACCOUNT)
def test_without_an_account_each_command_has_its_reason(name):
    assert Trader(cash=None).is_refused(name, 1) is WITHOUT_AN_ACCOUNT[name]


@pytest.mark.parametrize("name", WITHOUT_AN_ACCOUNT)
def test_no_trigger_command_needs_a_quote(name):
    decision = Trader(cash=100, shares={"ABC": 10}).gives(name, 10, price=None)
    assert decision.reason is not Reason.NO_QUOTE
    assert decision.quote is None


# SET_BUY_AMOUNT


def test_set_buy_amount_reserves_the_amount_and_is_not_armed():
    ann = Trader(cash=1_500)
    ann.does("SET_BUY_AMOUNT", 1_000)
    assert (ann.cash, ann.reserved) == (500, 1_000)
    assert ann.trigger(Side.BUY) == (1_000, None, 1_000)


def test_set_buy_amount_may_take_all_the_cash():
    ann = Trader(cash=1_000)
    ann.does("SET_BUY_AMOUNT", 1_000)
    assert ann.cash == 0


def test_set_buy_amount_for_more_than_the_cash_is_rejected():
    assert Trader(cash=999).is_refused("SET_BUY_AMOUNT", 1_000) is Reason.TOO_LITTLE_CASH


@pytest.mark.parametrize("amount", [1, 1_000, 1_500])
def test_a_second_set_buy_amount_replaces_the_first_after_giving_its_reserve_back(amount):
    ann = Trader(cash=1_500)
    ann.does("SET_BUY_AMOUNT", 1_000)
    ann.does("SET_BUY_AMOUNT", amount)
    assert (ann.cash, ann.reserved) == (1_500 - amount, amount)
    assert ann.trigger(Side.BUY) == (amount, None, amount)


def test_a_second_set_buy_amount_beyond_cash_and_old_reserve_is_rejected_and_the_first_stays():
    ann = Trader(cash=1_500)
    ann.does("SET_BUY_AMOUNT", 1_000)
    assert ann.is_refused("SET_BUY_AMOUNT", 1_501) is Reason.TOO_LITTLE_CASH
    assert ann.trigger(Side.BUY) == (1_000, None, 1_000)


def test_a_replaced_buy_amount_keeps_the_armed_price():
    ann = armed_to_buy(amount=1_000, trigger=300)
    ann.does("SET_BUY_AMOUNT", 700)
    assert ann.trigger(Side.BUY) == (700, 300, 700)


def test_reserves_of_other_symbols_are_not_given_back_first():
    ann = Trader(cash=1_000)
    ann.does("SET_BUY_AMOUNT", 600, "ABC")
    assert ann.is_refused("SET_BUY_AMOUNT", 401, "XYZ") is Reason.TOO_LITTLE_CASH


# SET_BUY_TRIGGER


def test_set_buy_trigger_arms_at_its_price_and_moves_no_money():
    ann = armed_to_buy(amount=1_000, trigger=300, cash=1_500)
    assert ann.trigger(Side.BUY) == (1_000, 300, 1_000)
    assert (ann.cash, ann.reserved) == (500, 1_000)


def test_set_buy_trigger_re_arms():
    ann = armed_to_buy(trigger=300)
    ann.does("SET_BUY_TRIGGER", 200)
    assert ann.trigger(Side.BUY) == (1_000, 200, 1_000)


def test_a_buy_trigger_above_its_amount_is_armed():
    """It buys no share at that price, but may at a lower one (spec §3 names no such rejection)."""
    ann = armed_to_buy(amount=100, trigger=300)
    assert ann.trigger(Side.BUY) == (100, 300, 100)


def test_set_buy_trigger_without_an_amount_for_the_symbol_is_rejected():
    ann = Trader(cash=1_000)
    ann.does("SET_BUY_AMOUNT", 100, "XYZ")
    assert ann.is_refused("SET_BUY_TRIGGER", 50, "ABC") is Reason.NO_BUY_AMOUNT


def test_a_sell_amount_is_no_buy_amount():
    ann = Trader(cash=0, shares={"ABC": 10})
    ann.does("SET_SELL_AMOUNT", 100)
    assert ann.is_refused("SET_BUY_TRIGGER", 50) is Reason.NO_BUY_AMOUNT


# CANCEL_SET_BUY


@pytest.mark.parametrize("armed", [False, True])
def test_cancel_set_buy_removes_both_and_gives_the_reserve_back(armed):
    ann = Trader(cash=1_500)
    ann.does("SET_BUY_AMOUNT", 1_000)
    if armed:
        ann.does("SET_BUY_TRIGGER", 300)
    ann.does("CANCEL_SET_BUY")
    assert (ann.cash, ann.reserved, ann.trigger(Side.BUY)) == (1_500, 0, None)
    assert ann.is_refused("SET_BUY_TRIGGER", 300) is Reason.NO_BUY_AMOUNT


def test_cancel_set_buy_with_nothing_set_is_rejected():
    ann = Trader(cash=1_000, shares={"ABC": 10})
    ann.does("SET_BUY_AMOUNT", 100, "XYZ")
    ann.does("SET_SELL_AMOUNT", 100, "ABC")
    assert ann.is_refused("CANCEL_SET_BUY", symbol="ABC") is Reason.NO_TRIGGER_ORDER


# SET_SELL_AMOUNT


def test_set_sell_amount_remembers_the_amount_and_reserves_nothing():
    ann = Trader(cash=0, shares={"ABC": 10})
    ann.does("SET_SELL_AMOUNT", 1_000)
    assert (ann.holds(), ann.trigger(Side.SELL)) == ((10, 0), (1_000, None, 0))


def test_set_sell_amount_of_a_stock_not_held_is_rejected():
    assert Trader(cash=0, shares={"ABC": 10}).is_refused("SET_SELL_AMOUNT", 1, "XYZ") is Reason.NO_SHARES


def test_a_position_without_shares_counts_as_not_held():
    ann = Trader(cash=0, shares={"ABC": 1})
    ann.does("SELL", 100, price=100)
    ann.does("COMMIT_SELL")
    assert ann.is_refused("SET_SELL_AMOUNT", 1) is Reason.NO_SHARES


def test_reserved_shares_are_held_too():
    ann = Trader(cash=0, shares={"ABC": 1})
    ann.does("SELL", 100, price=100)
    ann.does("SET_SELL_AMOUNT", 1_000)
    assert ann.trigger(Side.SELL) == (1_000, None, 0)


def test_a_sell_amount_may_be_worth_more_than_is_held_while_it_is_not_armed():
    ann = Trader(cash=0, shares={"ABC": 1})
    ann.does("SET_SELL_AMOUNT", BALANCE_MAX)


@pytest.mark.parametrize(("amount", "reserved"), [(600, 2), (3_299, 10), (1_000, 3)])
def test_a_new_sell_amount_on_an_armed_order_keeps_its_price_and_recomputes_its_reserve(amount, reserved):
    ann = armed_to_sell(amount=1_000, trigger=300, shares=10)
    ann.does("SET_SELL_AMOUNT", amount)
    assert ann.trigger(Side.SELL) == (amount, 300, reserved)
    assert ann.holds() == (10 - reserved, reserved)


def test_a_new_sell_amount_on_an_armed_order_that_needs_more_shares_than_there_are_is_rejected():
    ann = armed_to_sell(amount=1_000, trigger=300, shares=10)
    assert ann.is_refused("SET_SELL_AMOUNT", 3_300) is Reason.TOO_FEW_SHARES
    ann.does("SELL", 700, price=100)
    assert ann.is_refused("SET_SELL_AMOUNT", 1_200) is Reason.TOO_FEW_SHARES


# SET_SELL_TRIGGER


def test_set_sell_trigger_reserves_whole_shares_and_arms():
    ann = armed_to_sell(amount=1_000, trigger=300, shares=10)
    assert (ann.holds(), ann.trigger(Side.SELL)) == ((7, 3), (1_000, 300, 3))


def test_set_sell_trigger_may_reserve_all_the_shares():
    ann = armed_to_sell(amount=1_000, trigger=100, shares=10)
    assert ann.holds() == (0, 10)


def test_set_sell_trigger_without_an_amount_for_the_symbol_is_rejected():
    ann = Trader(cash=1_000, shares={"ABC": 10, "XYZ": 10})
    ann.does("SET_SELL_AMOUNT", 100, "XYZ")
    ann.does("SET_BUY_AMOUNT", 100, "ABC")
    assert ann.is_refused("SET_SELL_TRIGGER", 50, "ABC") is Reason.NO_SELL_AMOUNT


def test_set_sell_trigger_at_more_than_the_amount_is_rejected():
    ann = Trader(cash=0, shares={"ABC": 10})
    ann.does("SET_SELL_AMOUNT", 299)
    assert ann.is_refused("SET_SELL_TRIGGER", 300) is Reason.AMOUNT_BELOW_TRIGGER


def test_set_sell_trigger_at_exactly_the_amount_is_done():
    ann = armed_to_sell(amount=300, trigger=300)
    assert ann.holds() == (9, 1)


def test_set_sell_trigger_that_needs_more_shares_than_are_available_is_rejected():
    ann = Trader(cash=0, shares={"ABC": 10})
    ann.does("SET_SELL_AMOUNT", 1_100)
    assert ann.is_refused("SET_SELL_TRIGGER", 100) is Reason.TOO_FEW_SHARES
    ann.does("SELL", 100, price=100)
    assert ann.is_refused("SET_SELL_TRIGGER", 110) is Reason.TOO_FEW_SHARES


def test_reasons_of_set_sell_trigger_are_checked_in_the_order_of_the_table():
    ann = Trader(cash=0, shares={"ABC": 1})
    assert ann.is_refused("SET_SELL_TRIGGER", 1) is Reason.NO_SELL_AMOUNT
    ann.does("SET_SELL_AMOUNT", 300)
    ann.does("SELL", 100, price=100)
    assert ann.is_refused("SET_SELL_TRIGGER", 301) is Reason.AMOUNT_BELOW_TRIGGER
    assert ann.is_refused("SET_SELL_TRIGGER", 300) is Reason.TOO_FEW_SHARES


@pytest.mark.parametrize(("trigger", "reserved"), [(100, 10), (1_000, 1), (300, 3)])
def test_set_sell_trigger_re_arms_and_may_reuse_its_reserve(trigger, reserved):
    ann = armed_to_sell(amount=1_000, trigger=300, shares=10)
    ann.does("SET_SELL_TRIGGER", trigger)
    assert ann.trigger(Side.SELL) == (1_000, trigger, reserved)
    assert ann.holds() == (10 - reserved, reserved)


def test_a_refused_re_arming_leaves_the_order_armed_as_it_was():
    ann = armed_to_sell(amount=1_000, trigger=300, shares=10)
    assert ann.is_refused("SET_SELL_TRIGGER", 90) is Reason.TOO_FEW_SHARES
    assert ann.trigger(Side.SELL) == (1_000, 300, 3)


# CANCEL_SET_SELL


@pytest.mark.parametrize("armed", [False, True])
def test_cancel_set_sell_removes_both_and_gives_the_shares_back(armed):
    ann = Trader(cash=0, shares={"ABC": 10})
    ann.does("SET_SELL_AMOUNT", 1_000)
    if armed:
        ann.does("SET_SELL_TRIGGER", 300)
    ann.does("CANCEL_SET_SELL")
    assert (ann.holds(), ann.trigger(Side.SELL)) == ((10, 0), None)
    assert ann.is_refused("SET_SELL_TRIGGER", 300) is Reason.NO_SELL_AMOUNT


def test_cancel_set_sell_with_nothing_set_is_rejected():
    ann = Trader(cash=1_000, shares={"ABC": 10, "XYZ": 10})
    ann.does("SET_SELL_AMOUNT", 100, "XYZ")
    ann.does("SET_BUY_AMOUNT", 100, "ABC")
    assert ann.is_refused("CANCEL_SET_SELL", symbol="ABC") is Reason.NO_TRIGGER_ORDER


def test_buy_and_sell_triggers_of_one_symbol_are_independent():
    ann = Trader(cash=1_000, shares={"ABC": 10})
    for side, amount in (("BUY", 500), ("SELL", 600)):
        ann.does(f"SET_{side}_AMOUNT", amount)
        ann.does(f"SET_{side}_TRIGGER", 100)
    ann.does("CANCEL_SET_BUY")
    assert (ann.trigger(Side.BUY), ann.trigger(Side.SELL)) == (None, (600, 100, 6))
