"""Look-ahead requests quotes early that parked users' commands will surely need, and no others."""

import pytest

from consumers.transactions.look_ahead import LOOK_AHEAD_FROM
from schema.commands import Command
from schema.outcomes import Reason
from tests.builders import a_command, a_quote, an_account
from tests.scheduler_rig import SchedulerRig


def a_parked_user(cash: int | None = 1_000, amount: int = 100) -> SchedulerRig:
    """Ann waits for the quote of ABC; her BUY may take `amount` of her cash."""
    rig = SchedulerRig(an_account("ann", cash, {"HAS": 10}))
    rig.takes(a_command("BUY", amount, "ABC") if cash else a_command("QUOTE", symbol="ABC"))
    assert rig.quotes.symbols_asked == ["ABC"]
    rig.quotes.asked.clear()
    return rig


def asked_early(rig: SchedulerRig, *commands: Command) -> list[str]:
    rig.takes(*commands)
    return rig.quotes.symbols_asked


def test_the_quote_of_a_waiting_quote_command_is_requested_early_in_its_name():
    rig = a_parked_user()
    rig.takes(a_command("QUOTE", symbol="XYZ", number=9))
    assert rig.quotes.asked == [("XYZ", "ann", 9)]


def test_a_waiting_quote_command_needs_no_account():
    assert asked_early(a_parked_user(cash=None), a_command("QUOTE", symbol="XYZ")) == ["XYZ"]


def test_the_quote_of_a_waiting_buy_is_requested_early_if_the_cash_suffices_in_any_case():
    assert asked_early(a_parked_user(cash=200, amount=100), a_command("BUY", 100, "XYZ")) == ["XYZ"]


def test_the_quote_of_a_waiting_buy_is_not_requested_early_if_too_little_cash_may_be_left():
    assert asked_early(a_parked_user(cash=199, amount=100), a_command("BUY", 100, "XYZ")) == []


@pytest.mark.parametrize("name", ["BUY", "SET_BUY_AMOUNT"])
def test_commands_that_wait_in_between_count_too(name):
    rig = a_parked_user(cash=299, amount=100)
    assert asked_early(rig, a_command(name, 100, "ABC"), a_command("BUY", 100, "XYZ")) == ["ABC"][: name == "BUY"]


def test_a_waiting_add_is_not_counted_on():
    """The balance limit may reject it."""
    rig = a_parked_user(cash=100, amount=100)
    assert asked_early(rig, a_command("ADD", 500), a_command("BUY", 100, "XYZ")) == []


def test_no_quote_is_requested_early_for_a_buy_without_an_account():
    rig = a_parked_user(cash=None)
    assert asked_early(rig, a_command("ADD", 500), a_command("BUY", 100, "XYZ")) == []


def test_no_quote_is_requested_early_for_a_sell():
    assert asked_early(a_parked_user(), a_command("SELL", 100, "HAS")) == []


@pytest.mark.parametrize("name", ["SET_BUY_TRIGGER", "SET_SELL_AMOUNT", "SET_SELL_TRIGGER", "CANCEL_SET_BUY"])
def test_no_quote_is_requested_early_for_commands_that_need_none(name):
    assert asked_early(a_parked_user(), a_command(name, 100, "XYZ")) == []


@pytest.mark.parametrize("name", ["QUOTE", "BUY", "SELL"])
def test_no_quote_is_requested_early_for_a_defective_command_which_takes_no_cash(name):
    rig = a_parked_user(cash=200, amount=100)
    defective = a_command(name, 100, "XYZ", defect=Reason.BAD_ARGUMENTS)
    assert asked_early(rig, defective, a_command("BUY", 100, "S")) == ["S"]


def test_a_usable_quote_is_not_requested_early():
    rig = a_parked_user()
    rig.quotes.quotes["XYZ"] = a_quote(100, "XYZ")
    assert asked_early(rig, a_command("QUOTE", symbol="XYZ")) == []


def test_no_quote_is_requested_early_for_a_user_who_is_not_parked():
    rig = SchedulerRig()
    rig.takes(a_command("ADD", 5), a_command("QUOTE", symbol="XYZ"))
    assert rig.quotes.symbols_asked == ["XYZ"]


def test_the_cash_of_an_executed_command_is_not_counted_twice():
    rig = a_parked_user(cash=300, amount=100)
    rig.takes(a_command("BUY", 100, "DEF"))
    rig.hears(100, "ABC")
    rig.quotes.asked.clear()
    assert asked_early(rig, a_command("BUY", 100, "XYZ")) == ["XYZ"]


def test_quotes_are_requested_early_only_for_users_far_behind():
    """Quotes that are requested early expire early: with a short backlog that would cost more quotes."""
    rig = SchedulerRig(look_ahead_from=LOOK_AHEAD_FROM)
    rig.takes(a_command("QUOTE", symbol="ABC"), *(a_command("ADD", 5) for _ in range(LOOK_AHEAD_FROM - 2)))
    rig.takes(a_command("QUOTE", symbol="NOT"))
    assert rig.quotes.symbols_asked == ["ABC"]
    rig.takes(a_command("QUOTE", symbol="YES"))
    assert rig.quotes.symbols_asked == ["ABC", "YES"]


def test_an_early_request_that_failed_is_not_repeated():
    rig = a_parked_user()
    rig.takes(a_command("QUOTE", symbol="XYZ", number=8), a_command("ADD", 5, number=9))
    rig.hears(None, "XYZ")
    rig.quotes.asked.clear()
    rig.hears(100, "ABC")
    assert rig.quotes.asked == []
    assert (rig.reasons[8], rig.reasons[9]) == (Reason.NO_QUOTE, None)


def test_a_failed_early_request_counts_for_one_command_and_the_next_has_its_own():
    """Without look-ahead, too, each of two commands that need the same quote makes an attempt of its own."""
    rig = a_parked_user()
    rig.takes(a_command("QUOTE", symbol="XYZ", number=8), a_command("QUOTE", symbol="XYZ", number=9))
    rig.hears(None, "XYZ")
    rig.quotes.asked.clear()
    rig.hears(100, "ABC")
    assert rig.reasons[8] is Reason.NO_QUOTE and rig.quotes.asked == [("XYZ", "ann", 9)]
    rig.hears(100, "XYZ")
    assert rig.reasons[9] is None


def test_a_quote_that_another_user_waits_for_is_their_attempt():
    rig = a_parked_user()
    rig.takes(a_command("QUOTE", symbol="XYZ", user="bob", number=8), a_command("QUOTE", symbol="XYZ", number=9))
    rig.hears(None, "XYZ")
    rig.hears(100, "ABC")
    assert rig.reasons[8] is Reason.NO_QUOTE and 9 not in rig.reasons


def test_a_later_quote_serves_a_command_whose_early_request_failed():
    rig = a_parked_user()
    rig.takes(a_command("QUOTE", symbol="XYZ", number=9))
    rig.hears(None, "XYZ")
    rig.hears(100, "XYZ")
    rig.hears(100, "ABC")
    assert rig.reasons[9] is None


def test_a_command_after_a_failed_early_request_has_one_of_its_own():
    rig = a_parked_user()
    rig.takes(a_command("QUOTE", symbol="XYZ", number=8))
    rig.hears(None, "XYZ")
    rig.takes(a_command("QUOTE", symbol="XYZ", number=9))
    assert rig.quotes.asked == [("XYZ", "ann", 8), ("XYZ", "ann", 9)]
    rig.hears(None, "XYZ")
    rig.hears(100, "ABC")
    assert len(rig.quotes.asked) == 2 and rig.reasons[9] is Reason.NO_QUOTE


def test_a_failed_early_request_hides_no_other_reason():
    rig = a_parked_user(cash=200, amount=100)
    rig.takes(a_command("BUY", 100, "XYZ", number=9))
    rig.hears(None, "XYZ")
    rig.hears(100, "ABC")
    assert rig.reasons[9] is Reason.NO_QUOTE and rig.account().cash_cents == 100


def test_a_cold_cache_costs_one_wait_not_one_for_each_symbol():
    rig = a_parked_user(cash=1_000)
    symbols = ["A", "B", "C", "D"]
    assert asked_early(rig, *(a_command("BUY", 100, symbol) for symbol in symbols)) == symbols
    for symbol in symbols:
        rig.hears(100, symbol)
    assert rig.done == []
    rig.hears(100, "ABC")
    assert len(rig.done) == 5
