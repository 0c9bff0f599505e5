"""ADD, QUOTE, DISPLAY_SUMMARY, DUMPLOG, and commands with a defect: spec §3, cell by cell."""

import pytest

from consumers.transactions import engine
from consumers.transactions.verdict import WANTS_QUOTE
from schema.commands import Command, CommandName, command_id
from schema.money import BALANCE_MAX
from schema.outcomes import Outcome, Reason
from tests.builders import T0, Trader, a_command, a_quote

# ADD


def test_add_makes_an_account_that_is_new():
    ann = Trader(cash=None)
    assert ann.does("ADD", 500).opens_account
    assert (ann.account.opened, ann.cash) == (True, 500)


def test_add_adds_to_the_cash():
    ann = Trader(cash=100)
    decision = ann.does("ADD", 500)
    assert (ann.cash, decision.cash_delta_cents, decision.opens_account) == (600, 500, False)


def test_add_may_reach_the_balance_limit():
    ann = Trader(cash=BALANCE_MAX - 500)
    ann.does("ADD", 500)
    assert ann.cash == BALANCE_MAX


def test_add_beyond_the_balance_limit_is_rejected():
    assert Trader(cash=BALANCE_MAX - 499).is_refused("ADD", 500) is Reason.BALANCE_LIMIT


def test_a_first_add_beyond_the_balance_limit_makes_no_account():
    ann = Trader(cash=None)
    assert ann.is_refused("ADD", BALANCE_MAX + 1) is Reason.BALANCE_LIMIT
    assert ann.is_refused("DISPLAY_SUMMARY") is Reason.NO_ACCOUNT


def test_reserved_cash_counts_towards_the_balance_limit_because_it_may_come_back():
    ann = Trader(cash=BALANCE_MAX)
    ann.does("SET_BUY_AMOUNT", 500)
    assert ann.is_refused("ADD", 1) is Reason.BALANCE_LIMIT


# QUOTE


@pytest.mark.parametrize("cash", [None, 0], ids=["no account", "an account"])
def test_quote_returns_the_price_and_needs_no_account(cash):
    ann = Trader(cash=cash)
    decision = ann.does("QUOTE", price=1_234)
    assert (decision.price_cents, decision.symbol) == (1_234, "ABC")
    assert ann.account.opened is (cash is not None)


def test_quote_without_a_quote_is_rejected():
    assert Trader(cash=None).is_refused("QUOTE", price=None) is Reason.NO_QUOTE


def test_quote_wants_a_quote():
    assert Trader(cash=None).decide(a_command("QUOTE"), None) is WANTS_QUOTE


# DISPLAY_SUMMARY


def test_display_summary_changes_nothing_but_is_done():
    ann = Trader(cash=100, shares={"ABC": 1})
    decision = ann.does("DISPLAY_SUMMARY")
    assert (decision.cash_delta_cents, decision.shares_delta, ann.cash, ann.holds()) == (0, 0, 100, (1, 0))


def test_display_summary_without_an_account_is_rejected():
    assert Trader(cash=None).is_refused("DISPLAY_SUMMARY") is Reason.NO_ACCOUNT


# DUMPLOG


@pytest.mark.parametrize("user", ["ann", None])
def test_dumplog_is_done_with_the_path_to_write_and_needs_no_account(user):
    decision = Trader(cash=None).decide(a_command("DUMPLOG", user=user, filename="./a/log"), None)
    assert (decision.outcome, decision.filename) == (Outcome.DONE, "a/log")


@pytest.mark.parametrize("filename", ["../log", "/log", "a\0b", "x" * 101, "."])
@pytest.mark.parametrize("user", ["ann", None])
def test_dumplog_with_a_bad_file_name_is_rejected(user, filename):
    decision = Trader(cash=0).decide(a_command("DUMPLOG", user=user, filename=filename), None)
    assert (decision.outcome, decision.reason, decision.filename) == (Outcome.REJECTED, Reason.BAD_FILE_NAME, None)


# Defects: found at the edge, before anything else


@pytest.mark.parametrize("name", list(CommandName))
@pytest.mark.parametrize("defect", [Reason.BAD_ARGUMENTS, Reason.AMOUNT_NOT_POSITIVE, Reason.NOT_ADMINISTRATOR])
def test_a_command_with_a_defect_is_rejected_for_the_defect(name, defect):
    ann = Trader(cash=100, shares={"ABC": 1})
    for command in (Command(command_id(1, 1), 7, name, defect=defect), a_command(name, 5, defect=defect)):
        decision = ann.decide(command, None)
        assert (decision.outcome, decision.reason) == (Outcome.REJECTED, defect)


# The engine rejects these by itself


@pytest.mark.parametrize("name", sorted(set(CommandName) - engine.NEEDS_QUOTE))
def test_no_other_command_ever_wants_a_quote(name):
    for ann in (Trader(cash=None), Trader(cash=100, shares={"ABC": 10})):
        assert ann.decide(a_command(name, 5), None) is not WANTS_QUOTE


@pytest.mark.parametrize("quote", [a_quote(100, "XYZ"), a_quote(100, asked_at_ms=T0 - 60_000)])
def test_a_quote_of_another_symbol_or_past_its_life_is_our_own_mistake(quote):
    with pytest.raises(AssertionError):
        engine.decide(Trader(cash=100).account, a_command("QUOTE"), quote, T0)


def test_a_quote_is_usable_until_just_before_its_sixty_seconds_are_over():
    quote = a_quote(100, asked_at_ms=T0 - 59_999)
    assert engine.decide(Trader(cash=100).account, a_command("BUY", 100), quote, T0).outcome is Outcome.DONE
