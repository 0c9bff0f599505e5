"""Release of pending orders: in time, whatever their user or the clock does (spec §3)."""

from consumers.transactions import pending_rules
from consumers.transactions.batch import Batch
from schema.events import CLOCK_STEP_MS_MAX
from schema.outcomes import HistoryKind, Reason
from tests.builders import T0, Trader, a_command, a_quote
from tests.scheduler_rig import SchedulerRig

HOUR_MS = 3_600_000


def a_buy(number: int, user: str = "ann", symbol: str = "ABC", amount: int = 100):
    return a_command("BUY", amount, symbol, user, number)


def test_a_pending_order_expires_though_its_user_never_comes_back():
    rig = SchedulerRig()
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1))
    assert rig.scheduler.next_expiry_ms == T0 + 60_000
    rig.begins_a_new_batch()
    rig.waits(59_999)
    assert rig.batch.rows == []
    rig.waits(1)
    assert [row.decision.kind for row in rig.batch.rows] == [HistoryKind.EXPIRY]
    assert (rig.account().cash_cents, rig.scheduler.next_expiry_ms) == (1_000, None)


def test_a_parked_users_order_expires_meanwhile():
    rig = SchedulerRig()
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1), a_buy(2, symbol="XYZ"))
    rig.begins_a_new_batch()
    rig.waits(60_000)
    assert [row.decision.kind for row in rig.batch.rows] == [HistoryKind.EXPIRY]
    rig.hears(100, "XYZ")
    assert rig.numbers == [1, 2]


def test_orders_that_a_new_owner_loads_expire_in_time():
    before = SchedulerRig()
    before.quotes.quotes["ABC"] = a_quote(100)
    before.takes(a_buy(1))
    after = SchedulerRig(before.account())
    assert after.scheduler.next_expiry_ms == T0 + 60_000
    after.waits(60_000)
    assert after.numbers == [1]


def test_due_orders_are_released_before_their_users_next_command():
    rig = SchedulerRig(cash=100)
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1))
    rig.now_ms += 60_000
    rig.takes(a_command("SET_BUY_AMOUNT", 100, number=2))
    assert (rig.numbers, rig.reasons[2]) == ([1, 1, 2], None)


def test_a_committed_order_does_not_expire():
    rig = SchedulerRig()
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1), a_command("COMMIT_BUY", number=2))
    rig.waits(60_000)
    assert rig.numbers == [1, 2]


def test_a_thousand_orders_that_expire_at_once_are_checked_a_few_times_each(monkeypatch):
    """A release that checks all the others again would make some dozens of such users expire too late (spec §3)."""
    checked = []
    is_over = pending_rules.is_over
    monkeypatch.setattr(pending_rules, "is_over", lambda order, now_ms: checked.append(order) or is_over(order, now_ms))
    ann = Trader(cash=1_000)
    ann.makes_pending(pending_rules.PENDING_ORDERS_MAX)
    rig = SchedulerRig(ann.account, batch_max=pending_rules.PENDING_ORDERS_MAX)
    rig.waits(60_000)
    assert len(rig.batch.rows) == pending_rules.PENDING_ORDERS_MAX
    assert [row.decision.closed.seq for row in rig.batch.rows] == list(range(1, pending_rules.PENDING_ORDERS_MAX + 1))
    assert len(checked) <= 3 * pending_rules.PENDING_ORDERS_MAX


# The clock is set back


def a_rig_with_orders(back_ms: int, **more) -> SchedulerRig:
    """Ann and Bob each have a pending BUY; then the clock is set back."""
    rig = SchedulerRig(**more)
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1, "ann"), a_buy(2, "bob"))
    rig.batch = Batch()
    rig.now_ms -= back_ms
    return rig


def test_orders_from_before_the_clock_was_set_back_are_released_at_once():
    rig = a_rig_with_orders(HOUR_MS)
    rig.waits(0)
    assert [row.decision.kind for row in rig.batch.rows] == [HistoryKind.EXPIRY] * 2
    assert (rig.account("ann").cash_cents, rig.scheduler.next_expiry_ms) == (1_000, None)


def test_an_order_from_before_the_clock_was_set_back_is_not_hidden_by_those_made_since():
    rig = a_rig_with_orders(HOUR_MS)
    rig.quotes.quotes["ABC"] = a_quote(100, asked_at_ms=rig.now_ms)
    rig.takes(a_buy(3, "eve"))
    rig.takes(a_command("COMMIT_BUY", user="ann", number=4))
    assert rig.numbers == [3, 1, 4]
    assert rig.reasons[4] is Reason.NO_PENDING_BUY
    rig.waits(0)
    assert rig.numbers == [3, 1, 4, 2]
    rig.waits(60_000)
    assert rig.numbers == [3, 1, 4, 2, 3], "those made since expire in their time"


def test_orders_that_a_new_owner_with_a_clock_far_behind_loads_are_released_at_once():
    before = a_rig_with_orders(0)
    after = SchedulerRig(before.account("ann"))
    after.now_ms -= HOUR_MS
    after.waits(0)
    assert after.numbers == [1]


def test_an_order_that_a_full_batch_kept_from_release_until_it_is_in_time_again_expires_when_its_time_comes():
    rig = a_rig_with_orders(CLOCK_STEP_MS_MAX + 1, batch_max=1)
    rig.waits(0)
    assert rig.numbers == [1], "Bob's has to wait for the next batch"
    rig.now_ms += 1_000
    rig.begins_a_new_batch()
    assert (rig.numbers, rig.scheduler.next_expiry_ms) == ([], T0 + 60_000)
    rig.now_ms = T0 + 60_000
    rig.begins_a_new_batch()
    assert rig.numbers == [2]
