"""The quote cache as a process, against the simulator: one fetch per symbol, nothing bought twice, all recorded."""

import signal
from collections.abc import Iterator

import psycopg
import pytest

from bench.processes import free_port
from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from rabbitmq.topology import AUDIT_EXCHANGE, AUDIT_STREAM, PRICES_EXCHANGE
from schema.codec import decode_audit, decode_prices
from schema.events import QUOTECACHE_SOURCE, AuditKind, Quote
from tests.integration.quotecache_processes import PriceClient, ended, hits, listening, rows, running

SYMBOLS = [a + b for a in "ABCDEFGHIJKLMNOPQRST" for b in "ABCDEFGHIJKLMNO"]


@pytest.fixture
def environment(environment) -> dict[str, str]:
    return environment | {"QUOTE_SERVER": f"127.0.0.1:{free_port()}", "QUOTES": "instant", "QUOTE_SEED": "1"}


@pytest.fixture
def quote_server(environment, wait_for) -> Iterator[tuple[str, int]]:
    host, port = environment["QUOTE_SERVER"].split(":")
    with running("quotecache.simulator", environment):
        wait_for(lambda: listening((host, int(port))), what="the simulator listens")
        yield host, int(port)


def heard_in_order(amqp_url: str) -> tuple[list, object]:
    """Receives audit entries and answers in one queue, so in the order in which the broker received them."""
    connection = open_connection(amqp_url, "both")
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    heard = []

    def on_message(_channel, method, _properties, body):
        if method.exchange == AUDIT_EXCHANGE:
            heard.extend(("logged", entry.symbol) for entry in decode_audit(body).entries)
        else:
            heard.extend(("told", answer.symbol) for answer in decode_prices(body).answers)

    for exchange in (AUDIT_EXCHANGE, PRICES_EXCHANGE):
        channel.queue_bind(queue, exchange)
    channel.basic_consume(queue, on_message, auto_ack=True)
    return heard, connection


OWNED = "SELECT 1 FROM partitions WHERE consumer_group = 'quotecache' AND owner IS NOT NULL"


def test_fifty_simultaneous_requests_for_a_symbol_make_one_fetch(environment, quote_server, amqp_url, wait_for):
    askers = [PriceClient(amqp_url) for _ in range(5)]
    for number in range(50):
        askers[number % 5].ask_raw("ABC", f"user{number}")
    with running("quotecache", environment):
        for asker in askers:
            wait_for(lambda asker=asker: asker.have("ABC"), what="everybody hears the price")
    assert len({asker.answer("ABC") for asker in askers}) == 1
    assert hits(quote_server, "ABC") == hits(quote_server) == 1
    for asker in askers:
        asker.connection.close()


def test_the_servers_counter_equals_the_rows_on_record_and_the_log(
    environment, quote_server, asker, database_url, wait_for
):
    with running("quotecache", environment):
        asker.ask(*SYMBOLS)
        asker.ask(*SYMBOLS)
        wait_for(lambda: asker.have(*SYMBOLS), what="300 prices")
        assert hits(quote_server) == len(SYMBOLS)
        ((fetches, priced),) = rows(database_url, "SELECT count(*), count(price_cents) FROM quote_fetches")
        assert (fetches, priced) == (len(SYMBOLS), len(SYMBOLS))
        ((logged,),) = rows(database_url, "SELECT audit_number FROM partitions WHERE consumer_group = 'quotecache'")
        assert logged == len(SYMBOLS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_buys_nothing_again(environment, quote_server, asker, wait_for, number):
    with running("quotecache", environment) as service:
        asker.ask("ABC", "XYZ")
        wait_for(lambda: asker.have("ABC", "XYZ"))
        first = asker.answer("ABC")
        assert ended(service, number) == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    asker.answers.clear()
    with running("quotecache", environment):
        asker.ask("ABC")
        assert wait_for(lambda: asker.answer("ABC"), what="the quote bought before") == first
    assert hits(quote_server) == 2


def test_a_paid_quote_is_logged_before_its_price_is_broadcast(environment, quote_server, amqp_url, asker, wait_for):
    heard, connection = heard_in_order(amqp_url)
    with running("quotecache", environment):
        asker.ask(*SYMBOLS[:50])
        wait_for(lambda: asker.have(*SYMBOLS[:50]))
        wait_for(lambda: connection.pump(0.01) or len(heard) >= 100, what="50 entries, 50 prices")
    for at, (kind, symbol) in enumerate(heard):
        assert kind == "logged" or ("logged", symbol) in heard[:at], symbol
    connection.close()


def test_a_listener_whose_queue_is_full_does_not_end_the_ownership(
    environment, quote_server, amqp_url, asker, database_url, wait_for
):
    connection = open_connection(amqp_url, "listener")
    channel = connection.channel()
    takes_nothing = {"x-max-length": 0, "x-overflow": "reject-publish"}
    queue = channel.queue_declare("", exclusive=True, arguments=takes_nothing).method.queue
    channel.queue_bind(queue, PRICES_EXCHANGE)
    with running("quotecache", environment):
        for symbol in ("ABC", "XYZ"):
            asker.ask(symbol)
            assert isinstance(wait_for(lambda symbol=symbol: asker.answer(symbol), what="the price"), Quote)
        assert rows(database_url, "SELECT epoch FROM partitions WHERE consumer_group = 'quotecache'") == [(1,)]
    assert hits(quote_server) == 2
    connection.close()


def test_a_price_is_broadcast_only_after_it_could_be_logged(
    environment, quote_server, amqp_url, asker, database_url, wait_for
):
    connection = open_connection(amqp_url, "tests")
    with running("quotecache", environment):
        wait_for(lambda: rows(database_url, OWNED), what="an owner")
        connection.channel().queue_delete(AUDIT_STREAM)
        asker.ask("ABC")
        wait_for(
            lambda: rows(database_url, "SELECT 1 FROM quote_fetches WHERE price_cents > 0"), what="a hit on record"
        )
        wait_for(lambda: asker.turn() or not rows(database_url, OWNED), what="it lets go")
        assert not asker.have("ABC")
        heard, both = heard_in_order(amqp_url)
        declare(connection)
        assert isinstance(wait_for(lambda: asker.answer("ABC"), what="the price in the end"), Quote)
        wait_for(lambda: both.pump(0.01) or len(heard) >= 2)
    assert heard[0][0] == "logged" and hits(quote_server) == 1
    both.close()
    connection.close()


def test_a_standby_takes_over_and_buys_nothing_again(environment, quote_server, asker, database_url, wait_for):
    another = environment | {"REPLICA": "another"}
    with running("quotecache", environment) as first:
        asker.ask("ABC")
        quote = wait_for(lambda: asker.answer("ABC"))
        with running("quotecache", another) as standby:
            wait_for(lambda: len(rows(database_url, "SELECT 1 FROM replicas")) == 2, what="a standby")
            ended(first, signal.SIGKILL)
            asker.answers.clear()
            asker.ask("ABC", "XYZ")
            wait_for(lambda: asker.have("ABC", "XYZ"), seconds=8, what="the standby answers")
            assert asker.answer("ABC") == quote
            assert hits(quote_server, "ABC") == hits(quote_server, "XYZ") == 1
            assert ended(standby) == 0
    assert rows(database_url, "SELECT owner FROM partitions WHERE consumer_group = 'quotecache'") == [(None,)]
    assert rows(database_url, "SELECT 1 FROM replicas WHERE replica LIKE 'another@%'") == []


def test_a_paused_owner_yields_to_its_successor(environment, quote_server, asker, database_url, wait_for):
    with running("quotecache", environment) as paused:
        asker.ask("ABC")
        wait_for(lambda: asker.have("ABC"))
        with running("quotecache", environment | {"REPLICA": "another"}):
            paused.send_signal(signal.SIGSTOP)
            wait_for(lambda: rows(database_url, "SELECT 1 FROM partitions WHERE owner LIKE 'another@%' AND epoch = 2"))
            paused.send_signal(signal.SIGCONT)
            asker.answers.clear()
            asker.ask("ABC", *SYMBOLS)
            wait_for(lambda: asker.have("ABC", *SYMBOLS), what="everything, from the new owner")
            assert hits(quote_server) == 1 + len(SYMBOLS)
            assert ended(paused) == 0
            assert rows(database_url, "SELECT owner FROM partitions WHERE epoch = 2") != [(None,)]


def test_a_lost_database_connection_is_survived(environment, quote_server, asker, database_url, wait_for):
    with running("quotecache", environment):
        asker.ask("ABC")
        quote = wait_for(lambda: asker.answer("ABC"))
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'one@%' AND datname = current_database()"
            )
        asker.answers.clear()
        asker.ask("ABC", "XYZ")
        wait_for(lambda: asker.have("ABC", "XYZ"), what="prices after the loss")
        assert asker.answer("ABC") == quote
    assert hits(quote_server) == 2


def test_undecodable_requests_are_dropped(environment, quote_server, asker, wait_for):
    with running("quotecache", environment):
        for symbol, user in (("ABCD", "jane"), ("A\nB", "jane"), ("", "jane"), ("ABC", "jane\nDEF,jane"), ("a", "x")):
            asker.ask_raw(symbol, user)
        asker.ask("ABC")
        wait_for(lambda: asker.have("ABC"))
    assert hits(quote_server) == 1


def test_the_log_of_a_hit_is_complete(environment, quote_server, amqp_url, asker, database_url, wait_for):
    connection = open_connection(amqp_url, "tests")
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, AUDIT_EXCHANGE)
    bodies = []
    channel.basic_consume(queue, lambda *message: bodies.append(message[3]), auto_ack=True)
    with running("quotecache", environment):
        asker.ask("ABC", user="john")
        quote = wait_for(lambda: asker.answer("ABC"))
        wait_for(lambda: connection.pump(0.01) or bodies)
    message = decode_audit(bodies[0])
    (entry,) = message.entries
    assert (message.source, message.first_number) == (QUOTECACHE_SOURCE, 1)
    assert (entry.kind, entry.user, entry.symbol) == (AuditKind.QUOTE_SERVER, "john", "ABC")
    assert (entry.transaction_number, entry.funds_cents) == (quote.cause_transaction_number, quote.price_cents)
    stored = rows(database_url, "SELECT quote_server_time, cryptokey, user_id, asked_at_ms FROM quote_fetches")
    assert stored == [(entry.quote_server_time, entry.cryptokey, "john", quote.asked_at_ms)]
    connection.close()
