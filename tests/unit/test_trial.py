"""Trial of trigger orders on recorded prices: which would fire, when, with what result (spec §3, triggers)."""

from consumers.triggers.trial import Firing, would_fire
from runtime.price_file import PricePoint
from schema.events import TriggerChange
from schema.outcomes import Side
from tests.builders import T0, armed_to_buy, armed_to_sell

BUY = TriggerChange("ann", "ABC", Side.BUY, 3, 300, 1_000, 0, 7)
SELL = TriggerChange("ann", "ABC", Side.SELL, 4, 300, 0, 3, 8)


def prices(*cents: int, symbol: str = "ABC") -> list[PricePoint]:
    """Makes one price per second."""
    return [PricePoint(T0 + 1_000 * n, symbol, price) for n, price in enumerate(cents)]


def fired(*orders: TriggerChange, at: list[PricePoint]) -> list[tuple]:
    firings, _ = would_fire(orders, at)
    return [
        (one.order.side, one.at_ms - T0, one.price_cents, one.shares, one.cash_cents, one.back_cents) for one in firings
    ]


def test_a_buy_fires_once_at_the_first_price_that_satisfies_it():
    assert fired(BUY, at=prices(301, 290, 100)) == [(Side.BUY, 1_000, 290, 3, 870, 130)]


def test_a_sell_fires_once_at_the_first_price_that_satisfies_it():
    assert fired(SELL, at=prices(299, 310, 400)) == [(Side.SELL, 1_000, 310, 3, 930, 0)]


def test_a_price_that_moves_no_share_leaves_a_buy_armed():
    little = TriggerChange("ann", "ABC", Side.BUY, 3, 300, 250, 0, 7)
    assert fired(little, at=prices(260, 240)) == [(Side.BUY, 1_000, 240, 1, 240, 10)]


def test_an_order_that_does_not_fire_is_listed_with_its_closest_price():
    _, quiet = would_fire([BUY, SELL], prices(301, 350, 302, symbol="XYZ"))
    assert [one.closest for one in quiet] == [None, None]
    firings, (buy,) = would_fire([BUY], prices(350, 301, 302))
    assert not firings and buy.closest == PricePoint(T0 + 1_000, "ABC", 301)


def test_the_result_is_that_of_the_real_thing():
    for trader, side in ((armed_to_buy(), Side.BUY), (armed_to_sell(), Side.SELL)):
        order = trader.account.triggers["ABC", side]
        values = (order.version, order.trigger_cents, order.reserved_cents, order.reserved_shares, 7)
        (firing,), _ = would_fire([TriggerChange("ann", "ABC", side, *values)], prices(300))
        assert isinstance(firing, Firing)
        decision = trader.fills(300, side=side)
        assert firing.cash_cents == decision.amount_cents
        assert firing.shares == abs(decision.shares_delta or decision.reserved_shares_delta)
