"""Pending orders: the stack, their 60 seconds, their number, and the balance limit at their commit (spec §3)."""

import pytest

from consumers.transactions import engine
from consumers.transactions.pending_rules import PENDING_ORDERS_MAX
from schema.accounts import PENDING_LIFETIME_MS
from schema.events import CLOCK_STEP_MS_MAX
from schema.money import BALANCE_MAX
from schema.outcomes import HistoryKind, Reason
from tests.builders import T0, Trader, a_command

HOUR_MS = 3_600_000


def a_buyer(cash: int = 1_000) -> Trader:
    return Trader(cash=cash)


def a_seller(shares: int = 10, cash: int = 0) -> Trader:
    return Trader(cash=cash, shares={"ABC": shares})


# The stack


def test_commit_buy_takes_the_newest_then_the_one_before():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 100, "A", price=100)
    ann.does("BUY", 200, "B", price=100)
    ann.does("COMMIT_BUY")
    assert (ann.holds("A"), ann.holds("B")) == ((0, 0), (2, 0))
    ann.does("COMMIT_BUY")
    assert (ann.holds("A"), ann.holds("B")) == ((1, 0), (2, 0))


def test_cancel_buy_takes_the_newest():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 100, "A", price=100)
    ann.does("BUY", 200, "B", price=100)
    ann.does("CANCEL_BUY")
    assert [order.symbol for order in ann.account.buys] == ["A"]
    assert (ann.cash, ann.reserved) == (900, 100)


def test_commit_and_cancel_sell_take_the_newest():
    ann = a_seller(shares=10)
    for amount in (100, 200, 300):
        ann.does("SELL", amount, price=100)
    ann.does("COMMIT_SELL")
    assert ann.cash == 300
    ann.does("CANCEL_SELL")
    assert [order.shares for order in ann.account.sells] == [1]


# Expiry


def test_commit_buy_just_before_sixty_seconds_is_done():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 300, price=300)
    ann.waits(59_999)
    ann.does("COMMIT_BUY")
    assert ann.holds() == (1, 0)


@pytest.mark.parametrize("name", ["COMMIT_BUY", "CANCEL_BUY"])
@pytest.mark.parametrize("age_ms", [60_000, 60_001])
def test_commit_and_cancel_buy_after_sixty_seconds_are_rejected(name, age_ms):
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 300, price=300)
    ann.waits(age_ms)
    assert ann.is_refused(name) is Reason.NO_PENDING_BUY


def test_commit_sell_just_before_sixty_seconds_is_done():
    ann = a_seller()
    ann.does("SELL", 300, price=300)
    ann.waits(59_999)
    ann.does("COMMIT_SELL")
    assert ann.cash == 300


@pytest.mark.parametrize("name", ["COMMIT_SELL", "CANCEL_SELL"])
@pytest.mark.parametrize("age_ms", [60_000, 60_001])
def test_commit_and_cancel_sell_after_sixty_seconds_are_rejected(name, age_ms):
    ann = a_seller()
    ann.does("SELL", 300, price=300)
    ann.waits(age_ms)
    assert ann.is_refused(name) is Reason.NO_PENDING_SELL


@pytest.mark.parametrize("name", ["COMMIT_BUY", "CANCEL_BUY", "COMMIT_SELL", "CANCEL_SELL"])
def test_an_old_order_that_is_not_released_yet_cannot_be_had_either(name):
    ann = a_seller(shares=10, cash=1_000)
    ann.does("BUY", 300, price=300)
    ann.does("SELL", 300, price=300)
    ann.waits(60_000)
    assert ann.decide(a_command(name), None).reason in (Reason.NO_PENDING_BUY, Reason.NO_PENDING_SELL)


def test_an_order_is_due_at_exactly_sixty_seconds():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 300, price=300)
    assert engine.due(ann.account, T0 + 59_999) == []
    assert engine.due(ann.account, T0 + 60_000) == ann.account.buys[:1]


def test_an_expired_buy_gives_its_cash_back_under_the_number_of_the_buy():
    ann = a_buyer(cash=1_000)
    bought = ann.does("BUY", 950, price=300)
    ann.waits(60_000)
    ann.expire()
    assert (ann.cash, ann.reserved, ann.holds(), ann.account.buys) == (1_000, 0, (0, 0), [])
    (expiry,) = ann.expired
    assert (expiry.kind, expiry.transaction_number) == (HistoryKind.EXPIRY, bought.transaction_number)


def test_an_expired_sell_gives_its_shares_back_under_the_number_of_the_sell():
    ann = a_seller(shares=10)
    sold = ann.does("SELL", 950, price=300)
    ann.waits(60_000)
    ann.expire()
    assert (ann.cash, ann.holds(), ann.account.sells) == (0, (10, 0), [])
    assert ann.expired[0].transaction_number == sold.transaction_number


def test_the_oldest_order_expires_first_whatever_its_side():
    ann = a_seller(shares=10, cash=1_000)
    for name in ("BUY", "SELL", "SELL", "BUY"):
        ann.does(name, 100, price=100)
    seqs = [order.seq for order in (*ann.account.buys, *ann.account.sells)]
    ann.waits(60_000)
    ann.expire()
    assert [expiry.closed.seq for expiry in ann.expired] == sorted(seqs)


def test_only_what_is_old_expires_and_the_newer_can_be_committed():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 100, "A", price=100)
    ann.waits(1)
    ann.does("BUY", 200, "B", price=100)
    ann.waits(59_999)
    ann.does("COMMIT_BUY")
    assert (ann.cash, ann.holds("A"), ann.holds("B")) == (800, (0, 0), (2, 0))
    assert ann.is_refused("COMMIT_BUY") is Reason.NO_PENDING_BUY


def test_an_order_made_after_the_clock_was_set_back_a_little_expires_in_time():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 100, "A", price=100)
    ann.waits(-CLOCK_STEP_MS_MAX)
    ann.does("BUY", 200, "B", price=100)
    ann.waits(60_000)
    ann.does("COMMIT_BUY")
    assert [expiry.symbol for expiry in ann.expired] == ["B"]
    assert (ann.cash, ann.holds("A"), ann.holds("B")) == (900, (1, 0), (0, 0))


def test_cash_that_an_expiry_gave_back_can_be_spent_again():
    ann = a_buyer(cash=300)
    ann.does("BUY", 300, price=300)
    ann.waits(60_000)
    ann.does("BUY", 300, price=300)


# The clock is set back


@pytest.mark.parametrize("name", ["COMMIT_BUY", "CANCEL_BUY", "COMMIT_SELL", "CANCEL_SELL"])
def test_an_order_from_before_the_clock_was_set_back_is_released_and_cannot_be_committed(name):
    ann = a_seller(shares=10, cash=1_000)
    ann.does("BUY", 300, price=300)
    ann.does("SELL", 300, price=300)
    ann.waits(-HOUR_MS)
    assert ann.decide(a_command(name), None).reason in (Reason.NO_PENDING_BUY, Reason.NO_PENDING_SELL)
    ann.is_refused(name)
    assert (ann.cash, ann.reserved, ann.holds()) == (1_000, 0, (10, 0))
    assert len(ann.expired) == 2


def test_an_order_is_due_once_the_clock_was_set_back_further_than_clocks_may_be_apart():
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 300, price=300)
    assert engine.due(ann.account, T0 - CLOCK_STEP_MS_MAX) == []
    assert engine.due(ann.account, T0 - CLOCK_STEP_MS_MAX - 1) == ann.account.buys[:1]


@pytest.mark.parametrize("made_before_ms", [0, 1, 20_000, 59_000])
@pytest.mark.parametrize("back_ms", [1, 2_000, 2_001, 30_000, 59_000, 61_000, HOUR_MS])
def test_no_order_lives_longer_than_twice_its_sixty_seconds_however_far_the_clock_is_set_back(made_before_ms, back_ms):
    """An order only looks younger than it is after a small step, and lives longer by the step."""
    ann = a_buyer(cash=1_000)
    ann.does("BUY", 300, price=300)
    ann.waits(made_before_ms - back_ms)
    rest_ms = 2 * PENDING_LIFETIME_MS + CLOCK_STEP_MS_MAX - made_before_ms
    assert any(engine.due(ann.account, ann.now_ms + later_ms) for later_ms in range(0, rest_ms + 1, 1_000))


# The limit of a thousand


def test_buy_beyond_a_thousand_pending_orders_is_rejected():
    ann = a_buyer(cash=2_000)
    ann.makes_pending(PENDING_ORDERS_MAX)
    assert ann.is_refused("BUY", 1, price=1) is Reason.TOO_MANY_PENDING
    ann.does("CANCEL_BUY")
    ann.does("BUY", 1, price=1)


def test_buys_and_sells_count_together_towards_the_thousand():
    ann = a_seller(shares=2_000, cash=2_000)
    ann.makes_pending(PENDING_ORDERS_MAX // 2, "BUY")
    ann.makes_pending(PENDING_ORDERS_MAX // 2, "SELL")
    assert ann.is_refused("BUY", 1, price=1) is Reason.TOO_MANY_PENDING
    assert ann.is_refused("SELL", 1, price=1) is Reason.TOO_MANY_PENDING


def test_an_expired_order_makes_room_among_the_thousand():
    ann = a_buyer(cash=2_000)
    ann.does("BUY", 1, price=1)
    ann.waits(1)
    ann.makes_pending(PENDING_ORDERS_MAX - 1)
    ann.waits(PENDING_LIFETIME_MS - 1)
    ann.does("BUY", 1, price=1)


# The balance limit


def test_commit_sell_that_would_pass_the_balance_limit_is_rejected_and_stays_pending():
    ann = a_seller(shares=1, cash=BALANCE_MAX - 299)
    ann.does("SELL", 300, price=300)
    assert ann.is_refused("COMMIT_SELL") is Reason.BALANCE_LIMIT
    ann.does("CANCEL_SELL")
    assert (ann.cash, ann.holds()) == (BALANCE_MAX - 299, (1, 0))


def test_commit_sell_may_reach_the_balance_limit():
    ann = a_seller(shares=1, cash=BALANCE_MAX - 300)
    ann.does("SELL", 300, price=300)
    ann.does("COMMIT_SELL")
    assert ann.cash == BALANCE_MAX


def test_commit_sell_counts_what_is_reserved_because_it_may_come_back():
    ann = a_seller(shares=1, cash=BALANCE_MAX)
    ann.does("BUY", 300, "XYZ", price=300)
    ann.does("SELL", 300, price=300)
    assert ann.is_refused("COMMIT_SELL") is Reason.BALANCE_LIMIT


def test_commit_buy_that_would_pass_the_limit_in_shares_is_rejected():
    ann = Trader(cash=2, shares={"ABC": BALANCE_MAX - 1})
    ann.does("BUY", 2, price=1)
    assert ann.is_refused("COMMIT_BUY") is Reason.BALANCE_LIMIT
