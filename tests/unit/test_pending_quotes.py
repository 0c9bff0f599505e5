"""Quotes that a worker waits for: answers, repetitions and giving up, also with clocks that differ or are set back.

Rules: spec §1, §4.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotecache.pending_quotes import DEADLINE_MS, RETRY_MS, PendingQuotes
from schema.bounds import INT64_MAX, MILLISECONDS_MAX
from schema.commands import VERSION
from schema.events import CLOCK_STEP_MS_MAX, QUOTE_LIFETIME_MS, NoQuote, PriceRequest, Quote
from tests.builders import T0, a_quote

HOUR_MS = 3_600_000
TURN_MS = 100
REPEATS = DEADLINE_MS // RETRY_MS - 1


class Asker:
    """Client that requests quotes and turns its loop. `sent`: symbols of all requests; `answers`: what it has heard."""

    def __init__(self):
        self.pending = PendingQuotes()
        self.now_ms = T0
        self.sent: list[str] = []
        self.answers: list[Quote | NoQuote] = []

    def asks(self, symbol="ABC") -> None:
        if self.pending.ask(PriceRequest(VERSION, symbol, "jane", 7), self.now_ms):
            self.sent.append(symbol)

    def hears(self, answer: Quote | NoQuote) -> None:
        self.pending.hear(answer)
        self.turn()

    def turn(self) -> None:
        self.sent += [request.symbol for request in self.pending.tick(self.now_ms)]
        self.answers += self.pending.take_answers()

    def turns(self, ms: int) -> None:
        """Turns the loop for this time."""
        for _ in range(0, ms, TURN_MS):
            self.now_ms += TURN_MS
            self.turn()


@pytest.fixture
def asker() -> Asker:
    return Asker()


def test_silence_is_met_with_repeats_and_in_the_end_with_no_quote(asker):
    asker.asks()
    asker.turns(DEADLINE_MS - TURN_MS)
    assert asker.answers == []
    asker.turns(TURN_MS)
    assert [type(answer) for answer in asker.answers] == [NoQuote]
    asker.turns(DEADLINE_MS)
    assert (len(asker.answers), asker.sent) == (1, ["ABC"] * (1 + REPEATS))


def test_a_repeated_quote_is_an_answer_only_for_its_requester(asker):
    asker.hears(a_quote(100))
    asker.hears(a_quote(100))
    assert asker.answers == [a_quote(100)]
    asker.asks()
    asker.hears(a_quote(100))
    assert asker.answers == [a_quote(100)] * 2 and not asker.pending.waits_for("ABC")


def test_a_quote_that_had_expired_when_it_crossed_the_request_is_no_answer(asker):
    asker.asks()
    asker.hears(a_quote(100, asked_at_ms=T0 - QUOTE_LIFETIME_MS))
    assert asker.pending.waits_for("ABC")


def test_an_answer_that_was_long_in_coming_is_one(asker):
    asker.asks()
    asker.turns(DEADLINE_MS - TURN_MS)
    asker.hears(a_quote(100, asked_at_ms=asker.now_ms))
    assert asker.answers == [a_quote(100, asked_at_ms=asker.now_ms)] and not asker.pending.waits_for("ABC")


def test_an_older_quote_never_replaces_a_newer_one_and_the_newer_one_is_the_answer(asker):
    asker.hears(a_quote(100, quote_id=5))
    asker.asks()
    asker.hears(a_quote(200, quote_id=4))
    assert asker.pending.peek("ABC", T0).quote_id == 5
    assert [quote.quote_id for quote in asker.answers] == [5, 5]


def test_a_forged_quote_number_does_not_block_later_quotes(asker):
    """Otherwise one forged message would make a symbol useless for every worker that hears it, until its restart."""
    asker.hears(a_quote(1, quote_id=INT64_MAX))
    asker.hears(a_quote(200, quote_id=4))
    assert asker.pending.peek("ABC", asker.now_ms).quote_id == INT64_MAX, "while it may be used, it is the newest"
    asker.now_ms += QUOTE_LIFETIME_MS
    asker.asks()
    asker.hears(a_quote(200, quote_id=5, asked_at_ms=asker.now_ms))
    assert asker.pending.peek("ABC", asker.now_ms).quote_id == 5
    assert asker.answers[-1].quote_id == 5 and not asker.pending.waits_for("ABC")


def test_a_quote_from_the_future_does_not_block_a_usable_one(asker):
    asker.asks()
    asker.hears(a_quote(1, quote_id=INT64_MAX, asked_at_ms=MILLISECONDS_MAX))
    assert asker.pending.waits_for("ABC")
    asker.hears(a_quote(200, quote_id=4))
    assert asker.pending.peek("ABC", asker.now_ms).quote_id == 4 and not asker.pending.waits_for("ABC")


# The clock is set back


def test_a_quote_that_answers_after_the_clock_was_set_back_is_an_answer(asker):
    asker.asks()
    asker.now_ms -= HOUR_MS
    asker.hears(a_quote(100, asked_at_ms=asker.now_ms))
    assert not asker.pending.waits_for("ABC")
    asker.turns(QUOTE_LIFETIME_MS)
    asker.asks()
    assert asker.sent == ["ABC", "ABC"], "it can be asked for again"


@pytest.mark.parametrize("back_ms", [CLOCK_STEP_MS_MAX, CLOCK_STEP_MS_MAX + 1, 30_000, HOUR_MS])
def test_a_request_goes_on_being_repeated_and_given_up_after_the_clock_was_set_back(asker, back_ms):
    asker.asks()
    asker.turns(RETRY_MS // 2)
    asker.now_ms -= back_ms
    asker.turns(2 * RETRY_MS + CLOCK_STEP_MS_MAX)
    assert len(asker.sent) >= 2, "repeated"
    asker.turns(DEADLINE_MS)
    assert [type(answer) for answer in asker.answers] == [NoQuote]


def test_a_symbol_requested_after_the_clock_was_set_back_does_not_wait_for_others(asker):
    asker.asks("OLD")
    asker.now_ms -= HOUR_MS
    asker.asks("NEW")
    asker.turns(DEADLINE_MS + TURN_MS)
    assert sorted(answer.symbol for answer in asker.answers) == ["NEW", "OLD"]
    assert asker.sent.count("NEW") == 1 + REPEATS


def test_a_quote_from_before_the_clock_was_set_back_is_not_used_and_the_next_one_is(asker):
    asker.hears(a_quote(100, quote_id=1))
    asker.now_ms -= HOUR_MS
    assert asker.pending.peek("ABC", asker.now_ms) is None
    asker.asks()
    asker.hears(a_quote(200, asked_at_ms=asker.now_ms, quote_id=2))
    assert asker.pending.peek("ABC", asker.now_ms).quote_id == 2


# The quote cache's clock is far from the worker's


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, -HOUR_MS, 30_000])
def test_a_quote_that_is_never_usable_here_costs_no_more_requests_than_silence(asker, ahead_ms):
    quote = a_quote(100, asked_at_ms=T0 + ahead_ms)
    asker.asks()
    for _ in range(DEADLINE_MS):  # each request is answered within the millisecond
        asker.now_ms += 1
        asker.hears(quote)
        if not any(isinstance(answer, NoQuote) for answer in asker.answers):
            asker.asks()
    assert asker.sent == ["ABC"] * (1 + REPEATS)
    assert asker.answers[0] == quote and isinstance(asker.answers[1], NoQuote) and len(asker.answers) == 2


def test_a_quote_that_comes_a_little_too_early_is_the_answer_once_it_may_be_used(asker):
    quote = a_quote(100, asked_at_ms=T0 + CLOCK_STEP_MS_MAX + RETRY_MS)
    asker.asks()
    asker.hears(quote)
    assert asker.answers == [quote] and asker.pending.waits_for("ABC")
    asker.turns(RETRY_MS)
    asker.hears(quote)
    assert asker.answers == [quote, quote] and not asker.pending.waits_for("ABC")
    assert asker.pending.peek("ABC", asker.now_ms) == quote


# Answers in any order

a_moment = st.integers(0, 70_000) | st.integers(-HOUR_MS, 0) | st.sampled_from([-CLOCK_STEP_MS_MAX, -60_000])


@given(st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), a_moment, st.none() | a_moment), max_size=20))
def test_whatever_the_clocks_do_every_request_ends_once_they_run_on(events):
    asker = Asker()
    for number, (symbol, ms, apart_ms) in enumerate(events):
        asker.asks(symbol)
        asker.now_ms += ms
        if apart_ms is None:
            asker.turn()
        else:
            asker.hears(a_quote(100, symbol, asker.now_ms + apart_ms, quote_id=number))
    sent = len(asker.sent)
    asker.turns(DEADLINE_MS + RETRY_MS + CLOCK_STEP_MS_MAX)
    assert not any(asker.pending.waits_for(symbol) for symbol in "ABC")
    assert len(asker.sent) - sent <= 3 * (REPEATS + 2)
