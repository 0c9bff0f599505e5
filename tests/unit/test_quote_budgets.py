"""Allowances of paid quotes, and the budget of refreshes: who pays, who is refused, who waits (spec §3a)."""

from collections import Counter

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from quotecache.budgets import DAY_MS, MINUTE_MS, PEOPLE_MAX, PaidQuoteCounts, day_of
from quotecache.cache import REFRESH_FORGOTTEN_MS, RETRY_PAUSE_MS, Cache, Counts
from schema.commands import VERSION
from schema.events import NoQuote, PriceRequest, Quote, QuoteRefused

T0 = day_of(1_700_000_000_000) + DAY_MS // 2


def of_person(symbol: str, user: str = "ann", most: int | None = 1) -> PriceRequest:
    return PriceRequest(VERSION, symbol, user, 7, paid_quotes_max=most)


def of_trigger(symbol: str) -> PriceRequest:
    return PriceRequest(VERSION, symbol, "ann", 7, for_trigger=True)


def of_workload(symbol: str) -> PriceRequest:
    return PriceRequest(VERSION, symbol, "loader", 7)


def a_quote(symbol: str, asked_at_ms: int = T0, quote_id: int = 1) -> Quote:
    return Quote(quote_id, symbol, 1_000, asked_at_ms, 7, "ann")


def a_cache(refreshes: int | None = None, hedge_ms: int | None = None, **paid: int) -> Cache:
    cache = Cache(10, 3, Counts(), hedge_ms, refreshes)
    cache.allowances.begin(T0)
    cache.allowances.learn({"ann": 0} | paid)
    return cache


def due(cache: Cache, now_ms: int) -> list[str]:
    return [request.symbol for request in cache.due(now_ms)]


# Allowances


def test_a_person_is_refused_paid_quotes_beyond_the_allowance():
    cache = a_cache()
    assert cache.request(of_person("A"), T0) is None
    assert cache.request(of_person("B"), T0) == QuoteRefused("B", "ann", T0)
    assert due(cache, T0) == ["A"]


def test_a_cached_quote_and_a_fetch_under_way_are_free():
    cache = a_cache(ann=1)
    cache.learn(a_quote("A"))
    assert cache.request(of_person("A"), T0) == a_quote("A")
    cache.request(of_workload("B"), T0)
    assert cache.request(of_person("B"), T0) is None
    due(cache, T0)
    assert cache.request(of_person("B"), T0) is None


def test_workload_files_and_triggers_are_never_refused_or_charged():
    cache = a_cache()
    for symbol in ("A", "B", "C"):
        assert cache.request(of_workload(symbol), T0) is None
        assert cache.request(of_trigger(f"{symbol}{symbol}"), T0) is None
    assert len(due(cache, T0)) == 6
    assert cache.request(of_person("D"), T0) is None


def test_each_attempt_is_charged_and_a_request_that_was_not_sent_is_given_back():
    cache = a_cache()
    cache.request(of_person("A", most=2), T0)
    due(cache, T0)
    assert cache.failed("A", "garbage", T0) is None
    assert due(cache, T0 + RETRY_PAUSE_MS) == ["A"]
    assert cache.failed("A", "garbage", T0) == QuoteRefused("A", "ann", T0)
    cache.allowances.refund(of_person("A", most=2))
    assert cache.request(of_person("B", most=2), T0) is None
    assert isinstance(cache.request(of_person("C", most=2), T0), QuoteRefused)


def test_a_second_request_of_an_attempt_is_charged_and_not_sent_beyond_the_allowance():
    cache = a_cache(hedge_ms=50)
    cache.request(of_person("A", most=1), T0)
    assert due(cache, T0) == ["A"]
    assert due(cache, T0 + 50) == []


def test_a_new_day_renews_the_allowance():
    cache = a_cache(ann=1)
    tomorrow = day_of(T0) + DAY_MS
    cache.allowances.begin(tomorrow - 1)
    assert cache.allowances.knows("ann")
    cache.allowances.begin(tomorrow)
    assert not cache.allowances.knows("ann")


def test_counts_in_memory_are_bounded():
    allowances = PaidQuoteCounts()
    allowances.begin(T0)
    allowances.learn({f"user{n}": 0 for n in range(PEOPLE_MAX + 1)})
    allowances.begin(T0)
    assert not allowances.knows("user0")


# The budget of refreshes


def test_refreshes_beyond_the_budget_wait_their_turn():
    cache = a_cache(refreshes=2)
    for symbol in ("A", "B", "C"):
        cache.request(of_trigger(symbol), T0)
    assert due(cache, T0) == ["A", "B"]
    assert cache.wanted(T0) == 0, "who waits for the budget does not keep the owner busy"
    later = T0 + MINUTE_MS
    cache.request(of_trigger("C"), later - REFRESH_FORGOTTEN_MS + 1)
    cache.request(of_trigger("D"), later - 1)
    assert due(cache, later - 1) == []
    assert due(cache, later) == ["C", "D"]


def test_a_command_never_waits_for_the_budget():
    cache = a_cache(refreshes=0)
    cache.request(of_trigger("A"), T0)
    cache.request(of_person("A"), T0)
    assert [(one.symbol, one.for_trigger) for one in cache.due(T0)] == [("A", False)]
    assert cache.request(of_trigger("A"), T0) is None
    assert cache.answered(a_quote("A"), T0) == a_quote("A")
    assert due(cache, T0) == []


def test_a_command_that_joined_a_refresh_takes_over_its_next_attempt():
    cache = a_cache(refreshes=1)
    cache.request(of_trigger("A"), T0)
    due(cache, T0)
    cache.request(of_workload("A"), T0)
    assert cache.failed("A", "garbage", T0) is None
    assert [(one.symbol, one.user) for one in cache.due(T0 + RETRY_PAUSE_MS)] == [("A", "loader")]


def test_a_refresh_that_is_no_longer_requested_is_forgotten():
    cache = a_cache(refreshes=1)
    for symbol in ("A", "B"):
        cache.request(of_trigger(symbol), T0)
    assert due(cache, T0) == ["A"]
    assert due(cache, T0 + MINUTE_MS) == []


def test_the_budget_survives_a_change_of_owner():
    cache = a_cache(refreshes=2)
    cache.refresh_budget.learn([T0 - 59_999, T0 - 1])
    cache.request(of_trigger("A"), T0)
    assert due(cache, T0) == []
    assert due(cache, T0 + 1) == ["A"]


def test_a_clock_set_back_does_not_stop_refreshes():
    cache = a_cache(refreshes=1)
    cache.request(of_trigger("A"), T0)
    due(cache, T0)
    back = T0 - 3_600_000
    cache.request(of_trigger("B"), back)
    assert due(cache, back) == ["B"]


# Any order of events

MOST, A_MINUTE = 4, 3
symbols = st.sampled_from("ABCDE")


class Spending(RuleBasedStateMachine):
    """No person causes more paid quotes than allowed, no minute has more refreshes, and each command gets an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = a_cache(refreshes=A_MINUTE, ann=0, bob=0)
        self.now = T0
        self.open: list[PriceRequest] = []
        self.paid: Counter[str] = Counter()
        self.refreshed_ms: list[int] = []
        self.waiting: set[tuple[str, str]] = set()
        """Commands that wait, by user and symbol."""

    @rule(ms=st.sampled_from([0, 100, 1_000, 20_000]))
    def time_passes(self, ms):
        self.now += ms

    @rule(user=st.sampled_from(["ann", "bob", "loader"]), symbol=symbols)
    def command_needs_a_quote(self, user, symbol):
        most = None if user == "loader" else MOST
        answer = self.cache.request(of_person(symbol, user, most), self.now)
        self.waiting.add((user, symbol))
        if answer is not None:
            self.hear(answer)

    @rule(symbol=symbols)
    def trigger_needs_a_quote(self, symbol):
        self.cache.request(of_trigger(symbol), self.now)

    @rule()
    def fetch(self):
        for request in self.cache.due(self.now):
            self.open.append(request)
            if request.for_trigger:
                self.refreshed_ms.append(self.now)
            else:
                self.paid[request.user] += 1
        assert max(self.paid["ann"], self.paid["bob"]) <= MOST
        assert sum(at_ms > self.now - MINUTE_MS for at_ms in self.refreshed_ms) <= A_MINUTE

    @precondition(lambda self: self.open)
    @rule(data=st.data(), how=st.sampled_from(["answered", "failed", "not sent"]))
    def end(self, data, how):
        self.ends(data.draw(st.integers(0, len(self.open) - 1)), how)

    def ends(self, place, how):
        request = self.open.pop(place)
        if how == "answered":
            self.hear(self.cache.answered(a_quote(request.symbol, self.now, self.now), self.now))
            return
        if how == "not sent":
            self.cache.allowances.refund(request)
            self.paid[request.user] -= not request.for_trigger
        answer = self.cache.failed(request.symbol, how, self.now)
        if answer is not None:
            self.hear(answer)

    def hear(self, answer):
        if isinstance(answer, QuoteRefused):
            assert self.paid[answer.user] + self.wanted_for(answer.user) >= MOST, "refused too early"
            self.waiting.discard((answer.user, answer.symbol))
        else:
            assert isinstance(answer, Quote | NoQuote)
            self.waiting = {one for one in self.waiting if one[1] != answer.symbol}

    def wanted_for(self, user: str) -> int:
        return sum(want.request.user == user for want in self.cache._wanted.values())

    def teardown(self):
        """Waiting workers repeat requests every 2 s; then each command gets an answer, whatever the budget."""
        for _ in range(20):
            self.now += 2_000
            for user, symbol in sorted(self.waiting):
                self.command_needs_a_quote(user, symbol)
            self.fetch()
            while self.open:
                self.ends(0, "answered")
        assert self.waiting == set()


TestSpending = Spending.TestCase
