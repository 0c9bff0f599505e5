"""The book of armed trigger orders: orders that a price fills, new changes, and late messages (spec §3, triggers)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.triggers import book as book_module
from consumers.triggers.book import Book
from schema.events import TriggerChange
from schema.outcomes import Side

BUY, SELL = Side.BUY, Side.SELL


def armed(trigger: int, user: str = "ann", side: Side = BUY, version: int = 1, symbol: str = "ABC", reserved=None):
    """Makes an armed order. `reserved`: cents of a buy or shares of a sell; by default enough for many shares."""
    reserved = 1_000_000 if reserved is None else reserved
    cents, shares = (reserved, 0) if side is BUY else (0, reserved)
    return TriggerChange(user, symbol, side, version, trigger, cents, shares, 7)


def gone(user: str = "ann", side: Side = BUY, version: int = 2, symbol: str = "ABC"):
    return TriggerChange(user, symbol, side, version, None, 0, 0, 7)


def a_book(*changes: TriggerChange) -> Book:
    book = Book()
    for change in changes:
        book.change(change)
    return book


def filled(book: Book, price: int, quote_id: int = 1, symbol: str = "ABC") -> list[str]:
    return [order.user for order in book.to_fill(symbol, price, quote_id)]


# Orders that a price fills


@pytest.mark.parametrize(("price", "found"), [(299, ["ann"]), (300, ["ann"]), (301, [])])
def test_a_buy_is_found_at_or_below_its_trigger(price, found):
    assert filled(a_book(armed(300)), price) == found


@pytest.mark.parametrize(("price", "found"), [(299, []), (300, ["ann"]), (301, ["ann"])])
def test_a_sell_is_found_at_or_above_its_trigger(price, found):
    assert filled(a_book(armed(300, side=SELL)), price) == found


def test_an_order_that_would_move_no_share_is_not_found():
    book = a_book(armed(300, "ann", reserved=250), armed(300, "bob", SELL, reserved=0))
    assert filled(book, 300) == []
    assert filled(book, 250, quote_id=2) == ["ann"]


def test_orders_of_other_symbols_are_not_found():
    assert filled(a_book(armed(300, symbol="XYZ")), 300) == []


def test_both_sides_are_found_and_those_of_one_price_in_the_order_they_came():
    book = a_book(armed(300, "eve"), armed(300, "ann"), armed(300, "bob", SELL))
    assert filled(book, 300) == ["eve", "ann", "bob"]


def test_a_price_touches_only_the_orders_it_fills(monkeypatch):
    """The book does not even read other orders, however many it holds."""
    touched = set()

    class Watched(book_module.Armed):
        def __getattribute__(self, name):
            touched.add(super().__getattribute__("user"))
            return super().__getattribute__(name)

    monkeypatch.setattr(book_module, "Armed", Watched)
    buys = [armed(1_000 + n, f"buy{n}") for n in range(500)]
    sells = [armed(3_000 + n, f"sell{n}", SELL) for n in range(500)]
    no_share = [armed(9_000, f"little{n}", reserved=900) for n in range(500)]
    book = a_book(*buys, *sells, *no_share)
    for price, found in {1_498: {"buy499", "buy498"}, 3_001: {"sell0", "sell1"}, 2_000: set()}.items():
        touched.clear()
        orders = book.to_fill("ABC", price, quote_id=price)
        assert touched == found
        assert {order.user for order in orders} == found


@given(
    orders=st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 9), st.integers(0, 9)), max_size=8),
    price=st.integers(1, 10),
)
def test_a_price_finds_the_same_orders_as_a_search_of_all(orders, price):
    book = a_book(*(armed(trigger, f"user{n}", side, 1, "ABC", held) for n, (side, trigger, held) in enumerate(orders)))
    expected = {
        f"user{n}"
        for n, (side, trigger, held) in enumerate(orders)
        if (price <= trigger and held // price > 0 if side is BUY else price >= trigger and held > 0)
    }
    assert sorted(filled(book, price)) == sorted(expected)


# Once for each quote, until the account's owner has reacted


def test_an_order_is_found_once_for_a_quote():
    book = a_book(armed(300))
    assert filled(book, 300, quote_id=5) == ["ann"]
    assert filled(book, 300, quote_id=5) == []


def test_an_order_whose_fill_was_void_is_found_again_by_the_next_quote():
    book = a_book(armed(300))
    filled(book, 300, quote_id=5)
    assert filled(book, 290, quote_id=6) == ["ann"]


def test_a_sent_fill_takes_no_order_off_the_book():
    book = a_book(armed(300))
    filled(book, 300)
    assert len(book) == 1
    assert book.watched("ABC").user == "ann"


def test_an_order_that_was_changed_is_found_again_by_the_same_quote():
    book = a_book(armed(300, version=1))
    filled(book, 300, quote_id=5)
    book.change(armed(310, version=2))
    assert filled(book, 300, quote_id=5) == ["ann"]


# Changes that are new


def test_a_change_returns_the_order_if_it_is_armed_now():
    book = Book()
    order = book.change(armed(300, version=4))
    assert (order.user, order.trigger_cents, order.version) == ("ann", 300, 4)
    assert book.change(gone(version=5)) is None


def test_re_arming_moves_the_order():
    book = a_book(armed(300, version=1), armed(200, version=2))
    assert filled(book, 250) == []
    assert filled(book, 200, quote_id=2) == ["ann"]
    assert len(book) == 1


@pytest.mark.parametrize("version", [1, 2])
def test_an_older_or_repeated_change_is_no_news(version):
    book = a_book(armed(300, version=2))
    assert book.change(armed(900, version=version)) is None
    assert filled(book, 800) == []


def test_an_older_removal_is_no_news():
    book = a_book(armed(300, version=2), gone(version=1))
    assert filled(book, 300) == ["ann"]


def test_a_set_amount_alone_arms_nothing():
    book = a_book(gone(version=1))
    assert (len(book), book.watched("ABC")) == (0, None)


def test_sides_and_symbols_of_a_user_have_their_own_versions():
    book = a_book(armed(300, version=5), armed(300, side=SELL, version=2), armed(300, symbol="XYZ", version=1))
    assert len(book) == 3


# Late messages about orders that are gone


@pytest.mark.parametrize("version", [1, 2])
def test_an_order_that_is_gone_is_not_brought_back_by_a_late_message(version):
    book = a_book(armed(300, version=1), gone(version=2), armed(300, version=version))
    assert filled(book, 300) == []
    assert book.watched("ABC") is None


def test_a_removal_that_overtakes_its_order_holds():
    book = a_book(gone(version=2), armed(300, version=1))
    assert len(book) == 0


def test_an_order_set_anew_is_no_ghost():
    book = a_book(armed(300, version=1), gone(version=2), armed(300, version=3))
    assert filled(book, 300) == ["ann"]


def test_a_repeated_removal_leaves_the_newest_version_remembered():
    book = a_book(gone(version=5), gone(version=3), armed(300, version=4))
    assert len(book) == 0


def test_so_many_removals_are_remembered_and_no_more(monkeypatch):
    monkeypatch.setattr(book_module, "GONE_REMEMBERED_MAX", 2)
    book = a_book(*(gone(user, version=2) for user in ("ann", "bob", "eve")))
    for user in ("bob", "eve", "ann"):
        book.change(armed(300, user, version=1))
    assert filled(book, 300) == ["ann"]


# Symbols that are watched


def test_a_symbol_is_watched_while_an_order_is_armed_on_it():
    book = a_book(armed(300, side=SELL))
    assert book.watched("ABC").side is SELL
    book.change(gone(side=SELL))
    assert book.watched("ABC") is None
    assert book.watched("XYZ") is None


def test_a_symbol_is_not_watched_for_an_order_that_no_price_fills():
    book = a_book(armed(300, side=SELL, reserved=0))
    assert (len(book), book.watched("ABC")) == (1, None)
    book.change(armed(300, "bob"))
    assert book.watched("ABC").user == "bob"


def test_dropped_symbols_are_forgotten_and_may_be_loaded_again():
    book = a_book(armed(300, "ann"), armed(300, "bob", SELL), armed(300, symbol="XYZ"))
    book.drop(["ABC", "NON"])
    assert (len(book), book.symbols, filled(book, 300)) == (1, ["XYZ"], [])
    book.change(armed(300, "ann"))
    assert filled(book, 300) == ["ann"]
