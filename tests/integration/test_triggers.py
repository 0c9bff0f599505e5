"""Trigger workers as processes: they request fills, share the symbols, and take over those of a dead worker.

The tests stand in for the rest of the system: they store and announce trigger orders, broadcast prices, and read the
command logs.
"""

import contextlib
import signal
from collections.abc import Iterator

import psycopg
import pytest

from consumers.triggers.worker import TriggerWorker
from database.postgres import connect
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_consumer import StreamConsumer
from rabbitmq.subscription import QueueConsumer
from rabbitmq.topology import (
    PRICE_REQUESTS_EXCHANGE,
    PRICE_REQUESTS_QUEUE,
    PRICES_EXCHANGE,
    TRIGGERS_EXCHANGE,
    command_stream,
    trigger_key,
)
from schema.codec import decode_log, decode_request, encode
from schema.commands import PARTITIONS, VERSION, Fill
from schema.errors import Unroutable
from schema.events import (
    TRIGGER_PARTITIONS,
    PriceMessage,
    PriceRequest,
    Quote,
    TriggerChange,
    TriggerMessage,
    trigger_partition_of,
)
from schema.outcomes import Side
from tests.integration.quotecache_processes import ended, now_ms, rows, running

SYMBOLS = ("A", "B", "C", "D", "E", "F", "G", "H", "I", "J")


class Counterparts:
    """Counterparts of a trigger worker: the owners of accounts, the quote cache, the command logs."""

    def __init__(self, amqp_url: str, database_url: str):
        self.connection = open_connection(amqp_url, "counterparts")
        self.publisher = Publisher(self.connection)
        self.requests: list[PriceRequest] = []
        self.fills: list[Fill] = []
        self._database_url = database_url
        self._quote_id = 0
        QueueConsumer(
            self.connection,
            PRICE_REQUESTS_QUEUE,
            PRICE_REQUESTS_EXCHANGE,
            lambda body: self.requests.append(decode_request(body)),
        )
        for partition in range(PARTITIONS):
            StreamConsumer(self.connection, command_stream(partition), 0, 1_000, self._on_log)

    def store(self, *orders: TriggerChange) -> None:
        with psycopg.connect(self._database_url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO trigger_orders VALUES (%s, %s, %s, %s, %s, %s, 0, %s, %s)",
                [
                    (o.user, o.symbol, o.side, o.reserved_cents, o.trigger_cents, o.reserved_cents, o.version, 7)
                    for o in orders
                ],
            )

    def announce(self, *changes: TriggerChange) -> None:
        """Announces changes that a test has stored before: a worker that takes over reads them in the database."""
        for change in changes:
            key, body = trigger_key(trigger_partition_of(change.symbol)), encode(TriggerMessage(VERSION, [change]))
            self.publisher.publish(Outgoing(TRIGGERS_EXCHANGE, key, body, mandatory=False))
        self.publisher.flush()

    def tell(self, symbol: str, price_cents: int, age_ms: int = 0) -> Quote:
        self._quote_id += 1
        quote = Quote(self._quote_id, symbol, price_cents, now_ms() - age_ms, 1, "eve")
        body = encode(PriceMessage(VERSION, [quote]))
        self.publisher.publish(Outgoing(PRICES_EXCHANGE, "", body, mandatory=False))
        self.publisher.flush()
        return quote

    def turn(self) -> None:
        self.connection.pump(0.01)

    def asked(self) -> set[str]:
        self.turn()
        return {request.symbol for request in self.requests}

    def filled(self) -> list[str]:
        """Returns the user of each fill in the command logs. A fill that was sent twice counts once."""
        self.turn()
        return sorted({fill.command_id: fill.user for fill in self.fills}.values())

    def owners(self) -> list[str]:
        """Returns the owner of each owned trigger partition."""
        query = "SELECT owner FROM partitions WHERE consumer_group = 'triggers' AND lease_until > clock_timestamp()"
        return [owner.split("@")[0] for (owner,) in rows(self._database_url, query)]

    def take_away(self, partition: int) -> None:
        """Takes a trigger partition from its owner, as another replica does that then dies at once."""
        with psycopg.connect(self._database_url, autocommit=True) as connection:
            connection.execute(
                "UPDATE partitions SET owner = 'two', epoch = epoch + 1, lease_until = clock_timestamp()"
                " WHERE consumer_group = 'triggers' AND partition = %s",
                (partition,),
            )

    def is_listened_to(self) -> bool:
        """Whether queues for all symbols are bound: an owner binds its queue after it has claimed the symbols."""
        publisher = Publisher(self.connection)
        try:
            for n in range(TRIGGER_PARTITIONS):
                publisher.publish(Outgoing(TRIGGERS_EXCHANGE, trigger_key(n), encode(TriggerMessage(VERSION, []))))
            publisher.flush()
        except Unroutable:
            return False
        return True

    def _on_log(self, delivery) -> None:
        self.fills += decode_log(delivery.body).fills


@pytest.fixture
def counterparts(amqp_url, database_url) -> Iterator[Counterparts]:
    counterparts = Counterparts(amqp_url, database_url)
    yield counterparts
    counterparts.connection.close()


@pytest.fixture
def environment(amqp_url, database_url) -> dict[str, str]:
    return {"AMQP_URL": amqp_url, "DATABASE_URL": database_url, "REPLICA": "one"}


def buy(user: str, symbol: str = "A", trigger: int = 300, version: int = 1) -> TriggerChange:
    return TriggerChange(user, symbol, Side.BUY, version, trigger, 1_000, 0, 7)


def gone(user: str, symbol: str = "A", version: int = 2) -> TriggerChange:
    return TriggerChange(user, symbol, Side.BUY, version, None, 0, 0, 7)


def all_owned(counterparts: Counterparts, *names: str) -> bool:
    owners = counterparts.owners()
    return len(owners) == TRIGGER_PARTITIONS and set(owners) == set(names) and counterparts.is_listened_to()


def test_armed_symbols_are_requested_and_satisfied_orders_are_filled(counterparts, environment, wait_for):
    counterparts.store(buy("ann"), buy("bob", trigger=200), buy("eve", "B"))
    with running("consumers.triggers", environment):
        wait_for(lambda: counterparts.asked() == {"A", "B"}, what="both symbols requested")
        assert all(request.for_trigger for request in counterparts.requests)
        quote = counterparts.tell("A", 250)
        wait_for(lambda: counterparts.filled() == ["ann"], what="the fill")
        (fill,) = counterparts.fills
        assert (fill.price_cents, fill.quote_id, fill.asked_at_ms) == (250, quote.quote_id, quote.asked_at_ms)
        counterparts.tell("A", 190)
        wait_for(
            lambda: counterparts.filled() == ["ann", "ann", "bob"],
            what="the next quote fills again the order whose fill was void",
        )


def test_changes_are_applied_and_an_order_armed_at_a_satisfying_price_is_filled_at_once(
    counterparts, environment, wait_for
):
    with running("consumers.triggers", environment):
        wait_for(lambda: all_owned(counterparts, "one"), what="all symbols owned")
        counterparts.store(buy("ann"))
        counterparts.announce(buy("ann"), buy("bob"), gone("bob"), buy("joe", "B"))
        wait_for(
            lambda: counterparts.asked() == {"A", "B"}, what="the last change is received, and so are all before it"
        )
        counterparts.tell("A", 250)
        wait_for(
            lambda: counterparts.filled() == ["ann"],
            what=lambda: f"heard {counterparts.requests}, {counterparts.fills}",
        )
        counterparts.store(buy("eve"))
        counterparts.announce(buy("eve"))
        wait_for(lambda: counterparts.filled() == ["ann", "eve"])
    assert [request.symbol for request in counterparts.requests].count("A") == 1, (
        "a symbol with a usable quote is not requested again"
    )


def test_undecodable_changes_are_skipped(counterparts, environment, wait_for):
    with running("consumers.triggers", environment):
        wait_for(lambda: all_owned(counterparts, "one"))
        garbage = Outgoing(TRIGGERS_EXCHANGE, trigger_key(trigger_partition_of("A")), b"\xc1", mandatory=False)
        counterparts.publisher.publish(garbage)
        counterparts.announce(buy("ann"))
        wait_for(lambda: counterparts.asked() == {"A"}, what="the change after it is received")


def test_a_symbol_is_requested_when_its_quote_expires_and_not_before(counterparts, environment, wait_for):
    with running("consumers.triggers", environment):
        wait_for(lambda: all_owned(counterparts, "one"))
        counterparts.announce(buy("joe", "B"))
        wait_for(lambda: counterparts.asked() == {"B"})
        quote = counterparts.tell("A", 400, age_ms=55_000)
        counterparts.tell("B", 250)
        wait_for(lambda: counterparts.filled() == ["joe"], what="the later price is received, and so is the one before")
        counterparts.store(buy("ann"))
        counterparts.announce(buy("ann"))
        wait_for(lambda: counterparts.asked() == {"A", "B"}, what="the refresh")
        assert now_ms() >= quote.asked_at_ms + 60_000
        counterparts.tell("A", 290)
        wait_for(lambda: counterparts.filled() == ["ann", "joe"])


def test_replicas_share_the_symbols_and_take_over_those_of_a_dead_one(counterparts, environment, wait_for):
    counterparts.store(*(buy(f"user{symbol}", symbol) for symbol in SYMBOLS))
    two = environment | {"REPLICA": "two"}
    with running("consumers.triggers", environment) as one, running("consumers.triggers", two):
        wait_for(lambda: all_owned(counterparts, "one", "two"), what="both own symbols")
        wait_for(lambda: counterparts.asked() == set(SYMBOLS))
        for symbol in SYMBOLS[:5]:
            counterparts.tell(symbol, 250)
        wait_for(lambda: counterparts.filled() == [f"user{symbol}" for symbol in SYMBOLS[:5]])
        ended(one, signal.SIGKILL)
        wait_for(lambda: all_owned(counterparts, "two"), what="the takeover")
        for symbol in SYMBOLS[5:]:
            counterparts.tell(symbol, 250)
        wait_for(lambda: set(counterparts.filled()) == {f"user{symbol}" for symbol in SYMBOLS}, what="all are filled")


def test_changes_from_before_a_loss_are_not_received_when_the_partition_is_gained_again(
    counterparts, amqp_url, database_url, wait_for
):
    """An order that was cancelled while another worker owned its symbol would be armed again, and its prices bought."""
    broker = open_connection(amqp_url, "one")
    with contextlib.closing(broker), connect(database_url, "one") as database:
        worker = TriggerWorker(broker, database, "one")

        def owns_all() -> bool:
            worker.tick()
            return counterparts.owners() == ["one"] * TRIGGER_PARTITIONS

        wait_for(owns_all, what="all symbols owned")
        counterparts.announce(buy("ann"))  # it waits in the worker's queue: the worker does not pump
        counterparts.take_away(trigger_partition_of("A"))
        wait_for(owns_all, what="the symbols are owned again")
        counterparts.announce(buy("joe", "B"))

        def asked() -> set[str]:
            worker.tick()
            broker.pump(0.01)
            worker.turn()
            return counterparts.asked()

        wait_for(asked, what="the change after it is received")
        assert counterparts.asked() == {"B"}


def test_a_restarted_worker_fills_orders_that_it_may_have_missed(counterparts, environment, wait_for):
    counterparts.store(*(buy(f"user{n}") for n in range(3)))
    with running("consumers.triggers", environment | {"FAULT_POINT": "before-fill:1"}) as first:
        wait_for(lambda: counterparts.asked() == {"A"})
        counterparts.tell("A", 250)
        assert first.wait(20) == -signal.SIGKILL, "the worker dies before it sends the fills"
    counterparts.requests.clear()
    with running("consumers.triggers", environment):
        wait_for(lambda: counterparts.asked() == {"A"}, what="the new worker requests a quote, because it knows none")
        counterparts.tell("A", 250)
        wait_for(lambda: counterparts.filled() == ["user0", "user1", "user2"])
