"""Decisions of a trigger worker: fills when a price comes, and a refresh when a quote expires, never earlier."""

import pytest

from consumers.triggers.watch import AFTER_FAILURE_MS, TriggerWatch
from schema.events import CLOCK_STEP_MS_MAX, QUOTE_LIFETIME_MS, NoQuote, TriggerChange
from schema.outcomes import Side
from tests.builders import T0, a_quote

LIFE = QUOTE_LIFETIME_MS
HOUR_MS = 3_600_000


class QuotesAtHand:
    """Known quotes, and the symbols that were requested, with command and time."""

    def __init__(self, *quotes):
        self.quotes = {quote.symbol: quote for quote in quotes}
        self.asked = []

    def peek(self, symbol, now_ms):
        quote = self.quotes.get(symbol)
        return quote if quote and quote.usable(now_ms) else None

    def request(self, symbol, user, transaction_number, now_ms, for_trigger):
        assert for_trigger
        self.asked.append((symbol, user, transaction_number, now_ms - T0))


def buy(trigger=300, user="ann", version=1, symbol="ABC") -> TriggerChange:
    return TriggerChange(user, symbol, Side.BUY, version, trigger, 1_000_000, 0, 7)


def sell(shares: int, version=1) -> TriggerChange:
    return TriggerChange("ann", "ABC", Side.SELL, version, 300, 0, shares, 7)


def gone(user="ann", version=2, symbol="ABC") -> TriggerChange:
    return TriggerChange(user, symbol, Side.BUY, version, None, 0, 0, 7)


def a_watch(*changes, table=None, at_ms=T0) -> tuple[TriggerWatch, QuotesAtHand]:
    table = table or QuotesAtHand()
    watch = TriggerWatch(table)
    watch.hear_changes(changes, at_ms)
    return watch, table


def hear(watch: TriggerWatch, table: QuotesAtHand, quote, now_ms: int) -> None:
    table.quotes[quote.symbol] = quote
    watch.hear_answers([quote], now_ms)


def test_the_symbol_of_an_order_armed_without_a_quote_is_requested_at_once():
    watch, table = a_watch(buy(), buy(user="bob"))
    watch.refresh(T0)
    watch.refresh(T0 + 1)
    assert table.asked == [("ABC", "ann", 7, 0)]


def test_the_symbol_of_a_sell_without_shares_is_not_requested_until_it_reserves_some():
    watch, table = a_watch(sell(shares=0))
    watch.refresh(T0)
    assert table.asked == [] and watch.next_refresh_ms is None and watch.armed == 1
    watch.hear_changes([sell(shares=1, version=2)], T0 + 5)
    watch.refresh(T0 + 5)
    assert table.asked == [("ABC", "ann", 7, 5)]


def test_a_sell_that_comes_to_reserve_no_shares_is_refreshed_no_more():
    watch, table = a_watch(sell(shares=1), table=QuotesAtHand(a_quote(200)))
    watch.hear_changes([sell(shares=0, version=2)], T0 + 5)
    watch.refresh(T0 + LIFE)
    assert table.asked == [] and watch.next_refresh_ms is None


def test_a_buy_that_can_afford_nothing_now_is_watched_for_a_price_may_fall():
    watch, table = a_watch(TriggerChange("ann", "ABC", Side.BUY, 1, 300, 1, 0, 7), table=QuotesAtHand(a_quote(200)))
    watch.refresh(T0 + LIFE)
    assert len(table.asked) == 1


def test_an_order_armed_with_a_quote_waits_until_the_quote_expires():
    watch, table = a_watch(buy(), table=QuotesAtHand(a_quote(400, asked_at_ms=T0 - 1_000)))
    watch.refresh(T0 + LIFE - 1_001)
    assert table.asked == [] and watch.next_refresh_ms == T0 + LIFE - 1_000
    watch.refresh(T0 + LIFE - 1_000)
    assert len(table.asked) == 1


def test_the_next_refresh_after_an_answer_is_when_that_quote_expires():
    watch, table = a_watch(buy())
    watch.refresh(T0)
    hear(watch, table, a_quote(400, asked_at_ms=T0 + 20), T0 + 4_000)
    for now_ms in (T0 + LIFE, T0 + LIFE + 19):
        watch.refresh(now_ms)
    assert len(table.asked) == 1
    watch.refresh(T0 + LIFE + 20)
    assert len(table.asked) == 2


def test_a_quote_bought_before_its_request_is_refreshed_when_it_expires():
    """After a restart the quote cache answers with its present quote, which may be half a minute old."""
    watch, table = a_watch(buy())
    watch.refresh(T0)
    hear(watch, table, a_quote(400, asked_at_ms=T0 - 30_000), T0 + 5)
    watch.refresh(T0 + LIFE - 30_001)
    assert len(table.asked) == 1
    watch.refresh(T0 + LIFE - 30_000)
    assert len(table.asked) == 2


def test_a_quote_that_somebody_else_needed_puts_the_refresh_off():
    watch, table = a_watch(buy(), table=QuotesAtHand(a_quote(400, asked_at_ms=T0)))
    hear(watch, table, a_quote(400, asked_at_ms=T0 + 30_000, quote_id=2), T0 + 30_010)
    watch.refresh(T0 + LIFE + 29_999)
    assert table.asked == []


def test_a_symbol_without_armed_orders_is_not_requested():
    watch, table = a_watch(buy(), gone())
    watch.refresh(T0)
    watch.refresh(T0 + 10 * LIFE)
    assert table.asked == [] and watch.next_refresh_ms is None


def test_a_symbol_is_not_requested_for_a_while_after_a_failure():
    watch, table = a_watch(buy())
    watch.refresh(T0)
    watch.hear_answers([NoQuote("ABC", T0 + 5_000, "silence")], T0 + 5_000)
    watch.refresh(T0 + 5_000 + AFTER_FAILURE_MS - 1)
    assert len(table.asked) == 1
    watch.refresh(T0 + 5_000 + AFTER_FAILURE_MS)
    assert len(table.asked) == 2


def test_an_order_that_the_known_quote_fills_is_due_at_once_and_once():
    quote = a_quote(290, quote_id=5)
    watch, _ = a_watch(buy(), table=QuotesAtHand(quote))
    watch.hear_answers([quote], T0)
    (fill,) = watch.take_fills(10)
    assert (fill.user, fill.version, fill.price_cents, fill.quote_id, fill.asked_at_ms) == ("ann", 1, 290, 5, T0)
    assert watch.take_fills(10) == []


def test_the_same_fill_has_the_same_id_whoever_sends_it_and_another_quote_makes_another():
    ids = []
    for quote_id in (5, 5, 6):
        watch, _ = a_watch(buy(), table=QuotesAtHand(a_quote(290, quote_id=quote_id)))
        ids.append(watch.take_fills(1)[0].command_id)
    assert ids[0] == ids[1] != ids[2]


def test_a_quote_that_has_run_out_on_its_way_fills_nothing():
    watch, table = a_watch(buy())
    hear(watch, table, a_quote(290, asked_at_ms=T0 - LIFE), T0)
    assert watch.take_fills(10) == []


def test_fills_are_taken_in_bounds_and_in_order():
    watch, table = a_watch(*(buy(user=f"user{n}") for n in range(5)))
    hear(watch, table, a_quote(290), T0)
    assert watch.fills_due == 5
    taken = [[fill.user for fill in watch.take_fills(2)] for _ in range(3)]
    assert taken == [["user0", "user1"], ["user2", "user3"], ["user4"]]


def test_a_lost_symbol_is_neither_filled_nor_requested():
    watch, table = a_watch(buy(), buy(symbol="XYZ"))
    watch.drop(lambda symbol: symbol == "ABC")
    watch.refresh(T0)
    hear(watch, table, a_quote(290), T0)
    assert [symbol for symbol, *_ in table.asked] == ["XYZ"]
    assert (watch.armed, watch.fills_due) == (1, 0)


# The clock is set back


def refreshed_at(watch: TriggerWatch, table: QuotesAtHand, from_ms: int, to_ms: int, symbol="ABC") -> list[int]:
    """Returns the times at which a worker requests the symbol; it looks each second and is answered at once."""
    times = []
    for now_ms in range(from_ms, to_ms, 1_000):
        table.asked.clear()
        watch.refresh(now_ms)
        for asked, *_ in list(table.asked):
            hear(watch, table, a_quote(400, asked, asked_at_ms=now_ms, quote_id=now_ms), now_ms)
            times += [now_ms - from_ms] if asked == symbol else []
    return times


@pytest.mark.parametrize("back_ms", [CLOCK_STEP_MS_MAX + 1_000, 30_000, HOUR_MS])
def test_symbols_are_refreshed_as_before_after_the_clock_was_set_back(back_ms):
    watch, table = a_watch(buy())
    watch.refresh(T0)
    hear(watch, table, a_quote(400, asked_at_ms=T0 + 100), T0 + 700)
    back = T0 - back_ms
    assert refreshed_at(watch, table, back, back + 2 * LIFE) == [0, LIFE]


def test_a_quote_that_can_be_used_again_once_the_clock_has_caught_up_fills_what_was_armed_meanwhile():
    watch, _ = a_watch(buy(), table=QuotesAtHand(a_quote(299, asked_at_ms=T0)), at_ms=T0 - 30_000)
    watch.refresh(T0 - 30_000)
    watch.hear_answers([NoQuote("ABC", T0 - 30_000, "silence")], T0 - 30_000)
    assert watch.fills_due == 0
    watch.refresh(T0)
    watch.refresh(T0 + LIFE)
    assert [fill.price_cents for fill in watch.take_fills(10)] == [299]


def test_a_clock_set_back_by_less_than_clocks_may_be_apart_buys_nothing_early():
    watch, table = a_watch(buy())
    watch.refresh(T0)
    hear(watch, table, a_quote(400, asked_at_ms=T0), T0)
    back = T0 - CLOCK_STEP_MS_MAX
    assert refreshed_at(watch, table, back, back + LIFE) == []


def test_a_symbol_scheduled_before_the_clock_was_set_back_is_not_hidden_by_those_scheduled_since():
    watch, table = a_watch(buy(symbol="OLD"))
    watch.refresh(T0)
    hear(watch, table, a_quote(400, "OLD", asked_at_ms=T0), T0)
    back = T0 - HOUR_MS
    watch.hear_changes([buy(symbol=symbol) for symbol in ("A", "B", "C")], back)
    assert refreshed_at(watch, table, back, back + LIFE, "OLD") == [0]


def test_a_quote_of_a_clock_far_ahead_does_not_put_the_refresh_off():
    watch, table = a_watch(buy())
    watch.refresh(T0)
    hear(watch, table, a_quote(290, asked_at_ms=T0 + HOUR_MS), T0 + 700)
    assert watch.take_fills(10) == []
    assert refreshed_at(watch, table, T0 + 1_000, T0 + 2 * LIFE) == [0, LIFE]
