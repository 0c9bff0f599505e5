"""A second request (QUOTE_HEDGE), over real TCP: the first answer wins; each request is paid, stored, logged once."""

import signal

import pytest

from schema.events import AuditKind, NoQuote, Quote
from tests.integration.quotecache_processes import RESET, SILENCE, FaultyServer, ended, rows, running

EPOCH = "SELECT epoch FROM partitions WHERE consumer_group = 'quotecache'"
STORED = "SELECT price_cents, failure FROM quote_fetches ORDER BY quote_id"


@pytest.fixture
def environment(environment) -> dict[str, str]:
    return environment | {"QUOTE_TIMEOUT_MS": "1000", "QUOTE_ATTEMPTS": "1", "QUOTE_HEDGE": "50"}


def priced(cents: int, symbol: str, user: str) -> bytes:
    return f"{cents // 100}.{cents % 100:02d},{symbol},{user},1507094283184,key{cents}\n".encode()


def test_the_second_request_is_answered_first_and_the_first_one_is_paid_stored_and_logged_once(
    environment, asker, audit, database_url, wait_for
):
    def first_one_late(symbol: str, user: str, number: int) -> object:
        if number == 1:
            server.closing.wait(0.5)
        return priced(200 * number, symbol, user)

    with FaultyServer(first_one_late) as server:
        with running("quotecache", environment | {"QUOTE_SERVER": server.setting}):
            asker.ask("ABC", user="john")
            quote = wait_for(lambda: asker.answer("ABC"))
            wait_for(lambda: len(audit()) >= 2, what="both in the log")
            asker.turn()
        assert server.hits == {"ABC": 2}
    assert isinstance(quote, Quote) and quote.price_cents == 400
    assert asker.answers == [quote], "the late price is no news"
    assert rows(database_url, STORED) == [(200, None), (400, None)]
    assert [(e.kind, e.funds_cents, e.user) for e in audit()] == [
        (AuditKind.QUOTE_SERVER, 400, "john"),
        (AuditKind.QUOTE_SERVER, 200, "john"),
    ]


def test_a_quick_answer_needs_no_second_request(environment, asker, wait_for):
    with FaultyServer(lambda symbol, user, _number: priced(200, symbol, user)) as server:
        with running("quotecache", environment | {"QUOTE_SERVER": server.setting, "QUOTE_HEDGE": "900"}):
            asker.ask("ABC", "DEF")
            wait_for(lambda: asker.have("ABC", "DEF"))
        assert server.hits == {"ABC": 1, "DEF": 1}


def test_hedging_is_off_by_default(environment, asker, audit, wait_for):
    chosen = {name: value for name, value in environment.items() if name != "QUOTE_HEDGE"}
    with FaultyServer(lambda *_: SILENCE) as server:
        with running("quotecache", chosen | {"QUOTE_SERVER": server.setting}):
            asker.ask("ABC")
            assert isinstance(wait_for(lambda: asker.answer("ABC")), NoQuote)
        assert server.hits == {"ABC": 1}


def test_a_failure_of_one_request_leaves_the_attempt_to_the_other(environment, asker, audit, database_url, wait_for):
    def second_one_reset(symbol: str, user: str, number: int) -> object:
        if number == 2:
            return RESET
        server.closing.wait(0.4)
        return priced(200, symbol, user)

    with FaultyServer(second_one_reset) as server:
        with running("quotecache", environment | {"QUOTE_SERVER": server.setting}):
            asker.ask("ABC")
            assert wait_for(lambda: asker.answer("ABC")).price_cents == 200
            wait_for(lambda: len(audit()) >= 2)
        assert server.hits == {"ABC": 2}
    ((won, _), (lost, failure)) = rows(database_url, STORED)
    assert won == 200 and lost is None and failure
    assert [entry.kind for entry in audit()] == [AuditKind.DEBUG_EVENT, AuditKind.QUOTE_SERVER]


def test_when_both_fail_there_is_no_quote_and_both_are_paid(environment, asker, audit, database_url, wait_for):
    with FaultyServer(lambda *_: SILENCE) as server:
        with running("quotecache", environment | {"QUOTE_SERVER": server.setting}):
            asker.ask("ABC")
            assert isinstance(wait_for(lambda: asker.answer("ABC")), NoQuote)
            wait_for(lambda: len(audit()) >= 2)
        assert server.hits == {"ABC": 2}
    assert [price for price, _ in rows(database_url, STORED)] == [None, None]


@pytest.mark.parametrize("answered", [False, True])
def test_every_open_request_of_a_killed_owner_is_abandoned_once(
    environment, asker, audit, database_url, wait_for, answered
):
    """Either both requests are open, or one is answered and the other is late."""

    def silent_but_second(symbol: str, user: str, number: int) -> object:
        return priced(200, symbol, user) if number == 2 and answered else SILENCE

    settings = environment | {"QUOTE_TIMEOUT_MS": "30000"}
    open_fetches = 1 if answered else 2
    with FaultyServer(silent_but_second) as server:
        with running("quotecache", settings | {"QUOTE_SERVER": server.setting}) as service:
            asker.ask("ABC")
            wait_for(lambda: asker.turn() or server.hits["ABC"] == 2, what="two requests")
            wait_for(lambda: len(rows(database_url, STORED)) == 2 and (asker.have("ABC") or not answered))
            ended(service, signal.SIGKILL)
        for epoch in (2, 3):
            with running("quotecache", settings | {"QUOTE_SERVER": server.setting}) as service:
                wait_for(lambda epoch=epoch: rows(database_url, EPOCH) == [(epoch,)], what="the next owner")
                wait_for(lambda: len(audit()) >= 2, what="both in the log")
                assert ended(service) == 0
    failures = [failure for _, failure in rows(database_url, STORED) if failure]
    assert failures == ["abandoned"] * open_fetches
    assert [entry.kind for entry in audit()].count(AuditKind.DEBUG_EVENT) == open_fetches
    assert len(audit()) == 2
