"""Order of commands: one at a time for each user. Only users who wait for a quote are parked.

Look-ahead: `test_look_ahead`. Expiry: `test_expiry`. Markers of a root DUMPLOG: `test_markers`.
"""

from consumers.transactions.progress import Progress
from schema.outcomes import HistoryKind, Reason, Side
from tests.builders import T0, a_command, a_fill, a_quote, an_account, armed_to_buy
from tests.scheduler_rig import SchedulerRig


def a_buy(number: int, user: str = "ann", symbol: str = "ABC", amount: int = 100):
    return a_command("BUY", amount, symbol, user, number)


def an_add(number: int, user: str = "ann"):
    return a_command("ADD", 5, user=user, number=number)


# Parking


def test_a_command_that_needs_no_quote_runs_at_once():
    rig = SchedulerRig()
    rig.takes(an_add(1), an_add(2, "bob"))
    assert rig.done == [("ann", 1), ("bob", 2)]
    assert rig.quotes.asked == []


def test_a_usable_quote_at_hand_delays_nobody_and_costs_nothing():
    rig = SchedulerRig()
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1))
    assert (rig.numbers, rig.quotes.asked) == ([1], [])


def test_a_user_who_needs_a_quote_is_parked_and_the_quote_requested_in_their_name():
    rig = SchedulerRig()
    rig.takes(a_buy(7, "ann", "XYZ"))
    assert (rig.done, rig.quotes.asked) == ([], [("XYZ", "ann", 7)])


def test_a_quote_that_ran_out_is_no_quote():
    rig = SchedulerRig()
    rig.quotes.quotes["ABC"] = a_quote(100, asked_at_ms=T0 - 60_000)
    rig.takes(a_buy(1))
    assert (rig.done, rig.quotes.symbols_asked) == ([], ["ABC"])


def test_a_parked_users_commands_wait_in_their_order_and_others_do_not():
    rig = SchedulerRig()
    rig.takes(a_buy(1), an_add(2), an_add(3, "bob"))
    rig.takes(an_add(4), an_add(5, "bob"))
    assert rig.done == [("bob", 3), ("bob", 5)]
    rig.hears(100)
    assert rig.done == [("bob", 3), ("bob", 5), ("ann", 1), ("ann", 2), ("ann", 4)]


def test_a_parked_user_does_not_delay_another_who_needs_another_quote():
    rig = SchedulerRig()
    rig.takes(a_buy(1, "ann", "ABC"), a_buy(2, "bob", "XYZ"))
    rig.hears(100, "XYZ")
    assert rig.done == [("bob", 2)]


def test_one_quote_frees_everybody_who_waits_for_it():
    rig = SchedulerRig()
    rig.takes(*(a_buy(number, user) for number, user in enumerate(("ann", "bob", "eve"), 1)))
    rig.hears(100)
    assert rig.done == [("ann", 1), ("bob", 2), ("eve", 3)]


def test_a_freed_user_who_needs_another_quote_is_parked_again():
    rig = SchedulerRig()
    rig.takes(a_buy(1, symbol="ABC"), a_buy(2, symbol="XYZ"), an_add(3))
    rig.hears(100, "ABC")
    assert rig.numbers == [1]
    rig.hears(100, "XYZ")
    assert rig.numbers == [1, 2, 3]


def test_a_quote_for_another_symbol_frees_nobody():
    rig = SchedulerRig()
    rig.takes(a_buy(1))
    rig.hears(100, "XYZ")
    assert rig.done == []


def test_a_quote_that_arrives_expired_is_requested_again():
    rig = SchedulerRig()
    rig.takes(a_buy(1))
    rig.hears(100, asked_at_ms=T0 - 60_000)
    assert (rig.done, rig.quotes.symbols_asked) == ([], ["ABC", "ABC"])
    rig.hears(100)
    assert rig.numbers == [1]


def test_no_quote_rejects_only_the_command_that_needed_it():
    rig = SchedulerRig()
    rig.takes(a_buy(1), an_add(2), a_buy(3), an_add(4))
    rig.hears(None)
    assert rig.reasons == {1: Reason.NO_QUOTE, 2: None}
    rig.hears(100)
    assert rig.reasons == {1: Reason.NO_QUOTE, 2: None, 3: None, 4: None}


def test_no_quote_rejects_one_command_of_each_user_who_waits():
    rig = SchedulerRig()
    rig.takes(a_buy(1, "ann"), a_buy(2, "bob"))
    rig.hears(None)
    assert rig.reasons == {1: Reason.NO_QUOTE, 2: Reason.NO_QUOTE}


def test_a_failure_after_a_newer_quote_is_ignored():
    rig = SchedulerRig()
    rig.takes(a_buy(1))
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.hears(None)
    assert rig.reasons == {1: None}


def test_a_rejection_before_the_quote_neither_parks_nor_asks():
    rig = SchedulerRig(cash=99)
    rig.takes(a_buy(1, amount=100), a_command("SELL", 100, number=2))
    assert rig.reasons == {1: Reason.TOO_LITTLE_CASH, 2: Reason.NO_SHARES}
    assert rig.quotes.asked == []


def test_a_defective_buy_neither_parks_nor_asks():
    rig = SchedulerRig()
    rig.takes(a_command("BUY", None, number=1, defect=Reason.BAD_ARGUMENTS))
    assert (rig.reasons, rig.quotes.asked) == ({1: Reason.BAD_ARGUMENTS}, [])


def test_a_fill_waits_behind_its_users_parked_commands():
    trader = armed_to_buy(trigger=300)
    version = trader.account.triggers["ABC", Side.BUY].version
    rig = SchedulerRig(trader.account)
    rig.takes(a_buy(1, symbol="XYZ", amount=100))
    rig.takes(a_fill(300, version))
    assert rig.batch.rows == []
    rig.hears(100, "XYZ")
    assert [row.decision.kind for row in rig.batch.rows] == [HistoryKind.COMMAND, HistoryKind.FILL]


def test_a_void_fill_leaves_no_row_and_holds_nothing_up():
    rig = SchedulerRig()
    rig.takes(a_fill(300, version=1))
    assert (rig.batch.rows, rig.next_offset) == ([], 1)


# The limit of a batch


def test_commands_beyond_a_full_batch_run_in_the_next_one_in_order():
    rig = SchedulerRig(batch_max=2)
    rig.takes(a_buy(1), an_add(2), an_add(3), a_buy(4, "bob"), an_add(5, "bob"))
    rig.hears(100)
    assert (rig.numbers, rig.scheduler.has_ready) == ([1, 2], True)
    rig.begins_a_new_batch()
    assert rig.numbers == [3, 4]
    rig.begins_a_new_batch()
    assert (rig.numbers, rig.scheduler.has_ready) == ([5], False)


def test_no_quote_is_not_forgotten_for_want_of_room():
    rig = SchedulerRig(batch_max=1)
    rig.takes(a_buy(1, "ann"), a_buy(2, "bob"))
    rig.hears(None)
    assert rig.reasons == {1: Reason.NO_QUOTE}
    rig.begins_a_new_batch()
    assert rig.reasons == {2: Reason.NO_QUOTE}


def test_expiries_wait_for_room_too():
    rig = SchedulerRig(batch_max=2)
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1, "ann"), a_buy(2, "bob"))
    rig.waits(60_000)
    assert rig.numbers == [1, 2]
    rig.begins_a_new_batch()
    assert [row.decision.kind for row in rig.batch.rows] == [HistoryKind.EXPIRY] * 2


# How far the log is done


def test_position_is_the_lowest_unfinished_message_and_high_the_highest_touched():
    rig = SchedulerRig()
    rig.takes(an_add(1))
    rig.takes(a_buy(2), an_add(3, "bob"))
    rig.takes(an_add(4, "bob"))
    assert (rig.next_offset, rig.owned.progress.high_offset) == (1, 2)
    rig.hears(100)
    assert (rig.next_offset, rig.owned.progress.high_offset) == (3, 2)


def test_a_new_owner_continues_from_its_predecessors_position():
    progress = Progress(next_offset=3, high_offset=7)
    progress.begin(offset=3, tag=1, commands=1)
    assert (progress.next_offset, progress.high_offset) == (3, 7)


def test_offsets_may_have_gaps():
    progress = Progress(next_offset=3, high_offset=2)
    message = progress.begin(offset=5, tag=1, commands=1)
    assert (progress.next_offset, progress.high_offset) == (5, 5)
    message.remaining -= 1
    progress.sweep()
    assert (progress.next_offset, progress.unfinished) == (6, 0)


def test_a_message_is_acknowledged_once_all_its_commands_are_done():
    rig = SchedulerRig()
    rig.takes(a_buy(1), an_add(2, "bob"))
    rig.takes(an_add(3, "bob"))
    assert rig.owned.finished_tags == [2]
    rig.hears(100)
    assert rig.owned.finished_tags == [2, 1]


# A partition that has another owner by now


def test_nothing_runs_in_a_partition_that_was_lost():
    rig = SchedulerRig()
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1))
    rig.takes(a_buy(2, "bob", "XYZ"))
    rig.begins_a_new_batch()
    rig.owned.owned = False
    rig.now_ms += 60_000
    rig.hears(100, "XYZ")
    assert rig.batch.rows == []


def test_only_accounts_that_nothing_waits_for_are_forgotten():
    rig = SchedulerRig(an_account("seller", 0, {"ABC": 1}))
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.takes(a_buy(1, "buyer"), a_command("SELL", 100, user="seller"), a_buy(2, "parked", "XYZ"), an_add(3, "idle"))
    rig.owned.forget_idle()
    assert rig.owned.accounts.keys() == {"buyer", "seller", "parked"}


# Refusals of the quote cache (spec §3a)


def test_a_refusal_rejects_the_users_command_and_the_others_ask_for_themselves():
    rig = SchedulerRig()
    rig.takes(a_buy(1, "ann"), a_buy(3, "ann"), a_buy(2, "bob"))
    rig.quotes.asked.clear()
    rig.hears_a_refusal("ann")
    assert rig.reasons == {1: Reason.QUOTE_ALLOWANCE_USED_UP}
    assert rig.quotes.asked == [("ABC", "bob", 2), ("ABC", "ann", 3)]
    rig.hears(100)
    assert rig.reasons == {1: Reason.QUOTE_ALLOWANCE_USED_UP, 2: None, 3: None}


def test_a_refused_user_still_uses_a_quote_that_somebody_else_paid_for():
    rig = SchedulerRig()
    rig.takes(a_buy(1, "ann"))
    rig.quotes.quotes["ABC"] = a_quote(100)
    rig.hears_a_refusal("ann")
    assert rig.reasons == {1: None}


def test_a_command_whose_early_request_was_refused_requests_again_when_its_turn_comes():
    rig = SchedulerRig()
    rig.takes(a_buy(1, symbol="ABC"), a_command("QUOTE", symbol="XYZ", number=2))
    assert rig.quotes.symbols_asked == ["ABC", "XYZ"]
    rig.hears_a_refusal("ann", "XYZ")
    rig.hears(100, "ABC")
    assert rig.quotes.symbols_asked == ["ABC", "XYZ", "XYZ"]
    rig.hears(50, "XYZ")
    assert rig.reasons == {1: None, 2: None}
