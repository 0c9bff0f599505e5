"""Every audit entry is accepted once, and only after all before it; early ones are held within bounds."""

from hypothesis import given
from hypothesis import strategies as st

from consumers.audit.numbering import HELD_BYTES_MAX, HELD_MESSAGES_MAX, NumberedMessage, Numbering, Part, Stop
from schema.commands import VERSION, CommandName
from schema.events import AuditEntry, AuditKind, AuditMessage


def arrival(offset: int, first: int, last: int, source: int = 0, body: bytes = b"") -> NumberedMessage:
    """Makes entries `first` to `last`, each with its number as its transaction number."""
    entries = [AuditEntry(AuditKind.USER_COMMAND, 1, n, CommandName.ADD) for n in range(first, last + 1)]
    return NumberedMessage(offset, AuditMessage(VERSION, source, first, entries), b"", body, is_new=True)


def numbers(parts: list[Part]) -> list[int]:
    """Returns the numbers of the accepted entries."""
    return [entry.transaction_number for part in parts for entry in part.arrival.message.entries[part.known :]]


def taken(numbering: Numbering, offset: int, first: int, last: int, source: int = 0) -> list[int]:
    return numbers(numbering.take(arrival(offset, first, last, source)))


def test_the_next_entry_is_accepted():
    numbering = Numbering({})
    assert taken(numbering, 0, 1, 3) == [1, 2, 3]
    assert taken(numbering, 1, 4, 4) == [4]
    assert numbering.newest(0) == 4


def test_stored_entries_are_not_accepted_again():
    numbering = Numbering({0: 10})
    again = arrival(5, 1, 10)
    assert numbering.take(again) == [Part(again, known=10)]
    assert numbering.held_from is None


def test_an_overlap_that_is_cut_differently_is_cut_again():
    overlap = arrival(5, 8, 13)
    assert Numbering({0: 10}).take(overlap) == [Part(overlap, known=3)]
    assert numbers([Part(overlap, known=3)]) == [11, 12, 13]


def test_sources_number_by_themselves():
    numbering = Numbering({0: 10})
    assert taken(numbering, 0, 1, 2, source=1) == [1, 2]
    assert numbering.newest(0) == 10


def test_nothing_passes_a_gap_and_the_log_is_not_done_with():
    numbering = Numbering({0: 10})
    assert taken(numbering, 5, 12, 13) == []
    assert taken(numbering, 6, 14, 14) == []
    assert (numbering.newest(0), numbering.held, numbering.held_from) == (10, 2, 5)


def test_a_gap_does_not_hold_other_sources_up():
    numbering = Numbering({})
    taken(numbering, 0, 2, 3)
    assert taken(numbering, 1, 1, 2, source=1) == [1, 2]


def test_an_entry_that_fills_a_gap_frees_waiting_entries_in_order():
    numbering = Numbering({0: 10})
    taken(numbering, 5, 16, 20)
    taken(numbering, 6, 13, 15)
    assert taken(numbering, 7, 11, 13) == [11, 12, 13, 14, 15, 16, 17, 18, 19, 20]
    assert (numbering.held, numbering.held_from) == (0, None)


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=60))
def test_however_messages_come_each_number_passes_once_and_in_order(cuts):
    numbering = Numbering({})
    passed = []
    for offset, (first, more) in enumerate([*cuts, (1, 49)]):
        passed += taken(numbering, offset, first, first + more)
    assert passed == list(range(1, 51))
    assert numbering.held_from is None


# More entries than may be held


def test_a_source_with_an_entry_missing_for_too_long_stops_and_holds_nothing():
    numbering = Numbering({0: 10, 1: 10})
    taken(numbering, 1, 12, 12, source=1)
    for offset in range(2, 2 + HELD_MESSAGES_MAX):
        assert numbering.stop_lacking() is None
        taken(numbering, offset, 10 + offset, 10 + offset)
    stop, dropped = numbering.stop_lacking()
    assert (stop.source, stop.number, stop.offset) == (0, 11, 2)
    assert "missing" in stop.reason
    assert [one.offset for one in dropped] == list(range(2, 2 + HELD_MESSAGES_MAX))
    assert numbering.stop_lacking() is None
    assert (numbering.held, numbering.held_from, numbering.stopped(0)) == (1, 1, stop)
    assert taken(numbering, 900, 11, 12, source=1) == [11, 12], "the other source goes on"


def test_held_entries_are_bounded_in_bytes_too():
    numbering = Numbering({})
    numbering.take(arrival(0, 2, 2, source=1, body=b"x"))
    numbering.take(arrival(1, 2, 2, body=bytes(HELD_BYTES_MAX)))
    stop, _ = numbering.stop_lacking()
    assert stop.source == 0


def test_a_stop_ends_when_its_entry_is_accepted_and_is_reported_once():
    numbering = Numbering({0: 10})
    stop = Stop(0, 11, 3, "why")
    numbering.stop(stop)
    assert (numbering.stopped_sources, numbering.overcome()) == ([0], [])
    numbering.retry(stop)
    assert (numbering.stopped_sources, numbering.overcome()) == ([], [])
    assert taken(numbering, 9, 11, 11) == [11]
    assert (numbering.overcome(), numbering.overcome()) == ([stop], [])


def test_a_source_that_stops_within_accepted_entries_continues_from_there():
    numbering = Numbering({0: 10})
    taken(numbering, 5, 11, 20)
    numbering.stop(Stop(0, 15, 5, "why"))
    assert numbering.newest(0) == 14


def test_a_stop_that_lasts_after_a_retry_is_still_read_from_its_beginning():
    """The worker skipped what followed the entry. That lies before the copy of the entry that is refused now."""
    numbering = Numbering({0: 4})
    numbering.stop(Stop(0, 5, 4, "why"))
    numbering.retry(Stop(0, 5, 4, "why"))
    assert taken(numbering, 15, 5, 5) == [5]
    stop, _ = numbering.stop(Stop(0, 5, 15, "why"))
    assert (stop.offset, numbering.stopped(0)) == (4, stop)
