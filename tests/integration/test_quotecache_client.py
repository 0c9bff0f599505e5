"""The quote cache's client on a real broker, with and without a quote cache. Time is an argument."""

from collections.abc import Iterator

import pytest

from quotecache.client import Prices
from quotecache.pending_quotes import DEADLINE_MS, RETRY_MS
from rabbitmq.connection import Connection, open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.subscription import QueueConsumer
from rabbitmq.topology import PRICE_REQUESTS_EXCHANGE, PRICE_REQUESTS_QUEUE, PRICES_EXCHANGE
from schema.codec import decode_request, encode
from schema.commands import VERSION
from schema.events import QUOTE_LIFETIME_MS, NoQuote, PriceMessage, PriceRequest, Quote

T0 = 1_700_000_000_000


def a_quote(symbol="ABC", quote_id=1, asked_at_ms=T0) -> Quote:
    return Quote(quote_id, symbol, 1_000, asked_at_ms, 7, "jane")


class ClientAndCache:
    """One connection that the client and a substitute for the quote cache share."""

    def __init__(self, connection: Connection):
        self.connection = connection
        self.publisher = Publisher(connection)
        self.prices = Prices(connection, self.publisher)
        self.requests: list[PriceRequest] = []
        QueueConsumer(
            connection,
            PRICE_REQUESTS_QUEUE,
            PRICE_REQUESTS_EXCHANGE,
            lambda body: self.requests.append(decode_request(body)),
        )

    def tell(self, *answers: Quote | NoQuote) -> None:
        body = encode(PriceMessage(VERSION, list(answers)))
        self.publisher.publish(Outgoing(PRICES_EXCHANGE, "", body, mandatory=False))

    def pumped(self, what: object, now_ms: int = T0) -> bool:
        self.connection.pump(0.01)
        self.prices.tick(now_ms)
        return bool(what)


@pytest.fixture
def world(amqp_url) -> Iterator[ClientAndCache]:
    connection = open_connection(amqp_url, "client")
    yield ClientAndCache(connection)
    connection.close()


def test_outstanding_requests_are_repeated_at_once_for_a_new_owner_of_the_quote_cache(world, wait_for):
    world.prices.request("ABC", "jane", 7, T0)
    world.prices.request("XYZ", "jane", 8, T0)
    wait_for(lambda: world.pumped(len(world.requests) == 2))
    world.tell()
    wait_for(lambda: world.pumped(False) or world.prices.tick(T0 + 1) or len(world.requests) == 4)
    assert {request.symbol for request in world.requests[2:]} == {"ABC", "XYZ"}
    assert world.prices.take_answers() == []


def test_a_symbol_is_requested_once_while_its_request_is_outstanding(world, wait_for):
    world.prices.request("ABC", "jane", 7, T0)
    world.prices.request("ABC", "john", 8, T0 + 1)
    world.prices.request("XYZ", "john", 9, T0 + 2, for_trigger=True)
    wait_for(lambda: world.pumped(len(world.requests) >= 2))
    assert world.requests == [PriceRequest(VERSION, "ABC", "jane", 7), PriceRequest(VERSION, "XYZ", "john", 9, True)]
    assert world.prices.waits_for("ABC") and not world.prices.waits_for("A")


def test_silence_is_met_with_repeats_and_in_the_end_with_no_quote(world, wait_for):
    world.prices.request("ABC", "jane", 7, T0)
    for now_ms in range(T0, T0 + DEADLINE_MS, 100):
        world.prices.tick(now_ms)
        assert world.prices.take_answers() == []
    repeats = DEADLINE_MS // RETRY_MS - 1
    wait_for(lambda: world.pumped(len(world.requests) >= 1 + repeats, T0 + DEADLINE_MS - 1))
    world.prices.tick(T0 + DEADLINE_MS)
    (answer,) = world.prices.take_answers()
    assert isinstance(answer, NoQuote) and answer.symbol == "ABC"
    world.prices.tick(T0 + 2 * DEADLINE_MS)
    assert world.prices.take_answers() == []
    assert len(world.requests) == 1 + repeats


def test_every_quote_heard_is_kept_and_news_to_everyone(world, wait_for):
    world.tell(a_quote("ABC"), a_quote("XYZ", 2))
    wait_for(lambda: world.pumped(world.prices.peek("XYZ", T0)))
    assert world.prices.take_answers() == [a_quote("ABC"), a_quote("XYZ", 2)]
    assert world.prices.quote("ABC", T0 + QUOTE_LIFETIME_MS - 1) == a_quote("ABC")
    assert world.prices.quote("ABC", T0 + QUOTE_LIFETIME_MS) is None
    assert world.prices.quote("A", T0) is None
    assert (world.prices.lookups, world.prices.hits) == (3, 1)


def test_a_repeated_quote_is_an_answer_only_for_its_requester(world, wait_for):
    world.tell(a_quote())
    wait_for(lambda: world.pumped(world.prices.peek("ABC", T0)))
    world.prices.take_answers()
    world.tell(a_quote(), a_quote("XYZ", 2))
    wait_for(lambda: world.pumped(world.prices.peek("XYZ", T0)))
    assert world.prices.take_answers() == [a_quote("XYZ", 2)]
    world.prices.request("ABC", "jane", 7, T0 + 5)
    world.tell(a_quote())
    wait_for(lambda: world.pumped(not world.prices.waits_for("ABC")))
    assert world.prices.take_answers() == [a_quote()]


def test_an_old_broadcast_that_crosses_a_request_is_no_answer_to_it(world, wait_for):
    world.prices.request("ABC", "jane", 7, T0 + QUOTE_LIFETIME_MS)
    world.tell(a_quote(asked_at_ms=T0), a_quote("END", 9))
    wait_for(lambda: world.pumped(world.prices.peek("END", T0), T0 + QUOTE_LIFETIME_MS))
    assert world.prices.waits_for("ABC")


def test_an_answer_that_was_long_in_coming_is_one(world, wait_for):
    world.prices.request("ABC", "jane", 7, T0)
    quote = a_quote(asked_at_ms=T0 + DEADLINE_MS - 1)
    world.tell(quote)
    wait_for(lambda: world.pumped(not world.prices.waits_for("ABC"), T0 + DEADLINE_MS - 1))
    assert world.prices.take_answers() == [quote]


def test_an_older_quote_never_replaces_a_newer_one(world, wait_for):
    world.tell(a_quote(quote_id=5, asked_at_ms=T0 + 5), a_quote(quote_id=4, asked_at_ms=T0 + 4), a_quote("END", 9))
    wait_for(lambda: world.pumped(world.prices.peek("END", T0)))
    assert world.prices.peek("ABC", T0).quote_id == 5


def test_no_quote_answers_only_its_requester_who_may_request_again(world, wait_for):
    world.prices.request("ABC", "jane", 7, T0)
    world.tell(NoQuote("ABC", T0, "silence"), NoQuote("XYZ", T0, "silence"), a_quote("END", 9))
    wait_for(lambda: world.pumped(world.prices.peek("END", T0)))
    assert world.prices.take_answers() == [NoQuote("ABC", T0, "silence"), a_quote("END", 9)]
    world.prices.request("ABC", "jane", 8, T0)
    wait_for(lambda: world.pumped(len(world.requests) == 2))


def test_an_undecodable_broadcast_is_dropped(world, wait_for):
    world.publisher.publish(Outgoing(PRICES_EXCHANGE, "", b"\xc1", mandatory=False))
    world.tell(a_quote())
    wait_for(lambda: world.pumped(world.prices.peek("ABC", T0)))
