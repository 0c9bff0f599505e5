"""Every entry is let through once, and only after all before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.audit.numbering import HELD_MESSAGES_MAX, Numbering, Run
from schema.commands import VERSION, CommandName
from schema.errors import AuditGap
from schema.events import AuditEntry, AuditKind, AuditMessage


def message(first: int, last: int, source: int = 0) -> AuditMessage:
    """Entries `first` to `last`, each with its number as its transaction number."""
    entries = [AuditEntry(AuditKind.USER_COMMAND, 1, n, CommandName.ADD) for n in range(first, last + 1)]
    return AuditMessage(VERSION, source, first, entries)


def numbers(runs: list[Run]) -> list[int]:
    for run in runs:
        assert [entry.transaction_number for entry in run.entries] == list(
            range(run.first_number, run.first_number + len(run.entries))
        )
    return [entry.transaction_number for run in runs for entry in run.entries]


def test_what_comes_next_is_let_through():
    numbering = Numbering({})
    assert numbers(numbering.take(0, message(1, 3))) == [1, 2, 3]
    assert numbers(numbering.take(1, message(4, 4))) == [4]
    assert numbering.newest(0) == 4


def test_what_is_stored_is_dropped():
    numbering = Numbering({0: 10})
    assert numbering.take(5, message(1, 10)) == []
    assert numbering.held_from is None


def test_an_overlap_that_is_cut_differently_is_cut_again():
    assert numbers(Numbering({0: 10}).take(5, message(8, 13))) == [11, 12, 13]


def test_sources_number_by_themselves():
    numbering = Numbering({0: 10})
    assert numbers(numbering.take(0, message(1, 2, source=1))) == [1, 2]
    assert numbering.newest(0) == 10


def test_nothing_passes_a_gap_and_the_log_is_not_done_with():
    numbering = Numbering({0: 10})
    assert numbering.take(5, message(12, 13)) == []
    assert numbering.take(6, message(14, 14)) == []
    assert (numbering.newest(0), numbering.held, numbering.held_from) == (10, 2, 5)


def test_a_gap_does_not_hold_other_sources_up():
    numbering = Numbering({})
    numbering.take(0, message(2, 3))
    assert numbers(numbering.take(1, message(1, 2, source=1))) == [1, 2]


def test_what_fills_a_gap_frees_what_waits_in_order():
    numbering = Numbering({0: 10})
    numbering.take(5, message(16, 20))
    numbering.take(6, message(13, 15))
    assert numbers(numbering.take(7, message(11, 13))) == [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    assert (numbering.held, numbering.held_from) == (0, None)


def test_a_gap_that_is_never_filled_ends_in_an_error():
    numbering = Numbering({})
    for offset in range(HELD_MESSAGES_MAX):
        numbering.take(offset, message(2 + offset, 2 + offset))
    with pytest.raises(AuditGap, match="source 0: number 1 is missing"):
        numbering.take(HELD_MESSAGES_MAX, message(900, 900))


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=60))
def test_however_messages_come_each_number_passes_once_and_in_order(cuts):
    numbering = Numbering({})
    passed = []
    for offset, (first, more) in enumerate([*cuts, (1, 49)]):
        passed += numbers(numbering.take(offset, message(first, first + more)))
    assert passed == list(range(1, 51))
    assert numbering.held_from is None
