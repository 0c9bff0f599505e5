"""Faults of the legacy quote server, over real TCP (spec §4): recognised, retried within limits, delaying nobody."""

import signal
from collections.abc import Callable

import pytest

from bench.processes import free_port
from schema.events import AuditKind, NoQuote, Quote
from tests.integration.quotecache_processes import RESET, SILENCE, FaultyServer, ended, rows, running

ATTEMPTS = 3
TIMEOUT_MS = 300

FAULTS: dict[str, Callable[[str, str], object]] = {
    "GAR": lambda symbol, user: b"\x00\xff\x13garbage\n",
    "SYM": lambda symbol, user: good("OTH", user),
    "USR": lambda symbol, user: good(symbol, "mallory"),
    "NEG": lambda symbol, user: good(symbol, user).replace(b"10.00", b"-10.00"),
    "MIS": lambda symbol, user: good(symbol, user).replace(b"10.00", b""),
    "DEC": lambda symbol, user: good(symbol, user).replace(b"10.00", b"10.001"),
    "HLF": lambda symbol, user: good(symbol, user)[:20],
    "LNG": lambda symbol, user: b"1" * 100_000,
    "CLS": lambda symbol, user: b"",
    "LOW": lambda symbol, user: f"0.01,{symbol},{user},1507094283184,key==\n".encode(),
    "BIG": lambda symbol, user: f"4999.01,{symbol},{user},1507094283184,key==\n".encode(),
    "RST": lambda symbol, user: RESET,
    "SIL": lambda symbol, user: SILENCE,
}


def good(symbol: str, user: str) -> bytes:
    return f"10.00,{symbol},{user},1507094283184,key==\n".encode()


def always_faulty(symbol: str, user: str, _number: int) -> object:
    return FAULTS[symbol](symbol, user) if symbol in FAULTS else good(symbol, user)


@pytest.fixture
def environment(environment) -> dict[str, str]:
    return environment | {"QUOTE_TIMEOUT_MS": str(TIMEOUT_MS), "QUOTE_ATTEMPTS": str(ATTEMPTS)}


@pytest.mark.parametrize("symbol", sorted(FAULTS))
def test_a_fault_is_retried_within_bounds_paid_logged_and_ends_in_no_quote(
    symbol, environment, asker, audit, database_url, wait_for
):
    with FaultyServer(always_faulty) as server, running("quotecache", environment | {"QUOTE_SERVER": server.setting}):
        # A request sent before there is an owner would be repeated after 2 s, and on a slow machine bought twice.
        wait_for(lambda: rows(database_url, "SELECT 1 FROM partitions WHERE owner LIKE 'one@%'"), what="an owner")
        asker.ask(symbol)
        assert isinstance(wait_for(lambda: asker.answer(symbol), what="an answer"), NoQuote)
        assert server.hits == {symbol: ATTEMPTS}
        wait_for(lambda: len(audit()) >= ATTEMPTS, what="every attempt in the log")
        assert [(entry.kind, entry.symbol, entry.user) for entry in audit()] == [
            (AuditKind.DEBUG_EVENT, symbol, "jane")
        ] * ATTEMPTS
        failures = rows(database_url, "SELECT price_cents, failure FROM quote_fetches ORDER BY quote_id")
        assert [price for price, _ in failures] == [None] * ATTEMPTS and all(failure for _, failure in failures)


def test_silence_for_some_symbols_stalls_no_other(environment, asker, wait_for):
    def silent_for_s(symbol: str, user: str, _number: int) -> object:
        return SILENCE if symbol.startswith("S") else good(symbol, user)

    silent = [f"S{letter}" for letter in "ABCDEFGHIJ"]
    with FaultyServer(silent_for_s) as server:
        settings = {"QUOTE_SERVER": server.setting, "QUOTE_TIMEOUT_MS": "10000"}
        with running("quotecache", environment | settings):
            asker.ask(*silent)
            wait_for(lambda: asker.turn() or len(server.hits) == 10, what="ten silent fetches")
            for symbol in ("A", "B", "C"):
                asker.ask(symbol)
                assert isinstance(wait_for(lambda s=symbol: asker.answer(s), seconds=2), Quote)
            assert not any(asker.answer(symbol) for symbol in silent)


def test_with_every_connection_silent_the_next_symbol_waits_for_one_timeout_only(environment, asker, wait_for):
    settings = {"QUOTE_CONNECTIONS": "2", "QUOTE_TIMEOUT_MS": "1000"}

    def silent_once(symbol: str, user: str, number: int) -> object:
        return SILENCE if symbol.startswith("S") and number == 1 else good(symbol, user)

    with FaultyServer(silent_once) as server:
        with running("quotecache", environment | settings | {"QUOTE_SERVER": server.setting}):
            asker.ask("SA", "SB")
            wait_for(lambda: asker.turn() or len(server.hits) == 2)
            asker.ask("A")
            wait_for(lambda: asker.have("A", "SA", "SB"), seconds=5)
        assert server.hits == {"SA": 2, "SB": 2, "A": 1}


def test_a_fault_that_passes_costs_a_retry_and_nothing_else(environment, asker, audit, database_url, wait_for):
    def second_time_lucky(symbol: str, user: str, number: int) -> object:
        return RESET if number == 1 else good(symbol, user)

    with FaultyServer(second_time_lucky) as server:
        with running("quotecache", environment | {"QUOTE_SERVER": server.setting}):
            asker.ask("ABC")
            quote = wait_for(lambda: asker.answer("ABC"))
            wait_for(lambda: len(audit()) >= 2)
        assert server.hits == {"ABC": 2}
    assert isinstance(quote, Quote) and quote.price_cents == 1_000
    assert [entry.kind for entry in audit()] == [AuditKind.DEBUG_EVENT, AuditKind.QUOTE_SERVER]
    asked = rows(database_url, "SELECT asked_at_ms, quote_id FROM quote_fetches WHERE price_cents > 0")
    assert asked == [(quote.asked_at_ms, quote.quote_id)]


def test_no_server_at_all_is_no_quote_and_nothing_is_paid(environment, asker, audit, database_url, wait_for):
    with running("quotecache", environment | {"QUOTE_SERVER": f"127.0.0.1:{free_port()}"}):
        asker.ask("ABC")
        answer = wait_for(lambda: asker.answer("ABC"))
        wait_for(lambda: len(audit()) >= ATTEMPTS)
    assert isinstance(answer, NoQuote) and answer.reason.startswith("not sent")
    assert rows(database_url, "SELECT DISTINCT paid FROM quote_fetches") == [(False,)]
    assert all("is not paid for" in entry.message for entry in audit())


def test_a_fetch_whose_owner_was_killed_is_abandoned_and_logged_exactly_once(
    environment, asker, audit, database_url, wait_for
):
    def silent_once(symbol: str, user: str, number: int) -> object:
        return SILENCE if number == 1 else good(symbol, user)

    abandoned = "SELECT quote_id FROM quote_fetches WHERE failure = 'abandoned'"
    with FaultyServer(silent_once) as server:
        settings = environment | {"QUOTE_SERVER": server.setting, "QUOTE_TIMEOUT_MS": "30000"}
        with running("quotecache", settings):  # the block ends it with SIGKILL
            asker.ask("ABC", "DEF")
            wait_for(lambda: asker.turn() or len(server.hits) == 2, what="two fetches in flight")
        for _ in range(2):
            with running("quotecache", settings) as service:
                asker.ask("ABC", "DEF")
                wait_for(lambda: asker.have("ABC", "DEF"), what="prices from the next owner")
                assert rows(database_url, abandoned) == [(1,), (2,)]
                ended(service)
            asker.answers.clear()
        assert server.hits == {"ABC": 2, "DEF": 2}
    first, *others = audit()
    assert [entry.kind for entry in (first, *others)].count(AuditKind.DEBUG_EVENT) == 2 and len(others) == 3
    assert first.message.endswith("is paid for without a price: abandoned")


def test_sigterm_waits_for_the_answer_in_flight(environment, asker, database_url, wait_for):
    with FaultyServer(lambda symbol, user, number: answer_after_sigterm(symbol, user)) as server:
        settings = environment | {"QUOTE_SERVER": server.setting, "QUOTE_TIMEOUT_MS": "9000"}
        with running("quotecache", settings) as service:

            def answer_after_sigterm(symbol: str, user: str) -> bytes:
                service.send_signal(signal.SIGTERM)
                server.closing.wait(0.5)
                return good(symbol, user)

            asker.ask("ABC")
            assert isinstance(wait_for(lambda: asker.answer("ABC")), Quote)
            assert service.wait(10) == 0
    assert rows(database_url, "SELECT count(price_cents) FROM quote_fetches") == [(1,)]
