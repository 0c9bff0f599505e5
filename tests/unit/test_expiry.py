"""Release of pending orders: in time, whatever their user or the clock does (spec §3)."""

from consumers.transactions.batch import Batch
from schema.events import CLOCK_STEP_MS_MAX
from schema.outcomes import HistoryKind, Reason
from tests.builders import T0, a_command, a_quote
from tests.desk import Desk

HOUR_MS = 3_600_000


def a_buy(number: int, user: str = "ann", symbol: str = "ABC", amount: int = 100):
    return a_command("BUY", amount, symbol, user, number)


def test_a_pending_order_expires_though_its_user_never_comes_back():
    desk = Desk()
    desk.quotes.quotes["ABC"] = a_quote(100)
    desk.takes(a_buy(1))
    assert desk.scheduler.next_expiry_ms == T0 + 60_000
    desk.begins_a_new_batch()
    desk.waits(59_999)
    assert desk.batch.rows == []
    desk.waits(1)
    assert [row.decision.kind for row in desk.batch.rows] == [HistoryKind.EXPIRY]
    assert (desk.account().cash_cents, desk.scheduler.next_expiry_ms) == (1_000, None)


def test_a_parked_users_order_expires_meanwhile():
    desk = Desk()
    desk.quotes.quotes["ABC"] = a_quote(100)
    desk.takes(a_buy(1), a_buy(2, symbol="XYZ"))
    desk.begins_a_new_batch()
    desk.waits(60_000)
    assert [row.decision.kind for row in desk.batch.rows] == [HistoryKind.EXPIRY]
    desk.hears(100, "XYZ")
    assert desk.numbers == [1, 2]


def test_orders_that_a_new_owner_loads_expire_in_time():
    before = Desk()
    before.quotes.quotes["ABC"] = a_quote(100)
    before.takes(a_buy(1))
    after = Desk(before.account())
    assert after.scheduler.next_expiry_ms == T0 + 60_000
    after.waits(60_000)
    assert after.numbers == [1]


def test_what_is_due_is_released_before_its_users_next_command():
    desk = Desk(cash=100)
    desk.quotes.quotes["ABC"] = a_quote(100)
    desk.takes(a_buy(1))
    desk.now_ms += 60_000
    desk.takes(a_command("SET_BUY_AMOUNT", 100, number=2))
    assert (desk.numbers, desk.reasons[2]) == ([1, 1, 2], None)


def test_a_committed_order_does_not_expire():
    desk = Desk()
    desk.quotes.quotes["ABC"] = a_quote(100)
    desk.takes(a_buy(1), a_command("COMMIT_BUY", number=2))
    desk.waits(60_000)
    assert desk.numbers == [1, 2]


# The clock is set back


def a_desk_with_orders(back_ms: int, **more) -> Desk:
    """Ann and Bob each have a pending BUY; then the clock is set back."""
    desk = Desk(**more)
    desk.quotes.quotes["ABC"] = a_quote(100)
    desk.takes(a_buy(1, "ann"), a_buy(2, "bob"))
    desk.batch = Batch()
    desk.now_ms -= back_ms
    return desk


def test_orders_from_before_the_clock_was_set_back_are_released_at_once():
    desk = a_desk_with_orders(HOUR_MS)
    desk.waits(0)
    assert [row.decision.kind for row in desk.batch.rows] == [HistoryKind.EXPIRY] * 2
    assert (desk.account("ann").cash_cents, desk.scheduler.next_expiry_ms) == (1_000, None)


def test_an_order_from_before_the_clock_was_set_back_is_not_hidden_by_those_made_since():
    desk = a_desk_with_orders(HOUR_MS)
    desk.quotes.quotes["ABC"] = a_quote(100, asked_at_ms=desk.now_ms)
    desk.takes(a_buy(3, "eve"))
    desk.takes(a_command("COMMIT_BUY", user="ann", number=4))
    assert desk.numbers == [3, 1, 4]
    assert desk.reasons[4] is Reason.NO_PENDING_BUY
    desk.waits(0)
    assert desk.numbers == [3, 1, 4, 2]
    desk.waits(60_000)
    assert desk.numbers == [3, 1, 4, 2, 3], "those made since expire in their time"


def test_orders_that_a_new_owner_with_a_clock_far_behind_loads_are_released_at_once():
    before = a_desk_with_orders(0)
    after = Desk(before.account("ann"))
    after.now_ms -= HOUR_MS
    after.waits(0)
    assert after.numbers == [1]


def test_an_order_that_a_full_batch_kept_from_release_until_it_is_in_time_again_expires_when_its_time_comes():
    desk = a_desk_with_orders(CLOCK_STEP_MS_MAX + 1, batch_max=1)
    desk.waits(0)
    assert desk.numbers == [1], "Bob's has to wait for the next batch"
    desk.now_ms += 1_000
    desk.begins_a_new_batch()
    assert (desk.numbers, desk.scheduler.next_expiry_ms) == ([], T0 + 60_000)
    desk.now_ms = T0 + 60_000
    desk.begins_a_new_batch()
    assert desk.numbers == [2]
