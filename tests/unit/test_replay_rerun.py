"""Replay of a user's log finds no violation in a correct history, and names what is wrong in any other."""

from collections.abc import Callable

import msgspec
import pytest

from consumers.transactions.account import Account
from consumers.transactions.batch import Batch
from consumers.transactions.replay.findings import Findings, Kind
from consumers.transactions.replay.log import UserLog
from consumers.transactions.replay.recorded import LogProgress, RecordedRow
from consumers.transactions.replay.rerun import Rerun
from schema.history import fold
from schema.outcomes import Side
from tests.builders import T0
from tests.history_recorder import HistoryRecorder

NOT_COMPARED = {"user", "kind", "at_ms", "quote_id", "asked_at_ms"}
"""Columns that replay does not compare: a row's user and kind, and inputs, whose values it takes as given."""

ALL_DONE = LogProgress(next_offset=1_000, high_offset=999, clock_ms=T0 + 10_000_000)


def trading() -> HistoryRecorder:
    """ADD, BUY, COMMIT_BUY, BUY, its expiry, SET_BUY_AMOUNT and _TRIGGER, a fill of it, SELL without a quote."""
    recorder = HistoryRecorder()
    recorder.gives("ADD", 1_000_00)
    recorder.gives("BUY", 105_00, price=10_00)
    recorder.gives("COMMIT_BUY")
    recorder.gives("BUY", 33_00, price=10_00)
    recorder.waits(61_000)
    recorder.gives("SET_BUY_AMOUNT", 50_00)
    recorder.gives("SET_BUY_TRIGGER", 9_00)
    assert recorder.fills("ABC", Side.BUY, 12_00) is None  # void: too dear
    assert recorder.fills("ABC", Side.BUY, 8_00) is not None
    recorder.gives("SELL", 30_00, price=None)
    return recorder


def rerun(
    recorder: HistoryRecorder, rows: list[RecordedRow], log: UserLog | None = None, progress: LogProgress = ALL_DONE
) -> Findings:
    return _run(recorder, rows, log, progress)[0]


def _run(
    recorder: HistoryRecorder, rows: list[RecordedRow], log: UserLog | None, progress: LogProgress
) -> tuple[Findings, Account]:
    findings = Findings()
    run = Rerun("ann", log or recorder.log(), progress, 0, findings)
    batch = Batch()
    for row in rows:
        run.step(batch, row)
    run.finish()
    return findings, run.account


def test_a_true_record_gives_the_same_account_and_no_violation() -> None:
    recorder = trading()
    found, account = _run(recorder, recorder.recorded(), None, ALL_DONE)
    assert account == recorder.account
    assert found.violations == {}
    assert (found.commands, found.fills, found.expiries, found.void_fills) == (7, 1, 1, 1)


@pytest.mark.parametrize("back_ms", [2_001, 30_000, 3_600_000])
def test_a_record_across_a_clock_that_was_set_back_is_true(back_ms: int) -> None:
    recorder = HistoryRecorder()
    recorder.gives("ADD", 1_000_00)
    for _ in range(2):
        recorder.gives("BUY", 33_00, price=10_00)
    recorder.waits(-back_ms)
    recorder.gives("BUY", 33_00, price=10_00)
    recorder.gives("COMMIT_BUY")
    recorder.gives("COMMIT_BUY")  # rejected: the step of the clock released both older orders
    recorder.waits(60_000)
    recorder.gives("ADD", 1)
    assert [row.kind for row in recorder.rows].count("expiry") == 2
    found, account = _run(recorder, recorder.recorded(), None, ALL_DONE)
    assert found.violations == {}
    assert account == recorder.account == fold("ann", recorder.rows)


def test_an_order_from_before_the_clock_was_set_back_that_was_committed_is_found() -> None:
    recorder = HistoryRecorder()
    recorder.gives("ADD", 1_000_00)
    recorder.gives("BUY", 33_00, price=10_00)
    recorder.gives("COMMIT_BUY")
    rows = recorder.recorded()
    rows[2] = msgspec.structs.replace(rows[2], at_ms=T0 - 3_600_000)
    assert "was due, but was not released" in rerun(recorder, rows).first[Kind.MISMATCH]


def _altered(field: str) -> Callable[[RecordedRow], object]:
    def alter(row: RecordedRow) -> object:
        value = getattr(row, field)
        if isinstance(value, int):
            return value + 1
        if isinstance(value, bytes):
            return value[:-1] + bytes([value[-1] ^ 1])
        return "XYZ" if value != "no_quote" else "no_account"

    return alter


@pytest.mark.parametrize("field", [f for f in RecordedRow.__struct_fields__ if f not in NOT_COMPARED])
def test_every_altered_field_of_every_row_is_found(field: str) -> None:
    recorder = trading()
    rows = recorder.recorded()
    for n, row in enumerate(rows):
        if getattr(row, field) is not None:
            altered = msgspec.structs.replace(row, **{field: _altered(field)(row)})
            assert rerun(recorder, [*rows[:n], altered, *rows[n + 1 :]]).violations, (field, row)


def test_a_row_that_is_gone_is_a_gap_and_its_command_is_lost() -> None:
    recorder = trading()
    rows = recorder.recorded()
    found = rerun(recorder, [*rows[:2], *rows[3:]])
    assert found.violations[Kind.GAP] == 1
    assert "COMMIT_BUY" in found.first[Kind.LOST]


def test_rows_of_two_commands_exchanged_are_out_of_order() -> None:
    recorder = HistoryRecorder()
    for cents in (1, 2):
        recorder.gives("ADD", cents)
    first, second = recorder.recorded()
    exchanged = [msgspec.structs.replace(second, seq=1), msgspec.structs.replace(first, seq=2)]
    found = rerun(recorder, exchanged)
    assert found.violations == {Kind.OUT_OF_ORDER: 1}


def test_a_quote_of_sixty_seconds_is_too_old_to_have_been_used() -> None:
    recorder = trading()
    rows = recorder.recorded()
    rows[1] = msgspec.structs.replace(rows[1], asked_at_ms=rows[1].at_ms - 60_000)
    assert "60000 ms old" in rerun(recorder, rows).first[Kind.MISMATCH]


def test_an_order_that_was_due_and_not_released_is_found() -> None:
    recorder = trading()
    rows = [row for row in recorder.recorded() if row.kind != "expiry"]
    found = rerun(recorder, rows)
    assert "was due, but was not released" in found.first[Kind.MISMATCH]


def test_what_stands_behind_the_position_is_not_yet_executed() -> None:
    recorder = trading()
    done = recorder.recorded()
    recorder.gives("ADD", 1_00)
    recorder.fills("ABC", Side.SELL, 1_00)
    progress = LogProgress(
        next_offset=recorder.entries[-2].offset, high_offset=recorder.entries[-1].offset, clock_ms=recorder.now_ms
    )
    found = rerun(recorder, done, recorder.log(), progress)
    assert found.violations == {}
    assert found.not_yet_executed == 2


def test_a_fill_that_is_said_to_be_void_and_is_not_is_lost() -> None:
    recorder = trading()
    rows = [row for row in recorder.recorded() if row.kind != "fill"]
    progress = LogProgress(ALL_DONE.next_offset, ALL_DONE.high_offset, recorder.now_ms)
    found = rerun(recorder, rows, progress=progress)
    assert "fill of buy ABC" in found.first[Kind.LOST]


def test_a_fill_that_only_its_age_makes_void_is_counted() -> None:
    recorder = trading()
    log = recorder.log()
    for n, entry in enumerate(log.fills):
        if entry.request.price_cents == 8_00:
            aged = msgspec.structs.replace(entry.request, asked_at_ms=entry.request.asked_at_ms - 59_500)
            log.fills[n] = msgspec.structs.replace(entry, request=aged)
    rows = [row for row in recorder.recorded() if row.kind != "fill"][:-1]
    log.commands.popitem()
    found = rerun(recorder, rows, log, LogProgress(ALL_DONE.next_offset, ALL_DONE.high_offset, recorder.now_ms + 1_000))
    assert Kind.LOST not in found.violations
    assert (found.void_fills, found.void_by_age) == (1, 1)
