"""News for open pages: the newest of what they asked for, once, and all current values at the beginning."""

import pytest

from schema.bounds import INT64_MAX
from schema.commands import partition_of
from schema.events import QUOTE_LIFETIME_MS, Quote
from webapp.live.stream import Stream, event
from webapp.live.stream_registry import Full, StreamRegistry


def quote(symbol: str, number: int, cents: int = 100) -> Quote:
    return Quote(number, symbol, cents, 1_000 + number, 1, "somebody")


@pytest.fixture
def registry() -> StreamRegistry:
    registry = StreamRegistry(streams_max=5, each_max=2, network_max=3)
    registry.hear_status(True)
    return registry


def opened(registry: StreamRegistry, user: str = "ann", *symbols: str, network: str | None = None) -> Stream:
    stream = Stream(user, symbols, network or user)
    registry.open(stream)
    return stream


def prices(stream: Stream) -> dict[str, int]:
    return {data["symbol"]: data["price_cents"] for name, data in stream.take() if name == "price"}


def test_a_new_stream_gets_the_status_and_the_known_prices(registry):
    registry.hear_quotes([quote("ABC", 1), quote("XYZ", 2)])
    stream = opened(registry, "ann", "ABC", "NEW")
    assert stream.take() == [
        ("status", {"live": True}),
        ("price", {"symbol": "ABC", "price_cents": 100, "asked_at_ms": 1_001}),
    ]
    assert registry.unknown(stream.symbols) == ["NEW"]


def test_only_the_newest_price_is_kept_for_a_slow_page(registry):
    stream = opened(registry, "ann", "ABC")
    registry.hear_quotes([quote("ABC", n, n) for n in range(1, 100)])
    assert prices(stream) == {"ABC": 99}
    assert not stream.news.is_set()


def test_an_older_price_never_follows_a_newer(registry):
    stream = opened(registry, "ann", "ABC")
    registry.hear_quotes([quote("ABC", 5, 500)])
    registry.hear_quotes([quote("ABC", 4, 400)])
    assert prices(stream) == {"ABC": 500}


def test_a_number_that_no_quote_cache_gave_keeps_no_later_price_away(registry):
    stream = opened(registry, "ann", "ABC")
    registry.hear_quotes([Quote(INT64_MAX, "ABC", 1, 1_000, 1, "somebody")])
    registry.hear_quotes([Quote(4, "ABC", 400, 1_000 + QUOTE_LIFETIME_MS, 1, "somebody")])
    assert prices(stream) == {"ABC": 400}


def test_a_changed_account_is_looked_up_once_and_only_for_watched_users(registry):
    ann, bob = opened(registry, "ann"), opened(registry, "bob")
    registry.take_stale()
    registry.hear_changed(["ann", "stranger"])
    registry.hear_changed(["ann"])
    assert registry.take_stale() == ["ann"]
    assert registry.take_stale() == []
    for stream in (ann, bob):
        stream.take()
    registry.tell_seqs([("ann", 7), ("gone", 1)])
    registry.tell_seqs([("ann", 7)])
    assert ann.take() == [("account", {"seq": 7})]
    assert bob.take() == []


def test_every_account_is_looked_up_when_the_broker_is_back(registry):
    stream = opened(registry, "ann")
    registry.take_stale(), stream.take()
    registry.hear_status(False)
    registry.hear_status(True)
    assert registry.take_stale() == ["ann"]
    assert stream.take() == [("status", {"live": True})]


def test_accounts_are_looked_up_again_when_their_news_only_begin_to_come(registry):
    opened(registry, "ann")
    registry.take_stale()
    registry.hear_bound({partition_of("ann")})
    assert registry.take_stale() == ["ann"]


def test_the_number_of_streams_is_limited_and_a_closed_one_makes_room(registry):
    streams = [opened(registry, user) for user in ("ann", "bob", "ann", "bob", "cid")]
    with pytest.raises(Full) as full:
        opened(registry, "dan")
    assert not full.value.own
    registry.close(streams.pop(3))
    registry.close(streams.pop(3))
    registry.close(streams[0])
    assert registry.partitions == {partition_of("ann"), partition_of("bob")}
    registry.close(streams[2])
    assert registry.partitions == {partition_of("bob")}
    opened(registry, "cid")


def test_the_streams_of_one_person_are_limited_and_others_go_on(registry):
    first, _ = opened(registry, "ann", network="a"), opened(registry, "ann", network="b")
    with pytest.raises(Full) as full:
        opened(registry, "ann", network="c")
    assert full.value.own
    opened(registry, "bob")
    registry.close(first)
    registry.close(first)
    opened(registry, "ann", network="c")


def test_the_streams_of_one_network_are_limited_and_others_go_on(registry):
    for user in ("ann", "bob", "cid"):
        opened(registry, user, network="home")
    with pytest.raises(Full) as full:
        opened(registry, "dan", network="home")
    assert full.value.own
    opened(registry, "dan", network="elsewhere")


def test_an_event_has_the_form_of_the_wire():
    assert event("account", {"seq": 3}, "9-1") == b'id: 9-1\nevent: account\ndata: {"seq":3}\n\n'
