"""Average cost: the cost booked for each trade, to the cent, whatever is bought and sold."""

from hypothesis import given
from hypothesis import strategies as st

from webapp.reads.profit import booked

TRADES = st.lists(st.tuples(st.sampled_from("AB"), st.integers(1, 50), st.integers(1, 10_000), st.booleans()))


def deltas(*trades: tuple[int, int]) -> list[tuple[int, int]]:
    """Returns what each trade (shares, cents) of one symbol did to the cost, and what it realised."""
    return [
        (booking.cost_delta_cents, booking.realised_delta_cents)
        for booking in booked((seq, "ABC", shares, cents) for seq, (shares, cents) in enumerate(trades))
    ]


def test_a_sale_takes_its_part_of_the_average_cost() -> None:
    assert deltas((10, 1_000), (10, 3_000), (-5, 2_000)) == [(1_000, 0), (3_000, 0), (-1_000, 1_000)]


def test_a_loss_is_negative() -> None:
    assert deltas((10, 1_000), (-10, 400)) == [(1_000, 0), (-1_000, -600)]


def test_the_rounding_remainder_is_booked_with_the_last_share() -> None:
    assert deltas((3, 100), (-1, 50), (-1, 50), (-1, 50)) == [(100, 0), (-33, 17), (-33, 17), (-34, 16)]


def test_a_symbol_that_is_bought_again_keeps_what_it_realised_and_costs_what_was_paid_anew() -> None:
    assert deltas((1, 100), (-1, 150), (1, 700)) == [(100, 0), (-100, 50), (700, 0)]


@given(TRADES)
def test_cost_and_realised_profit_are_all_the_money_that_moved(steps) -> None:
    held = {"A": 0, "B": 0}
    trades = []
    for seq, (symbol, shares, cents, buys) in enumerate(steps):
        signed = shares if buys else -min(shares, held[symbol])
        if signed:
            held[symbol] += signed
            trades.append((seq, symbol, signed, cents))
    bookings = list(booked(trades))
    paid = sum(cents if shares > 0 else -cents for _, _, shares, cents in trades)
    cost = {symbol: sum(b.cost_delta_cents for b in bookings if b.symbol == symbol) for symbol in held}
    assert sum(cost.values()) - sum(b.realised_delta_cents for b in bookings) == paid
    assert all(cost[symbol] >= 0 and (shares or not cost[symbol]) for symbol, shares in held.items())
