"""BUY and SELL, their commits and cancels: spec §3, cell by cell. The stack, expiry, limits: `test_engine_pending`."""

import pytest

from consumers.transactions.pending_rules import PENDING_ORDERS_MAX
from consumers.transactions.verdict import WANTS_QUOTE
from schema.outcomes import Reason, Side
from tests.builders import T0, Trader, a_command


def a_buyer(cash: int = 1_000) -> Trader:
    return Trader(cash=cash)


def a_seller(shares: int = 10, cash: int = 0) -> Trader:
    return Trader(cash=cash, shares={"ABC": shares})


# BUY


def test_buy_reserves_what_whole_shares_cost_and_the_rest_never_moves():
    ann = a_buyer(cash=1_000)
    decision = ann.does("BUY", 950, price=300)
    assert (ann.cash, ann.reserved, ann.holds()) == (100, 900, (0, 0))
    assert (decision.cash_delta_cents, decision.reserved_delta_cents) == (-900, 900)


def test_buy_pushes_a_pending_order_good_for_sixty_seconds():
    ann = a_buyer(cash=1_000)
    decision = ann.does("BUY", 950, price=300)
    (order,) = ann.account.buys
    assert (order.side, order.symbol, order.shares, order.price_cents) == (Side.BUY, "ABC", 3, 300)
    assert (order.expires_at_ms, order.transaction_number) == (T0 + 60_000, decision.transaction_number)


def test_buy_may_take_all_the_cash():
    ann = a_buyer(cash=900)
    ann.does("BUY", 900, price=300)
    assert (ann.cash, ann.reserved) == (0, 900)


def test_buy_without_an_account_is_rejected():
    assert Trader(cash=None).is_refused("BUY", 1, price=1) is Reason.NO_ACCOUNT


def test_buy_for_more_than_the_cash_is_rejected():
    assert a_buyer(cash=999).is_refused("BUY", 1_000, price=1) is Reason.TOO_LITTLE_CASH


def test_reserved_cash_buys_nothing():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 600, price=300)
    assert ann.is_refused("BUY", 401, price=1) is Reason.TOO_LITTLE_CASH


def test_buy_without_a_quote_is_rejected():
    assert a_buyer(cash=1_000).is_refused("BUY", 1_000, price=None) is Reason.NO_QUOTE


def test_buy_for_less_than_one_share_is_rejected():
    assert a_buyer(cash=1_000).is_refused("BUY", 299, price=300) is Reason.AMOUNT_BELOW_ONE_SHARE


def test_buy_for_exactly_one_share_is_done():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 300, price=300)
    assert ann.account.buys[0].shares == 1


def test_reasons_of_buy_are_checked_in_the_order_of_the_table():
    full = a_buyer(cash=PENDING_ORDERS_MAX + 5)
    full.makes_pending(PENDING_ORDERS_MAX, "BUY")
    assert Trader(cash=None).is_refused("BUY", 9, price=None) is Reason.NO_ACCOUNT
    assert full.is_refused("BUY", 6, price=None) is Reason.TOO_LITTLE_CASH
    assert full.is_refused("BUY", 5, price=None) is Reason.NO_QUOTE
    assert full.is_refused("BUY", 5, price=6) is Reason.AMOUNT_BELOW_ONE_SHARE
    assert full.is_refused("BUY", 5, price=5) is Reason.TOO_MANY_PENDING


def test_buy_fetches_no_quote_where_the_cash_does_not_suffice():
    ann = a_buyer(cash=999)
    assert ann.decide(a_command("BUY", 1_000), None).reason is Reason.TOO_LITTLE_CASH
    assert Trader(cash=None).decide(a_command("BUY", 1_000), None).reason is Reason.NO_ACCOUNT
    assert ann.decide(a_command("BUY", 999), None) is WANTS_QUOTE


def test_a_pending_buy_does_not_limit_a_buy_of_another_user():
    ann, bob = a_buyer(cash=10), Trader(cash=10, user="bob")
    ann.does("BUY", 10, price=10)
    bob.does("BUY", 10, price=10)


# COMMIT_BUY and CANCEL_BUY


def test_commit_buy_spends_the_reserve_and_brings_the_shares():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 950, price=300)
    decision = ann.does("COMMIT_BUY")
    assert (ann.cash, ann.reserved, ann.holds(), ann.account.buys) == (100, 0, (3, 0), [])
    assert (decision.symbol, decision.price_cents, decision.amount_cents) == ("ABC", 300, 900)


def test_cancel_buy_gives_the_reserve_back():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 950, price=300)
    ann.does("CANCEL_BUY")
    assert (ann.cash, ann.reserved, ann.holds(), ann.account.buys) == (1_000, 0, (0, 0), [])


@pytest.mark.parametrize("side", ["BUY", "SELL"])
@pytest.mark.parametrize("verb", ["COMMIT", "CANCEL"])
@pytest.mark.parametrize("cash", [None, 1_000], ids=["no account", "an account"])
def test_with_nothing_pending_there_is_nothing_to_commit_or_cancel(verb, side, cash):
    assert Trader(cash=cash).is_refused(f"{verb}_{side}") is Reason[f"NO_PENDING_{side}"]


@pytest.mark.parametrize("verb", ["COMMIT", "CANCEL"])
def test_an_order_is_committed_or_cancelled_once(verb):
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 300, price=300)
    ann.does(f"{verb}_BUY")
    assert ann.is_refused("COMMIT_BUY") is Reason.NO_PENDING_BUY
    assert ann.is_refused("CANCEL_BUY") is Reason.NO_PENDING_BUY


@pytest.mark.parametrize("verb", ["COMMIT", "CANCEL"])
def test_a_pending_order_of_the_other_side_does_not_count(verb):
    ann = a_seller(shares=10, cash=1_000)
    ann.does("BUY", 100, price=100)
    assert ann.is_refused(f"{verb}_SELL") is Reason.NO_PENDING_SELL
    ann.does("CANCEL_BUY")
    ann.does("SELL", 100, price=100)
    assert ann.is_refused(f"{verb}_BUY") is Reason.NO_PENDING_BUY


def test_a_quote_that_changed_since_does_not_change_a_pending_order():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 300, price=300)
    ann.does("QUOTE", price=999)
    ann.does("COMMIT_BUY")
    assert (ann.cash, ann.holds()) == (700, (1, 0))


# SELL, COMMIT_SELL, CANCEL_SELL


def test_sell_reserves_whole_shares():
    ann = a_seller(shares=10)
    decision = ann.does("SELL", 950, price=300)
    (order,) = ann.account.sells
    assert (ann.cash, ann.holds()) == (0, (7, 3))
    assert (order.side, order.shares, order.price_cents, order.expires_at_ms) == (Side.SELL, 3, 300, T0 + 60_000)
    assert order.transaction_number == decision.transaction_number


def test_sell_may_take_all_the_shares():
    ann = a_seller(shares=3)
    ann.does("SELL", 900, price=300)
    assert ann.holds() == (0, 3)


def test_sell_without_an_account_is_rejected():
    assert Trader(cash=None).is_refused("SELL", 1, price=1) is Reason.NO_ACCOUNT


def test_sell_of_a_stock_not_held_is_rejected():
    assert a_seller().is_refused("SELL", 300, "XYZ", price=300) is Reason.NO_SHARES


def test_sell_where_all_shares_are_reserved_is_rejected():
    ann = a_seller(shares=3)
    ann.does("SELL", 900, price=300)
    assert ann.is_refused("SELL", 300, price=300) is Reason.NO_SHARES


def test_sell_without_a_quote_is_rejected():
    assert a_seller().is_refused("SELL", 300, price=None) is Reason.NO_QUOTE


def test_sell_for_less_than_one_share_is_rejected():
    assert a_seller().is_refused("SELL", 299, price=300) is Reason.AMOUNT_BELOW_ONE_SHARE


def test_sell_of_more_than_the_available_shares_is_rejected():
    ann = a_seller(shares=3)
    assert ann.is_refused("SELL", 1_200, price=300) is Reason.TOO_FEW_SHARES
    ann.does("SELL", 300, price=300)
    assert ann.is_refused("SELL", 900, price=300) is Reason.TOO_FEW_SHARES


def test_reasons_of_sell_are_checked_in_the_order_of_the_table():
    full = a_seller(shares=PENDING_ORDERS_MAX + 5)
    full.makes_pending(PENDING_ORDERS_MAX, "SELL")
    assert Trader(cash=None).is_refused("SELL", 1, price=None) is Reason.NO_ACCOUNT
    assert full.is_refused("SELL", 1, "XYZ", price=None) is Reason.NO_SHARES
    assert full.is_refused("SELL", 6, price=None) is Reason.NO_QUOTE
    assert full.is_refused("SELL", 6, price=7) is Reason.AMOUNT_BELOW_ONE_SHARE
    assert full.is_refused("SELL", 6, price=1) is Reason.TOO_FEW_SHARES
    assert full.is_refused("SELL", 5, price=1) is Reason.TOO_MANY_PENDING


def test_sell_fetches_no_quote_where_none_of_the_stock_is_available():
    ann = a_seller(shares=1)
    assert ann.decide(a_command("SELL", 300, symbol="XYZ"), None).reason is Reason.NO_SHARES
    assert Trader(cash=None).decide(a_command("SELL", 300), None).reason is Reason.NO_ACCOUNT
    assert ann.decide(a_command("SELL", 300), None) is WANTS_QUOTE


def test_commit_sell_takes_the_reserved_shares_and_brings_their_price():
    ann = a_seller(shares=10, cash=5)
    ann.does("SELL", 950, price=300)
    ann.does("COMMIT_SELL")
    assert (ann.cash, ann.reserved, ann.holds(), ann.account.sells) == (905, 0, (7, 0), [])


def test_cancel_sell_gives_the_shares_back():
    ann = a_seller(shares=10, cash=5)
    ann.does("SELL", 950, price=300)
    ann.does("CANCEL_SELL")
    assert (ann.cash, ann.holds(), ann.account.sells) == (5, (10, 0), [])
