"""Look-ahead requests quotes early that parked users' commands will surely need, and no others (design §3)."""

import pytest

from consumers.transactions.look_ahead import LOOK_AHEAD_FROM
from schema.commands import Command
from schema.outcomes import Reason
from tests.builders import a_command, a_quote, an_account
from tests.desk import Desk


def a_parked_user(cash: int | None = 1_000, amount: int = 100) -> Desk:
    """Ann waits for the quote of ABC; her BUY may take `amount` of her cash."""
    desk = Desk(an_account("ann", cash, {"HAS": 10}))
    desk.takes(a_command("BUY", amount, "ABC") if cash else a_command("QUOTE", symbol="ABC"))
    assert desk.quotes.symbols_asked == ["ABC"]
    desk.quotes.asked.clear()
    return desk


def asked_early(desk: Desk, *commands: Command) -> list[str]:
    desk.takes(*commands)
    return desk.quotes.symbols_asked


def test_a_waiting_quote_command_is_asked_for_early_in_its_own_name():
    desk = a_parked_user()
    desk.takes(a_command("QUOTE", symbol="XYZ", number=9))
    assert desk.quotes.asked == [("XYZ", "ann", 9)]


def test_a_waiting_quote_command_needs_no_account():
    assert asked_early(a_parked_user(cash=None), a_command("QUOTE", symbol="XYZ")) == ["XYZ"]


def test_a_waiting_buy_is_asked_for_if_the_cash_suffices_whatever_comes_before():
    assert asked_early(a_parked_user(cash=200, amount=100), a_command("BUY", 100, "XYZ")) == ["XYZ"]


def test_a_waiting_buy_is_not_asked_for_if_the_one_before_may_leave_too_little():
    assert asked_early(a_parked_user(cash=199, amount=100), a_command("BUY", 100, "XYZ")) == []


@pytest.mark.parametrize("name", ["BUY", "SET_BUY_AMOUNT"])
def test_what_waits_in_between_counts_too(name):
    desk = a_parked_user(cash=299, amount=100)
    assert asked_early(desk, a_command(name, 100, "ABC"), a_command("BUY", 100, "XYZ")) == ["ABC"][: name == "BUY"]


def test_a_waiting_add_is_not_counted_on():
    """The balance limit may reject it."""
    desk = a_parked_user(cash=100, amount=100)
    assert asked_early(desk, a_command("ADD", 500), a_command("BUY", 100, "XYZ")) == []


def test_a_buy_without_an_account_is_not_asked_for():
    desk = a_parked_user(cash=None)
    assert asked_early(desk, a_command("ADD", 500), a_command("BUY", 100, "XYZ")) == []


def test_a_waiting_sell_is_never_asked_for():
    assert asked_early(a_parked_user(), a_command("SELL", 100, "HAS")) == []


@pytest.mark.parametrize("name", ["SET_BUY_TRIGGER", "SET_SELL_AMOUNT", "SET_SELL_TRIGGER", "CANCEL_SET_BUY"])
def test_commands_without_a_quote_are_never_asked_for(name):
    assert asked_early(a_parked_user(), a_command(name, 100, "XYZ")) == []


@pytest.mark.parametrize("name", ["QUOTE", "BUY", "SELL"])
def test_a_defective_command_is_not_asked_for_and_takes_nothing(name):
    desk = a_parked_user(cash=200, amount=100)
    defective = a_command(name, 100, "XYZ", defect=Reason.BAD_ARGUMENTS)
    assert asked_early(desk, defective, a_command("BUY", 100, "S")) == ["S"]


def test_a_quote_at_hand_is_not_asked_for():
    desk = a_parked_user()
    desk.quotes.quotes["XYZ"] = a_quote(100, "XYZ")
    assert asked_early(desk, a_command("QUOTE", symbol="XYZ")) == []


def test_a_user_who_is_not_parked_asks_for_nothing_ahead():
    desk = Desk()
    desk.takes(a_command("ADD", 5), a_command("QUOTE", symbol="XYZ"))
    assert desk.quotes.symbols_asked == ["XYZ"]


def test_what_a_command_has_taken_is_not_counted_twice():
    desk = a_parked_user(cash=300, amount=100)
    desk.takes(a_command("BUY", 100, "DEF"))
    desk.hears(100, "ABC")
    desk.quotes.asked.clear()
    assert asked_early(desk, a_command("BUY", 100, "XYZ")) == ["XYZ"]


def test_only_who_is_far_behind_has_quotes_asked_for_early():
    """Quotes that are requested early expire early: with a short backlog that would cost more quotes."""
    desk = Desk(look_ahead_from=LOOK_AHEAD_FROM)
    desk.takes(a_command("QUOTE", symbol="ABC"), *(a_command("ADD", 5) for _ in range(LOOK_AHEAD_FROM - 2)))
    desk.takes(a_command("QUOTE", symbol="NOT"))
    assert desk.quotes.symbols_asked == ["ABC"]
    desk.takes(a_command("QUOTE", symbol="YES"))
    assert desk.quotes.symbols_asked == ["ABC", "YES"]


def test_what_was_asked_for_early_in_vain_is_not_asked_for_again():
    desk = a_parked_user()
    desk.takes(a_command("QUOTE", symbol="XYZ", number=8), a_command("ADD", 5, number=9))
    desk.hears(None, "XYZ")
    desk.quotes.asked.clear()
    desk.hears(100, "ABC")
    assert desk.quotes.asked == []
    assert (desk.reasons[8], desk.reasons[9]) == (Reason.NO_QUOTE, None)


def test_an_attempt_in_vain_is_that_of_one_command_the_next_one_has_its_own():
    """Without look-ahead, too, each of two commands that need the same quote makes an attempt of its own."""
    desk = a_parked_user()
    desk.takes(a_command("QUOTE", symbol="XYZ", number=8), a_command("QUOTE", symbol="XYZ", number=9))
    desk.hears(None, "XYZ")
    desk.quotes.asked.clear()
    desk.hears(100, "ABC")
    assert desk.reasons[8] is Reason.NO_QUOTE and desk.quotes.asked == [("XYZ", "ann", 9)]
    desk.hears(100, "XYZ")
    assert desk.reasons[9] is None


def test_what_another_user_waits_for_is_their_attempt():
    desk = a_parked_user()
    desk.takes(a_command("QUOTE", symbol="XYZ", user="bob", number=8), a_command("QUOTE", symbol="XYZ", number=9))
    desk.hears(None, "XYZ")
    desk.hears(100, "ABC")
    assert desk.reasons[8] is Reason.NO_QUOTE and 9 not in desk.reasons


def test_a_quote_that_came_later_serves_what_was_asked_for_early_in_vain():
    desk = a_parked_user()
    desk.takes(a_command("QUOTE", symbol="XYZ", number=9))
    desk.hears(None, "XYZ")
    desk.hears(100, "XYZ")
    desk.hears(100, "ABC")
    assert desk.reasons[9] is None


def test_who_comes_after_an_attempt_in_vain_has_one_of_its_own():
    desk = a_parked_user()
    desk.takes(a_command("QUOTE", symbol="XYZ", number=8))
    desk.hears(None, "XYZ")
    desk.takes(a_command("QUOTE", symbol="XYZ", number=9))
    assert desk.quotes.asked == [("XYZ", "ann", 8), ("XYZ", "ann", 9)]
    desk.hears(None, "XYZ")
    desk.hears(100, "ABC")
    assert len(desk.quotes.asked) == 2 and desk.reasons[9] is Reason.NO_QUOTE


def test_an_attempt_in_vain_makes_no_other_reason_disappear():
    desk = a_parked_user(cash=200, amount=100)
    desk.takes(a_command("BUY", 100, "XYZ", number=9))
    desk.hears(None, "XYZ")
    desk.hears(100, "ABC")
    assert desk.reasons[9] is Reason.NO_QUOTE and desk.account().cash_cents == 100


def test_a_cold_cache_costs_one_wait_not_one_for_each_symbol():
    desk = a_parked_user(cash=1_000)
    symbols = ["A", "B", "C", "D"]
    assert asked_early(desk, *(a_command("BUY", 100, symbol) for symbol in symbols)) == symbols
    for symbol in symbols:
        desk.hears(100, symbol)
    assert desk.done == []
    desk.hears(100, "ABC")
    assert len(desk.done) == 5
