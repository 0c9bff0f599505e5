"""The simulator's model against measurements of the real server (spec §4), and its reproducibility."""

import base64
import itertools
import time
from statistics import median, quantiles

from hypothesis import given
from hypothesis import strategies as st

from quotecache.market import PRICE_CENTS_MAX, PRICE_CENTS_MIN, Market, network_seconds, price_factor, whole_seconds
from quotecache.simulator import SKEW_MS, QuoteServer

DRAWS = [(n + 0.5) / 20_000 for n in range(20_000)]


def test_whole_seconds_come_with_the_measured_shares():
    seconds = [whole_seconds(uniform) for uniform in DRAWS]
    shares = [round(100 * seconds.count(whole) / len(DRAWS), 2) for whole in range(5)]
    assert shares == [65.75, 15.75, 8.33, 5.92, 4.25]


def test_the_network_takes_7_to_26_ms_with_a_median_of_9():
    ms = [1_000 * network_seconds(uniform) for uniform in DRAWS]
    assert min(ms) >= 7.0 and max(ms) <= 26.0
    assert abs(median(ms) - 9.0) < 0.01


def test_the_price_factor_has_the_measured_quantiles():
    cuts = quantiles([price_factor(uniform) for uniform in DRAWS], n=20)
    assert [round(cuts[at], 2) for at in (0, 9, 18)] == [0.45, 1.07, 1.90]


def test_the_mean_delay_is_that_of_the_real_server():
    market = Market(seed=1)
    delays = [market.hit(symbol).delay_seconds for symbol in ("A", "B", "C") for _ in range(2_000)]
    assert abs(sum(delays) / len(delays) - 0.681) < 0.04
    assert max(delays) <= 4.026


def test_the_price_moves_on_every_hit_as_measured_and_stays_in_its_bounds():
    market = Market(seed=1)
    prices = [market.hit("ABC").price_cents for _ in range(5_000)]
    assert min(prices) >= PRICE_CENTS_MIN and max(prices) <= PRICE_CENTS_MAX
    inside = [(a, b) for a, b in itertools.pairwise(prices) if 1_000 < a < 200_000 and b > PRICE_CENTS_MIN]
    cuts = quantiles([after / before for before, after in inside], n=20)
    assert abs(cuts[0] - 0.45) < 0.04 and abs(cuts[9] - 1.07) < 0.04 and abs(cuts[18] - 1.90) < 0.10
    assert len(set(prices)) > 1_000


def test_cryptokeys_are_56_characters_of_base64_and_differ():
    market = Market(seed=1)
    keys = [market.hit("ABC").cryptokey for _ in range(1_000)]
    assert len(set(keys)) == 1_000
    assert all(len(key) == 56 and base64.b64decode(key, validate=True) for key in keys)


@given(st.lists(st.sampled_from(["A", "B", "XYZ"]), max_size=30), st.integers(0, 2**63 - 1))
def test_the_nth_answer_for_a_symbol_does_not_depend_on_what_else_is_asked(symbols, seed):
    mixed, alone = Market(seed), Market(seed)
    answers = [(symbol, mixed.hit(symbol)) for symbol in symbols]
    for symbol in ("A", "B", "XYZ"):
        assert [alone.hit(symbol) for _ in range(symbols.count(symbol))] == [a for s, a in answers if s == symbol]


def test_another_seed_gives_other_prices():
    assert Market(1).hit("ABC") != Market(2).hit("ABC")


def test_the_server_counts_what_it_answers_and_refuses_the_rest():
    server = QuoteServer(seed=1, instant=True)
    assert server.answer("ABC,jane\n")[1].split(",")[1:3] == ["ABC", "jane"]
    server.answer("ABC,john\n")
    server.answer("X,john\n")
    assert [server.answer(bad) for bad in ("\n", "ABC\n", "ABCD,jane\n", "abc,jane\n", "ABC,\n")] == [None] * 5
    assert [server.answer(f"!hits,{of}\n")[1] for of in ("total", "ABC", "X", "Y")] == ["3\n", "2\n", "1\n", "0\n"]


def test_the_server_tells_a_time_that_is_254_seconds_off():
    line = QuoteServer(seed=1, instant=True).answer("ABC,jane\n")[1]
    assert abs(int(line.split(",")[3]) - SKEW_MS - time.time() * 1_000) < 5_000
