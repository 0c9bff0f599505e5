"""News for open pages: the newest of what they asked for, once, and all current values at the beginning."""

import pytest

from schema.bounds import INT64_MAX
from schema.commands import partition_of
from schema.events import QUOTE_LIFETIME_MS, Quote
from webapp.live.board import Board, Full
from webapp.live.stream import Stream, event


def quote(symbol: str, number: int, cents: int = 100) -> Quote:
    return Quote(number, symbol, cents, 1_000 + number, 1, "somebody")


@pytest.fixture
def board() -> Board:
    board = Board(streams_max=3)
    board.hear_status(True)
    return board


def opened(board: Board, user: str = "ann", *symbols: str) -> Stream:
    stream = Stream(user, symbols)
    board.open(stream)
    return stream


def prices(stream: Stream) -> dict[str, int]:
    return {data["symbol"]: data["price_cents"] for name, data in stream.take() if name == "price"}


def test_a_new_stream_is_told_the_status_and_the_prices_that_are_known(board):
    board.hear_quotes([quote("ABC", 1), quote("XYZ", 2)])
    stream = opened(board, "ann", "ABC", "NEW")
    assert stream.take() == [
        ("status", {"live": True}),
        ("price", {"symbol": "ABC", "price_cents": 100, "asked_at_ms": 1_001}),
    ]
    assert board.unknown(stream.symbols) == ["NEW"]


def test_only_the_newest_price_is_kept_for_a_slow_page(board):
    stream = opened(board, "ann", "ABC")
    board.hear_quotes([quote("ABC", n, n) for n in range(1, 100)])
    assert prices(stream) == {"ABC": 99}
    assert not stream.news.is_set()


def test_an_older_price_never_follows_a_newer(board):
    stream = opened(board, "ann", "ABC")
    board.hear_quotes([quote("ABC", 5, 500)])
    board.hear_quotes([quote("ABC", 4, 400)])
    assert prices(stream) == {"ABC": 500}


def test_a_number_that_no_quote_cache_gave_keeps_no_later_price_away(board):
    stream = opened(board, "ann", "ABC")
    board.hear_quotes([Quote(INT64_MAX, "ABC", 1, 1_000, 1, "somebody")])
    board.hear_quotes([Quote(4, "ABC", 400, 1_000 + QUOTE_LIFETIME_MS, 1, "somebody")])
    assert prices(stream) == {"ABC": 400}


def test_whose_account_changed_is_looked_up_once_and_strangers_never(board):
    ann, bob = opened(board, "ann"), opened(board, "bob")
    board.take_stale()
    board.hear_changed(["ann", "stranger"])
    board.hear_changed(["ann"])
    assert board.take_stale() == ["ann"]
    assert board.take_stale() == []
    for stream in (ann, bob):
        stream.take()
    board.tell_seqs([("ann", 7), ("gone", 1)])
    board.tell_seqs([("ann", 7)])
    assert ann.take() == [("account", {"seq": 7})]
    assert bob.take() == []


def test_every_account_is_looked_up_when_the_broker_is_back(board):
    stream = opened(board, "ann")
    board.take_stale(), stream.take()
    board.hear_status(False)
    board.hear_status(True)
    assert board.take_stale() == ["ann"]
    assert stream.take() == [("status", {"live": True})]


def test_accounts_are_looked_up_again_when_their_news_only_begin_to_come(board):
    opened(board, "ann")
    board.take_stale()
    board.hear_bound({partition_of("ann")})
    assert board.take_stale() == ["ann"]


def test_there_are_as_many_streams_as_may_be_and_a_closed_one_makes_room(board):
    streams = [opened(board, user) for user in ("ann", "bob", "ann")]
    with pytest.raises(Full):
        opened(board, "cid")
    board.close(streams[0])
    assert board.partitions == {partition_of("ann"), partition_of("bob")}
    board.close(streams[2])
    assert board.partitions == {partition_of("bob")}
    opened(board, "cid")


def test_an_event_has_the_form_of_the_wire():
    assert event("account", {"seq": 3}, "9-1") == b'id: 9-1\nevent: account\ndata: {"seq":3}\n\n'
