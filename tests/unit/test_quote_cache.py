"""The quote cache's state machine (spec §1, §4): one fetch per symbol in flight, no quote older than 60 s."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quotecache.cache import RETRY_PAUSE_MS, Cache, Counts
from schema.commands import VERSION
from schema.events import CLOCK_STEP_MS_MAX, QUOTE_LIFETIME_MS, NoQuote, PriceRequest, Quote

T0 = 1_700_000_000_000


def a_request(symbol="ABC", user="jane", number=7) -> PriceRequest:
    return PriceRequest(VERSION, symbol, user, number)


def a_quote(symbol="ABC", asked_at_ms=T0, quote_id=1) -> Quote:
    return Quote(quote_id, symbol, 1_000, asked_at_ms, 7, "jane")


def a_cache(in_flight_max=10, attempts_max=3) -> Cache:
    return Cache(in_flight_max, attempts_max, Counts())


def symbols_due(cache: Cache, now_ms: int) -> list[str]:
    return [request.symbol for request in cache.due(now_ms)]


def test_an_unknown_symbol_is_fetched_for_the_user_who_asked_first():
    cache = a_cache()
    assert cache.request(a_request(user="jane"), T0) is None
    assert cache.request(a_request(user="john"), T0) is None
    assert [request.user for request in cache.due(T0)] == ["jane"]


def test_requests_for_a_symbol_in_flight_join_it():
    counts = Counts()
    cache = Cache(10, 3, counts)
    cache.request(a_request(), T0)
    cache.due(T0)
    assert cache.request(a_request(), T0 + 5) is None
    assert cache.due(T0 + 5) == []
    assert (counts.requests, counts.joined, counts.fetches) == (2, 1, 1)


def test_a_usable_quote_is_a_hit_until_its_sixty_seconds_are_over():
    cache = a_cache()
    cache.request(a_request(), T0)
    cache.due(T0)
    quote = a_quote(asked_at_ms=T0)
    assert cache.answered(quote, T0 + 4_000) == quote
    assert cache.request(a_request(), T0 + QUOTE_LIFETIME_MS - 1) == quote
    assert cache.request(a_request(), T0 + QUOTE_LIFETIME_MS) is None
    assert symbols_due(cache, T0 + QUOTE_LIFETIME_MS) == ["ABC"]


def test_a_failed_attempt_is_tried_again_after_a_pause_and_given_up_after_the_last():
    cache = a_cache(attempts_max=3)
    cache.request(a_request(), T0)
    now = T0
    for attempt in (1, 2):
        assert symbols_due(cache, now) == ["ABC"]
        assert cache.failed("ABC", "garbage", now) is None
        assert cache.due(now) == []
        now += RETRY_PAUSE_MS * attempt
    assert symbols_due(cache, now) == ["ABC"]
    assert cache.failed("ABC", "silence", now) == NoQuote("ABC", now, "silence")
    assert cache.due(now + 60_000) == []


def test_after_a_no_quote_the_next_request_starts_over():
    cache = a_cache(attempts_max=1)
    cache.request(a_request(), T0)
    cache.due(T0)
    assert isinstance(cache.failed("ABC", "reset", T0), NoQuote)
    cache.request(a_request(), T0 + 1)
    assert symbols_due(cache, T0 + 1) == ["ABC"]


def test_an_answer_that_outlived_its_own_life_is_a_failed_attempt():
    cache = a_cache()
    cache.request(a_request(), T0)
    cache.due(T0)
    assert cache.answered(a_quote(asked_at_ms=T0), T0 + QUOTE_LIFETIME_MS) is None
    assert (cache.in_flight, cache.wanted(T0)) == (0, 1)


def test_no_more_fetches_than_connections_and_the_rest_in_the_order_in_which_they_were_wanted():
    cache = a_cache(in_flight_max=2)
    for symbol in ("A", "B", "C", "D"):
        cache.request(a_request(symbol), T0)
    assert symbols_due(cache, T0) == ["A", "B"]
    assert cache.due(T0) == []
    cache.answered(a_quote("B"), T0)
    assert symbols_due(cache, T0) == ["C"]


def test_a_quote_from_before_a_restart_is_not_fetched_again():
    cache = a_cache()
    cache.learn(a_quote(asked_at_ms=T0 - 10, quote_id=2))
    cache.learn(a_quote(asked_at_ms=T0 - 20, quote_id=1))
    assert cache.request(a_request(), T0).quote_id == 2
    assert cache.due(T0) == []


# The clock is set back

HOUR_MS = 3_600_000


def bought(cache: Cache, now_ms: int, quote_id: int) -> bool:
    """Whether a request made the cache buy a quote."""
    if cache.request(a_request(), now_ms) is not None:
        return False
    assert symbols_due(cache, now_ms) == ["ABC"]
    assert cache.answered(a_quote(asked_at_ms=now_ms, quote_id=quote_id), now_ms + 10)
    return True


def test_after_the_clock_was_set_back_a_symbol_is_bought_once_and_not_for_every_request():
    cache = a_cache()
    back = T0 - HOUR_MS
    times = [T0, T0 + 1_000, back, back + 1_000, back + QUOTE_LIFETIME_MS - 1, back + QUOTE_LIFETIME_MS]
    assert [bought(cache, at_ms, n) for n, at_ms in enumerate(times)] == [True, False, True, False, False, True]


def test_a_new_owner_takes_the_newest_quote_though_one_from_before_the_clock_was_set_back_looks_younger():
    cache = a_cache()
    back = T0 - HOUR_MS
    for quote in (a_quote(asked_at_ms=T0, quote_id=1), a_quote(asked_at_ms=back, quote_id=2)):
        cache.learn(quote)
    assert cache.request(a_request(), back + 5).quote_id == 2


def test_an_attempt_that_pauses_is_not_put_off_by_a_clock_that_is_set_back():
    cache = a_cache(attempts_max=3)
    cache.request(a_request(), T0)
    cache.due(T0)
    cache.failed("ABC", "reset", T0)
    assert symbols_due(cache, T0 - HOUR_MS) == ["ABC"]


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Requests, answers, failures and time in any order, checked against what clients and the quote server see."""

    IN_FLIGHT_MAX, ATTEMPTS_MAX = 2, 2
    symbols = st.sampled_from(["A", "B", "C"])

    def __init__(self):
        super().__init__()
        self.cache = Cache(self.IN_FLIGHT_MAX, self.ATTEMPTS_MAX, Counts())
        self.now = T0
        self.at_the_server: dict[str, int] = {}
        self.waiting: dict[str, int] = {}
        self.bought: dict[str, Quote] = {}
        """The newest quote of each symbol."""
        self.quote_ids = 0

    @rule(ms=st.sampled_from([0, 1, 100, 1_000, 30_000, 59_999, 60_000, -1_000, -30_000, -HOUR_MS]))
    def time_passes(self, ms):
        """The clock may also be set back."""
        self.now += ms

    @rule(symbol=symbols)
    def request(self, symbol):
        quote = self.cache.request(a_request(symbol), self.now)
        if quote is None:
            self.waiting.setdefault(symbol, 0)
            usable = self.bought.get(symbol)
            assert usable is None or not usable.usable(self.now), "bought though there was one"
        else:
            assert -CLOCK_STEP_MS_MAX <= self.now - quote.asked_at_ms < QUOTE_LIFETIME_MS

    @rule()
    def fetch(self):
        for request in self.cache.due(self.now):
            assert request.symbol not in self.at_the_server, "asked twice at once"
            assert request.symbol in self.waiting, "bought without need"
            self.at_the_server[request.symbol] = self.now
            self.waiting[request.symbol] += 1
            assert self.waiting[request.symbol] <= self.ATTEMPTS_MAX

    @precondition(lambda self: self.at_the_server)
    @rule(data=st.data(), good=st.booleans())
    def end(self, data, good):
        self.ends(data.draw(st.sampled_from(sorted(self.at_the_server))), good)

    def ends(self, symbol, good):
        asked_at_ms = self.at_the_server.pop(symbol)
        self.quote_ids += 1
        if good:
            answer = self.cache.answered(a_quote(symbol, asked_at_ms, self.quote_ids), self.now)
        else:
            answer = self.cache.failed(symbol, "garbage", self.now)
        if answer is None:
            assert self.waiting[symbol] < self.ATTEMPTS_MAX, "gave up without saying so"
        else:
            if isinstance(answer, Quote):
                assert answer.usable(self.now)
                self.bought[symbol] = answer
            del self.waiting[symbol]

    def teardown(self):
        """Whatever the clock did, every waiting client soon gets an answer."""
        for _ in range(0, 2 * CLOCK_STEP_MS_MAX, RETRY_PAUSE_MS):
            self.now += RETRY_PAUSE_MS
            self.fetch()
            for symbol in sorted(self.at_the_server):
                self.ends(symbol, good=True)
        assert self.waiting == {}

    @invariant()
    def bounds_hold(self):
        assert self.cache.in_flight == len(self.at_the_server) <= self.IN_FLIGHT_MAX
        assert self.cache.in_flight + self.cache.wanted(self.now) == len(self.waiting)


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase


# A second request (QUOTE_HEDGE)

HEDGE_MS = 50


def a_hedging_cache(in_flight_max=10, attempts_max=3) -> tuple[Cache, Counts]:
    counts = Counts()
    cache = Cache(in_flight_max, attempts_max, counts, HEDGE_MS)
    cache.request(a_request(), T0)
    cache.due(T0)
    return cache, counts


def test_without_hedging_a_symbol_in_flight_is_never_asked_for_again():
    cache = a_cache()
    cache.request(a_request(), T0)
    cache.due(T0)
    assert cache.next_hedge_ms is None and cache.due(T0 + 10_000) == []


def test_an_attempt_that_takes_too_long_is_asked_for_once_more_and_no_oftener():
    cache, counts = a_hedging_cache()
    assert cache.next_hedge_ms == T0 + HEDGE_MS
    assert cache.due(T0 + HEDGE_MS - 1) == []
    assert symbols_due(cache, T0 + HEDGE_MS) == ["ABC"]
    assert cache.due(T0 + 10 * HEDGE_MS) == [] and cache.next_hedge_ms is None
    assert (counts.fetches, counts.hedges, cache.in_flight) == (2, 1, 2)


def test_an_answer_in_time_needs_no_second_request():
    cache, counts = a_hedging_cache()
    cache.answered(a_quote(asked_at_ms=T0), T0 + 20)
    assert cache.due(T0 + HEDGE_MS) == [] and counts.fetches == 1


def test_the_first_answer_wins_and_the_other_request_still_holds_its_connection_until_it_ends():
    cache, _ = a_hedging_cache(in_flight_max=2)
    cache.due(T0 + HEDGE_MS)
    quote = a_quote(asked_at_ms=T0 + HEDGE_MS)
    assert cache.answered(quote, T0 + 60) == quote
    cache.request(a_request("B"), T0 + 60)
    cache.request(a_request("C"), T0 + 60)
    assert symbols_due(cache, T0 + 60) == ["B"]
    cache.late()
    assert symbols_due(cache, T0 + 70) == ["C"]
    assert cache.usable("ABC", T0 + 70) == quote


def test_an_attempt_has_failed_only_when_both_requests_have():
    cache, counts = a_hedging_cache(attempts_max=1)
    cache.due(T0 + HEDGE_MS)
    assert cache.failed("ABC", "reset", T0 + 60) is None
    assert cache.wanted(T0) == 0 and counts.no_quotes == 0
    assert isinstance(cache.failed("ABC", "reset", T0 + 70), NoQuote)
    assert cache.in_flight == 0


def test_the_next_attempt_has_its_own_time_until_a_second_request():
    cache, _ = a_hedging_cache()
    cache.failed("ABC", "reset", T0 + 10)
    again = T0 + 10 + RETRY_PAUSE_MS
    assert symbols_due(cache, again) == ["ABC"]
    assert cache.due(again + HEDGE_MS - 1) == []
    assert symbols_due(cache, again + HEDGE_MS) == ["ABC"]


def test_a_second_request_never_takes_the_connection_of_a_first_one():
    cache, _ = a_hedging_cache(in_flight_max=2)
    cache.request(a_request("B"), T0 + HEDGE_MS)
    assert symbols_due(cache, T0 + HEDGE_MS) == ["B"]
    assert cache.due(T0 + 10 * HEDGE_MS) == []


def test_second_requests_go_on_after_the_clock_was_set_back():
    cache, _ = a_hedging_cache()
    back = T0 - HOUR_MS
    cache.request(a_request("B"), back)
    assert symbols_due(cache, back) == ["B", "ABC"], "the old attempt's second request is sent at once"
    assert symbols_due(cache, back + HEDGE_MS) == ["B"]
    assert cache.next_hedge_ms is None
