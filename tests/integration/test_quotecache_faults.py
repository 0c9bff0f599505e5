"""Faults of the legacy quote server, over real TCP (spec §4): recognised, retried in bounds, nobody stalled."""

import signal
from collections.abc import Callable, Iterator

import pytest

from rabbitmq.connection import open_connection
from rabbitmq.topology import AUDIT_EXCHANGE
from schema.codec import decode_audit
from schema.events import AuditKind, NoQuote, Quote
from tests.integration.quotecache_processes import RESET, SILENCE, Asker, FaultyServer, ended, free_port, rows, running

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
    "RST": lambda symbol, user: RESET,
    "SIL": lambda symbol, user: SILENCE,
}


def good(symbol: str, user: str) -> bytes:
    return f"10.00,{symbol},{user},1507094283184,key==\n".encode()


def always_faulty(symbol: str, user: str, _number: int) -> object:
    return FAULTS[symbol](symbol, user) if symbol in FAULTS else good(symbol, user)


@pytest.fixture
def environment(amqp_url, database_url) -> dict[str, str]:
    return {
        "AMQP_URL": amqp_url,
        "DATABASE_URL": database_url,
        "QUOTE_TIMEOUT_MS": str(TIMEOUT_MS),
        "QUOTE_ATTEMPTS": str(ATTEMPTS),
        "REPLICA": "one",
    }


@pytest.fixture
def asker(amqp_url) -> Iterator[Asker]:
    asker = Asker(amqp_url)
    yield asker
    asker.connection.close()


@pytest.fixture
def audit(amqp_url) -> Iterator[Callable[[], list]]:
    """What the quote cache logged so far: (number, entry)."""
    connection = open_connection(amqp_url, "audit")
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, AUDIT_EXCHANGE)
    logged = []

    def on_message(_channel, _method, _properties, body):
        message = decode_audit(body)
        logged.extend(enumerate(message.entries, message.first_number))

    def so_far() -> list:
        connection.pump(0.01)
        return logged

    channel.basic_consume(queue, on_message, auto_ack=True)
    yield so_far
    connection.close()


@pytest.mark.parametrize("symbol", sorted(FAULTS))
def test_a_fault_is_retried_within_bounds_paid_logged_and_ends_in_no_quote(
    symbol, environment, asker, audit, database_url, wait_for
):
    with FaultyServer(always_faulty) as server, running("quotecache", environment | {"QUOTE_SERVER": server.setting}):
        # Asked before, and repeated after two seconds, it would be asked for anew where a machine is slow.
        wait_for(lambda: rows(database_url, "SELECT 1 FROM partitions WHERE owner LIKE 'one@%'"), what="an owner")
        asker.ask(symbol)
        assert isinstance(wait_for(lambda: asker.answer(symbol), what="an answer"), NoQuote)
        assert server.hits == {symbol: ATTEMPTS}
        wait_for(lambda: len(audit()) >= ATTEMPTS, what="every attempt in the log")
        assert [number for number, _ in audit()] == [1, 2, 3]
        assert {(entry.kind, entry.symbol, entry.user) for _, entry in audit()} == {
            (AuditKind.DEBUG_EVENT, symbol, "jane")
        }
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
    assert [entry.kind for _, entry in audit()] == [AuditKind.DEBUG_EVENT, AuditKind.QUOTE_SERVER]
    asked = rows(database_url, "SELECT asked_at_ms, quote_id FROM quote_fetches WHERE price_cents > 0")
    assert asked == [(quote.asked_at_ms, quote.quote_id)]


def test_no_server_at_all_is_no_quote_and_nothing_is_paid(environment, asker, audit, wait_for):
    with running("quotecache", environment | {"QUOTE_SERVER": f"127.0.0.1:{free_port()}"}):
        asker.ask("ABC")
        answer = wait_for(lambda: asker.answer("ABC"))
        wait_for(lambda: len(audit()) >= ATTEMPTS)
    assert isinstance(answer, NoQuote) and answer.reason.startswith("not sent")
    assert all("is not paid for" in entry.message for _, entry in audit())


def test_a_fetch_whose_owner_was_killed_is_abandoned_and_logged_exactly_once(
    environment, asker, audit, database_url, wait_for
):
    def silent_once(symbol: str, user: str, number: int) -> object:
        return SILENCE if number == 1 else good(symbol, user)

    abandoned = "SELECT quote_id FROM quote_fetches WHERE failure = 'abandoned'"
    with FaultyServer(silent_once) as server:
        settings = environment | {"QUOTE_SERVER": server.setting, "QUOTE_TIMEOUT_MS": "30000"}
        with running("quotecache", settings):  # which ends with SIGKILL
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
    by_number = dict(audit())
    assert sorted(by_number) == [1, 2, 3, 4]
    assert sum(entry.kind is AuditKind.DEBUG_EVENT for entry in by_number.values()) == 2
    assert by_number[1].message.endswith("is paid for without a price: abandoned")


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
