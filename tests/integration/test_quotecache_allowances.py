"""Allowances and the budget of refreshes in the real quote cache, also after its owner was killed (spec §3a)."""

import signal
from collections.abc import Iterator

import pytest

from bench.processes import free_port
from rabbitmq.publisher import Outgoing
from rabbitmq.topology import PRICE_REQUESTS_EXCHANGE
from schema.codec import encode
from schema.commands import VERSION
from schema.events import PriceRequest, Quote, QuoteRefused
from tests.integration.quotecache_processes import PriceClient, ended, listening, now_ms, rows, running


@pytest.fixture
def environment(environment) -> dict[str, str]:
    address = f"127.0.0.1:{free_port()}"
    return environment | {"QUOTE_SERVER": address, "QUOTES": "instant", "QUOTE_SEED": "1", "REFRESH_BUDGET": "2"}


@pytest.fixture
def quote_server(environment, wait_for) -> Iterator[None]:
    host, port = environment["QUOTE_SERVER"].split(":")
    with running("quotecache.simulator", environment):
        wait_for(lambda: listening((host, int(port))), what="the simulator listens")
        yield


def ask(asker: PriceClient, symbol: str, user: str = "ann", most: int | None = 2) -> None:
    asker.prices.request(symbol, user, 7, now_ms(), paid_quotes_max=most)


def test_a_person_is_refused_beyond_the_allowance_also_by_the_next_owner(
    environment, quote_server, asker, database_url, wait_for
):
    with running("quotecache", environment) as owner:
        for symbol in ("A", "B", "C"):
            ask(asker, symbol)
        wait_for(lambda: asker.have("A", "B", "C"), what="three answers")
        answers = {symbol: type(asker.answer(symbol)) for symbol in ("A", "B", "C")}
        assert answers == {"A": Quote, "B": Quote, "C": QuoteRefused}
        ended(owner, signal.SIGKILL)
    with running("quotecache", environment):
        ask(asker, "D")
        ask(asker, "E", "bob")
        ask(asker, "F", "loader", None)
        wait_for(lambda: asker.have("D", "E", "F"), what="three more answers")
    answers = {symbol: type(asker.answer(symbol)) for symbol in ("D", "E", "F")}
    assert answers == {"D": QuoteRefused, "E": Quote, "F": Quote}
    charged = rows(database_url, "SELECT user_id, count(*) FROM quote_fetches WHERE charged GROUP BY 1 ORDER BY 1")
    assert charged == [("ann", 2), ("bob", 1)]


def test_refreshes_beyond_the_budget_wait_and_a_command_does_not(environment, quote_server, asker, wait_for):
    with running("quotecache", environment):
        for symbol in ("A", "B", "C"):
            request = PriceRequest(VERSION, symbol, "ann", 7, for_trigger=True)
            asker.publisher.publish(Outgoing(PRICE_REQUESTS_EXCHANGE, "", encode(request)))
        wait_for(lambda: asker.have("A", "B"), what="as many refreshes as the budget allows")
        ask(asker, "D", "loader", None)
        wait_for(lambda: asker.have("D"), what="what was asked for later, by a command")
        assert not asker.have("C")
        ask(asker, "C", "loader", None)
        wait_for(lambda: asker.have("C"), what="what a command needs of the symbols that wait")
