"""An account folded from its history rows equals the account that the engine left, after every row."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.transactions.account import Account
from schema.commands import CommandName
from schema.history import BrokenHistory, fold
from tests.history_recorder import HistoryRecorder
from verification.account_at import as_exported

PRICES = st.sampled_from([None, 1_00, 7_03, 20_00])
"""Prices of a quote; None: there is no quote."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from([name for name in CommandName if name is not CommandName.DUMPLOG]),
        st.integers(1, 100_00),
        st.sampled_from(["ABC", "XYZ"]),
        PRICES,
        st.sampled_from([0, 1, 30_000, 61_000]),
    ),
    max_size=60,
)


def trading() -> HistoryRecorder:
    """Makes a history: 10 shares bought, both sides armed, one order expired, one pending."""
    recorder = HistoryRecorder()
    recorder.gives("ADD", 1_000_00)
    recorder.gives("BUY", 105_00, price=10_00)
    recorder.gives("COMMIT_BUY")
    recorder.gives("BUY", 33_00, price=10_00)
    recorder.waits(61_000)
    recorder.gives("SET_BUY_AMOUNT", 50_00)
    recorder.gives("SET_BUY_TRIGGER", 9_00)
    recorder.gives("SET_SELL_AMOUNT", 40_00)
    recorder.gives("SET_SELL_TRIGGER", 20_00)
    recorder.gives("SELL", 30_00, price=10_00)
    return recorder


@given(STEPS, st.randoms(use_true_random=False))
def test_fold_of_the_history_is_the_account_after_every_row(steps, random) -> None:
    recorder = HistoryRecorder()
    recorder.gives("ADD", 1_000_00)
    for name, amount, symbol, price, ms in steps:
        recorder.waits(ms)
        recorder.gives(name, amount, symbol, price)
        if price and recorder.account.triggers and random.random() < 0.3:
            recorder.fills(*random.choice(sorted(recorder.account.triggers)), price)
    for row, account in zip(recorder.rows, recorder.accounts, strict=True):
        assert fold("ann", recorder.rows[: row.seq]) == account


def test_fold_of_no_rows_is_an_account_not_opened() -> None:
    assert fold("ann", []) == Account("ann")


def test_every_part_of_an_account_is_derived() -> None:
    account = fold("ann", trading().rows)
    exported = as_exported(account)
    assert (exported["cash_cents"], exported["reserved_cents"]) == (850_00, 50_00)
    assert exported["positions"] == {"ABC": {"shares": 5, "reserved": 5}}
    (pending,) = exported["pending_orders"]
    assert (pending["side"], pending["shares"], pending["price_cents"]) == ("sell", 3, 10_00)
    buy, sell = exported["trigger_orders"]
    assert (buy["side"], buy["amount_cents"], buy["trigger_cents"], buy["reserved_cents"]) == (
        "buy",
        50_00,
        9_00,
        50_00,
    )
    assert (sell["side"], sell["reserved_shares"]) == ("sell", 2)


def test_a_missing_row_is_named() -> None:
    rows = trading().rows
    with pytest.raises(BrokenHistory, match="ann: row 4 follows row 2"):
        fold("ann", [*rows[:2], *rows[3:]])


def test_a_commit_of_another_order_than_the_newest_is_named() -> None:
    rows = trading().rows
    with pytest.raises(BrokenHistory, match=r"row 3 .*takes XYZ"):
        fold("ann", [*rows[:2], msgspec.structs.replace(rows[2], symbol="XYZ")])


def test_a_cancel_of_a_missing_order_is_named() -> None:
    rows = trading().rows
    with pytest.raises(BrokenHistory, match=r"row 1 .*COMMIT_BUY"):
        fold("ann", [msgspec.structs.replace(rows[2], seq=1)])
