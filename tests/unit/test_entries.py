"""Entries of the log of record for each outcome: the table of spec §6."""

import pytest

from consumers.transactions.verdict import NO_QUOTE
from schema.commands import CommandName
from schema.events import AuditKind
from schema.outcomes import SENTENCES, Reason, Side
from tests.builders import T0, Trader, a_command, a_quote, armed, armed_to_buy, armed_to_sell

USER_COMMAND, ERROR, SYSTEM = AuditKind.USER_COMMAND, AuditKind.ERROR_EVENT, AuditKind.SYSTEM_EVENT
MONEY, MARKER = AuditKind.ACCOUNT_TRANSACTION, AuditKind.MARKER


def logged(trader: Trader, *commands: tuple, price: int = 100) -> list[tuple]:
    """Returns kind and funds of the last command's entries; each command has paid for its own quote."""
    for name, *arguments in commands:
        command = a_command(name, *arguments, user=trader.account.user)
        trader.log.clear()
        own = (command.transaction_number, command.user)
        quote = a_quote(price, command.symbol, trader.now_ms, cause=own) if command.symbol else NO_QUOTE
        trader.gives_command(command, quote)
        assert all(entry.transaction_number == command.transaction_number for entry in trader.log)
    return shown(trader)


def shown(trader: Trader) -> list[tuple]:
    return [(entry.kind, entry.funds_cents) for entry in trader.log]


def a_holder() -> Trader:
    return Trader(cash=1_000, shares={"ABC": 10})


BUY, SELL = ("BUY", 250), ("SELL", 250)
BUY_AMOUNT, BUY_TRIGGER = ("SET_BUY_AMOUNT", 500), ("SET_BUY_TRIGGER", 90)
SELL_AMOUNT, SELL_TRIGGER = ("SET_SELL_AMOUNT", 500), ("SET_SELL_TRIGGER", 110)


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ([("ADD", 500)], [(USER_COMMAND, 500), (MONEY, 500)]),
        ([("QUOTE",)], [(USER_COMMAND, None)]),
        ([BUY], [(USER_COMMAND, 250), (MONEY, -200)]),
        ([BUY, ("COMMIT_BUY",)], [(USER_COMMAND, None), (SYSTEM, 100)]),
        ([BUY, ("CANCEL_BUY",)], [(USER_COMMAND, None), (MONEY, 200)]),
        ([SELL], [(USER_COMMAND, 250), (SYSTEM, 100)]),
        ([SELL, ("COMMIT_SELL",)], [(USER_COMMAND, None), (MONEY, 200), (SYSTEM, 100)]),
        ([SELL, ("CANCEL_SELL",)], [(USER_COMMAND, None), (SYSTEM, 100)]),
        ([BUY_AMOUNT], [(USER_COMMAND, 500), (MONEY, -500), (SYSTEM, 500)]),
        ([BUY_AMOUNT, ("SET_BUY_AMOUNT", 300)], [(USER_COMMAND, 300), (MONEY, 200), (SYSTEM, 300)]),
        ([BUY_AMOUNT, BUY_AMOUNT], [(USER_COMMAND, 500), (SYSTEM, 500)]),
        ([BUY_AMOUNT, BUY_TRIGGER], [(USER_COMMAND, 90), (SYSTEM, 90)]),
        ([BUY_AMOUNT, ("CANCEL_SET_BUY",)], [(USER_COMMAND, None), (MONEY, 500), (SYSTEM, 500)]),
        ([SELL_AMOUNT], [(USER_COMMAND, 500), (SYSTEM, 500)]),
        ([SELL_AMOUNT, SELL_TRIGGER], [(USER_COMMAND, 110), (SYSTEM, 110)]),
        ([SELL_AMOUNT, SELL_TRIGGER, ("CANCEL_SET_SELL",)], [(USER_COMMAND, None), (SYSTEM, 500)]),
        ([("DISPLAY_SUMMARY",)], [(USER_COMMAND, None)]),
        ([("DUMPLOG",)], [(USER_COMMAND, None), (MARKER, None)]),
    ],
    ids=lambda value: value[-1][0] if value and isinstance(value[-1][0], str) else "",
)
def test_entries_of_a_command_that_is_done(commands, expected):
    assert logged(a_holder(), *commands) == expected


REJECTIONS = {
    "ADD": Reason.BALANCE_LIMIT,
    "BUY": Reason.NO_ACCOUNT,
    "COMMIT_BUY": Reason.NO_PENDING_BUY,
    "CANCEL_BUY": Reason.NO_PENDING_BUY,
    "SELL": Reason.NO_ACCOUNT,
    "COMMIT_SELL": Reason.NO_PENDING_SELL,
    "CANCEL_SELL": Reason.NO_PENDING_SELL,
    "SET_BUY_AMOUNT": Reason.NO_ACCOUNT,
    "SET_BUY_TRIGGER": Reason.NO_BUY_AMOUNT,
    "CANCEL_SET_BUY": Reason.NO_TRIGGER_ORDER,
    "SET_SELL_AMOUNT": Reason.NO_ACCOUNT,
    "SET_SELL_TRIGGER": Reason.NO_SELL_AMOUNT,
    "CANCEL_SET_SELL": Reason.NO_TRIGGER_ORDER,
    "DISPLAY_SUMMARY": Reason.NO_ACCOUNT,
}


@pytest.mark.parametrize("name", REJECTIONS)
def test_a_rejected_command_has_a_user_command_and_an_error_event_with_its_reason(name):
    nobody_yet = Trader(cash=None)
    logged(nobody_yet, (name, 2**63 - 1))
    asked, error = nobody_yet.log
    assert (asked.kind, error.kind) == (USER_COMMAND, ERROR)
    reason = REJECTIONS[name]
    assert error.message == f"{reason}: {SENTENCES[reason]}"
    for field in ("at_ms", "transaction_number", "command", "user", "symbol", "filename", "funds_cents"):
        assert getattr(asked, field) == getattr(error, field)


def test_a_defective_command_is_logged_with_the_fields_that_are_valid():
    ann = a_holder()
    command = a_command("BUY", None, defect=Reason.AMOUNT_NOT_POSITIVE)
    ann.gives_command(command)
    assert [(e.kind, e.user, e.symbol, e.funds_cents) for e in ann.log] == [
        (USER_COMMAND, "ann", "ABC", None),
        (ERROR, "ann", "ABC", None),
    ]


@pytest.mark.parametrize("filename", ["../log", "a\0b", "/log"])
def test_a_bad_file_name_is_left_out_and_gives_no_marker(filename):
    ann = a_holder()
    ann.gives_command(a_command("DUMPLOG", filename=filename))
    assert [(entry.kind, entry.filename) for entry in ann.log] == [(USER_COMMAND, None), (ERROR, None)]


def test_the_root_dumplog_carries_no_user_and_its_marker_comes_from_the_scheduler():
    nobody = Trader(cash=None, user="")
    nobody.gives_command(a_command("DUMPLOG", user=None, filename="./log"))
    assert [(entry.kind, entry.user, entry.filename) for entry in nobody.log] == [(USER_COMMAND, None, "./log")]


def test_a_marker_carries_the_id_of_its_dump_and_the_path_to_write():
    ann = a_holder()
    command = a_command("DUMPLOG", filename="./a/log", number=42)
    ann.gives_command(command)
    marker = ann.log[-1]
    assert (marker.kind, marker.user, marker.filename) == (MARKER, "ann", "a/log")
    assert (marker.message, marker.transaction_number) == (command.command_id.hex(), 42)


# Quotes: the paid hit is the quote cache's entry; a quote that somebody else's command paid for is a systemEvent


@pytest.mark.parametrize("cause", [(1, "eve"), (1, "ann"), (42, "eve")])
@pytest.mark.parametrize("name", ["QUOTE", "BUY"])
def test_a_cached_quote_that_is_used_is_a_system_event_with_its_price(name, cause):
    ann = a_holder()
    ann.gives_command(a_command(name, 500, number=42), a_quote(250, cause=cause))
    assert ann.log[1].kind is SYSTEM
    assert (ann.log[1].symbol, ann.log[1].funds_cents, ann.log[1].transaction_number) == ("ABC", 250, 42)


def test_the_quote_that_the_command_itself_paid_for_is_logged_by_the_quote_cache_alone():
    ann = a_holder()
    ann.gives_command(a_command("QUOTE", number=42), a_quote(250, cause=(42, "ann")))
    assert shown(ann) == [(USER_COMMAND, None)]


def test_a_quote_from_before_the_command_was_published_was_cached_though_number_and_user_are_its_own():
    """Transaction numbers repeat: a file may be loaded twice, or beside the site's commands."""
    ann = a_holder()
    ann.gives_command(a_command("QUOTE", number=42), a_quote(250, asked_at_ms=T0 - 1, cause=(42, "ann")))
    assert shown(ann) == [(USER_COMMAND, None), (SYSTEM, 250)]


def test_a_cached_quote_that_decided_a_rejection_was_used_too():
    ann = a_holder()
    ann.gives_command(a_command("BUY", 249), a_quote(250))
    assert [entry.kind for entry in ann.log] == [USER_COMMAND, SYSTEM, ERROR]


def test_a_cached_quote_that_decided_nothing_was_not_used():
    ann = a_holder()
    ann.gives_command(a_command("BUY", 1_001), a_quote(250))
    assert [entry.kind for entry in ann.log] == [USER_COMMAND, ERROR]


# Expiries and fills: no userCommand, and the number of the command that set the order


@pytest.mark.parametrize(("name", "expected"), [("BUY", [(SYSTEM, 200), (MONEY, 200)]), ("SELL", [(SYSTEM, 200)])])
def test_entries_of_an_expiry(name, expected):
    ann = a_holder()
    opening = ann.does(name, 250, price=100)
    ann.log.clear()
    ann.waits(60_000)
    ann.expire()
    assert shown(ann) == expected
    for entry in ann.log:
        assert (entry.transaction_number, entry.command, entry.user) == (opening.transaction_number, name, "ann")
        assert entry.at_ms == T0 + 60_000


@pytest.mark.parametrize(
    ("ann", "side", "price", "expected"),
    [
        (armed_to_buy, Side.BUY, 270, [(MONEY, 190), (SYSTEM, 270)]),
        (armed_to_buy, Side.BUY, 250, [(SYSTEM, 250)]),
        (armed_to_sell, Side.SELL, 400, [(MONEY, 1_200), (SYSTEM, 400)]),
    ],
    ids=["a buy with change", "a buy without change", "a sell"],
)
def test_entries_of_a_fill(ann, side, price, expected):
    ann = ann()
    number = ann.account.triggers["ABC", side].transaction_number
    ann.log.clear()
    ann.fills(price, side=side)
    assert shown(ann) == expected
    for entry in ann.log:
        assert (entry.transaction_number, entry.command) == (number, CommandName[f"SET_{side.upper()}_TRIGGER"])


def test_a_void_fill_is_not_logged():
    ann = armed_to_buy(trigger=300)
    ann.log.clear()
    ann.fills(301)
    assert ann.log == []


def test_signed_account_transactions_sum_to_the_available_cash():
    ann = Trader(cash=None)
    ann.does("ADD", 1_000_00)
    ann.does("BUY", 100_00, price=33_33)
    ann.does("COMMIT_BUY")
    ann.does("BUY", 50_00, price=20_01)
    ann.does("SET_BUY_AMOUNT", 70_00)
    ann.does("SET_BUY_TRIGGER", 34_00)
    ann.does("SET_BUY_AMOUNT", 80_00)
    ann.fills(32_99)
    ann.does("SET_BUY_AMOUNT", 10_00, "XYZ")
    ann.does("SELL", 40_00, price=36_00)
    ann.does("COMMIT_SELL")
    ann.does("BUY", 30_00, price=10_00)
    ann.does("CANCEL_BUY")
    ann.does("SET_SELL_AMOUNT", 40_00)
    ann.does("SET_SELL_TRIGGER", 39_00)
    ann.fills(41_07, side=Side.SELL)
    ann.waits(60_000)
    ann.is_refused("COMMIT_BUY")
    moved = [entry for entry in ann.log if entry.kind is MONEY]
    assert sum(entry.funds_cents for entry in moved) == ann.cash
    assert all(entry.funds_cents != 0 and entry.user == "ann" for entry in moved)


# News for trigger workers


def test_changes_announce_an_armed_order_with_its_price_and_reserve():
    ann = armed_to_buy(amount=1_000, trigger=300)
    ann.does("SET_BUY_AMOUNT", 900)
    armed, less = ann.batch.outputs[0].changes
    assert (armed.trigger_cents, armed.reserved_cents) == (300, 1_000)
    assert (less.trigger_cents, less.reserved_cents, less.version) == (300, 900, armed.version + 1)


@pytest.mark.parametrize("side", list(Side))
def test_changes_do_not_announce_an_order_that_was_never_armed(side):
    ann = Trader(cash=1_000, shares={"ABC": 10})
    ann.does(f"SET_{side.upper()}_AMOUNT", 900)
    ann.does(f"CANCEL_SET_{side.upper()}")
    assert ann.batch.outputs[0].changes == []


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("gone_by", ["cancel", "fill"])
def test_changes_announce_a_gone_order_without_a_price_and_with_a_newer_version(side, gone_by):
    ann = armed(side)
    if gone_by == "fill":
        ann.fills(300, side=side)
    else:
        ann.does(f"CANCEL_SET_{side.upper()}")
    before, gone = ann.batch.outputs[0].changes
    assert (gone.user, gone.symbol, gone.side, gone.trigger_cents) == ("ann", "ABC", side, None)
    assert gone.version == ann.account.history_seq > before.version


def test_an_expiry_or_a_refused_change_tells_trigger_workers_nothing():
    ann = armed_to_buy(cash=1_500)
    announced = len(ann.batch.outputs[0].changes)
    ann.does("BUY", 500, price=500)
    ann.is_refused("SET_BUY_AMOUNT", 10_000)
    ann.waits(60_000)
    ann.expire()
    assert len(ann.batch.outputs[0].changes) == announced
