"""Entries of the log of record about paid requests (spec §6)."""

from quotecache.audit_entries import audit_messages
from quotecache.fetch import ABANDONED, SENDER, Failure, Fetch, Settled
from quotecache.protocol import PriceLine
from schema.codec import decode_audit
from schema.commands import VERSION, CommandName
from schema.events import ENTRIES_PER_MESSAGE_MAX, QUOTECACHE_SOURCE, AuditEntry, AuditKind, PriceRequest

LINE = PriceLine(26_578, 1_507_094_283_184, "key==")


def settled(outcome, user="jane", quote_id=3) -> Settled:
    return Settled(Fetch(quote_id, PriceRequest(VERSION, "ABC", user, 7), 1_000), 2_000, outcome)


def entry_of(one: Settled) -> AuditEntry:
    return decode_audit(audit_messages([one], 1)[0].body).entries[0]


def test_a_paid_hit_is_logged_exactly_as_answered_under_its_cause():
    assert entry_of(settled(LINE)) == AuditEntry(
        AuditKind.QUOTE_SERVER,
        2_000,
        7,
        user="jane",
        symbol="ABC",
        funds_cents=26_578,
        quote_server_time=1_507_094_283_184,
        cryptokey="key==",
    )


def test_a_hit_without_a_user_names_the_user_sent_to_the_server():
    assert entry_of(settled(LINE, user="")).user == SENDER


def test_a_paid_request_without_a_price_is_a_debug_event():
    entry = entry_of(settled(Failure("silence for 5000 ms", paid=True)))
    assert (entry.kind, entry.command, entry.user) == (AuditKind.DEBUG_EVENT, CommandName.QUOTE, "jane")
    assert entry.message == "quote request 3 of 1000 is paid for without a price: silence for 5000 ms"
    assert entry_of(settled(ABANDONED, user="")).user is None


def test_a_request_that_was_never_sent_is_not_paid_for():
    unsent = settled(Failure("not sent: refused", paid=False))
    assert not unsent.paid and settled(ABANDONED).paid and settled(LINE).paid
    assert "is not paid for" in entry_of(unsent).message


def test_the_text_of_a_failure_does_not_decide_whether_a_request_is_paid():
    assert settled(Failure("not sent: or so the server says", paid=True)).paid
    assert not settled(Failure("connection refused", paid=False)).paid


def test_entries_are_numbered_without_gaps_over_messages_of_bounded_size():
    count = 2 * ENTRIES_PER_MESSAGE_MAX + 1
    messages = [decode_audit(m.body) for m in audit_messages([settled(LINE, quote_id=n) for n in range(count)], 41)]
    assert [m.first_number for m in messages] == [41, 41 + ENTRIES_PER_MESSAGE_MAX, 41 + 2 * ENTRIES_PER_MESSAGE_MAX]
    assert [len(m.entries) for m in messages] == [ENTRIES_PER_MESSAGE_MAX, ENTRIES_PER_MESSAGE_MAX, 1]
    assert {m.source for m in messages} == {QUOTECACHE_SOURCE}
    assert audit_messages([], 41) == []
