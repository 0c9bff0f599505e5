"""Commands published again without a mark (spec §3, exactly once).

A copy has no effect, gets the answer of the first, and ends no session.
"""

import contextlib
import itertools
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest
from msgspec.structs import replace

from consumers.transactions.worker import TransactionWorker
from database import postgres
from rabbitmq.connection import open_connection
from rabbitmq.publisher import POSSIBLY_DUPLICATE, Outgoing, Publisher
from rabbitmq.subscription import QueueConsumer, ReplyQueue
from rabbitmq.topology import (
    COMMANDS_EXCHANGE,
    PRICE_REQUESTS_EXCHANGE,
    PRICE_REQUESTS_QUEUE,
    PRICES_EXCHANGE,
    command_stream,
)
from runtime.wall_clock import now_ms
from schema import codec
from schema.commands import NO_USER, PARTITIONS, VERSION, Command, CommandBatch, DumpMarker, FillBatch, partition_of
from schema.events import PriceMessage, Quote, Reply
from schema.outcomes import Outcome, Reason
from tests.builders import a_command, a_fill

Start = Callable[[], contextlib.AbstractContextManager]


class Customer:
    """Publishes commands, and waits for their outcomes."""

    def __init__(self, amqp_url: str, wait_for: Callable, lost: list[Exception]):
        self._lost = lost
        self.connection = open_connection(amqp_url, "customer")
        self._publisher = Publisher(self.connection)
        self._wait_for = wait_for
        self._replies: list[Reply] = []
        self._queue = ReplyQueue(self.connection, lambda body: self._replies.extend(codec.decode_replies(body).replies))

    def gives(self, *commands: Command, marked: bool = False) -> None:
        """Publishes these commands in one message."""
        batch = CommandBatch(VERSION, now_ms(), list(commands), self._queue.name)
        self.publishes(batch, partition_of(commands[0].user or NO_USER), marked)

    def publishes(self, message, partition: int, marked: bool = False) -> None:
        headers = {POSSIBLY_DUPLICATE: True} if marked else None
        self._publisher.publish(
            Outgoing(COMMANDS_EXCHANGE, command_stream(partition), codec.encode(message), headers=headers)
        )
        self._publisher.flush()

    def hears(self, count: int) -> list[Reply]:
        """Returns the next outcomes."""

        def enough() -> bool:
            assert not self._lost, self._lost
            self.connection.pump(0.01)
            return len(self._replies) >= count

        self._wait_for(enough, what=f"{count} replies")
        heard, self._replies[:] = self._replies[:], ()
        assert len(heard) == count
        return heard

    def tells_a_price(self, symbol: str, price_cents: int) -> None:
        body = codec.encode(PriceMessage(VERSION, [Quote(1, symbol, price_cents, now_ms(), 1, "eve")]))
        self._publisher.publish(Outgoing(PRICES_EXCHANGE, "", body))
        self._publisher.flush()


@pytest.fixture
def lost() -> list[Exception]:
    """Exceptions that ended a session; there must be none."""
    return []


@pytest.fixture
def customer(amqp_url, wait_for, lost) -> Iterator[Customer]:
    customer = Customer(amqp_url, wait_for, lost)
    yield customer
    customer.connection.close()


@pytest.fixture
def worker(amqp_url, database_url, lost) -> Start:
    """Starts a worker in place of the previous one; fails on exit if its session was lost."""

    @contextlib.contextmanager
    def start() -> Iterator[None]:
        stop = threading.Event()

        def work() -> None:
            broker = open_connection(amqp_url, "worker")
            try:
                with postgres.connect(database_url, "worker") as connection:
                    TransactionWorker(broker, connection, "worker", {}).run(stop.is_set)
            except Exception as error:  # the test reports any exception
                lost.append(error)
            finally:
                broker.close()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        assert not lost, lost

    return start


@pytest.fixture
def history(database_url) -> Iterator[Callable[[str], list[tuple]]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield lambda user: connection.execute(
            "SELECT command, outcome FROM history WHERE user_id = %s ORDER BY seq", (user,)
        ).fetchall()


def test_a_copy_has_no_effect_and_gets_the_answer_of_the_first(worker, customer, history):
    """Copies come in the same message, in the same batch, later, and after newer commands; some are marked."""
    first, newer = a_command("ADD", 500), a_command("ADD", 700)
    customer.gives(first, first)
    customer.gives(first)
    with worker():
        answer, *repeated = customer.hears(3)
        assert (answer.command_id, answer.outcome, answer.seq) == (first.command_id, Outcome.DONE, 1)
        customer.gives(newer)
        customer.hears(1)
        for marked in (False, True):
            customer.gives(first, marked=marked)
            repeated += customer.hears(1)
    assert repeated == [answer] * 4
    assert len(history("ann")) == 2


def test_a_copy_of_a_rejected_command_gets_the_same_reason_even_if_it_could_be_done_now(worker, customer, history):
    too_much = a_command("SET_BUY_AMOUNT", 500)
    with worker():
        customer.gives(too_much)
        (answer,) = customer.hears(1)
        assert (answer.outcome, answer.reason) == (Outcome.REJECTED, Reason.NO_ACCOUNT)
        customer.gives(a_command("ADD", 900))
        customer.hears(1)
        customer.gives(too_much)
        assert customer.hears(1) == [answer]
    assert [name for name, _ in history("ann")] == ["SET_BUY_AMOUNT", "ADD"]


def test_a_copy_that_comes_while_the_first_waits_for_a_quote_gets_the_same_answer_and_no_effect(
    worker, customer, history, wait_for
):
    asked: list[bytes] = []
    QueueConsumer(customer.connection, PRICE_REQUESTS_QUEUE, PRICE_REQUESTS_EXCHANGE, asked.append)
    neighbour = next(name for n in itertools.count() if partition_of(name := f"user{n}") == partition_of("ann"))
    buy, behind = a_command("BUY", 500), a_command("ADD", 1, user=neighbour)
    with worker():
        customer.gives(a_command("ADD", 900), buy)
        customer.hears(1)
        customer.gives(buy)
        customer.gives(buy, buy)
        wait_for(lambda: customer.connection.pump(0.01) or asked, what="it asks for the quote")
        customer.gives(behind)
        customer.hears(1)  # then the copies have been taken as well
        customer.tells_a_price("ABC", 100)
        answers = customer.hears(4)
    assert (answers[0].command_id, answers[0].outcome, answers[0].price_cents) == (buy.command_id, Outcome.DONE, 100)
    assert answers == [answers[0]] * 4
    assert [name for name, _ in history("ann")] == ["ADD", "BUY"]


def test_a_copy_of_an_earlier_owners_command_is_recognised_with_any_kind_of_ids(worker, customer, history):
    """The first owner executes the commands. Later owners read the copies, some of them after newer commands."""
    old, newer = a_command("ADD", 500), a_command("ADD", 600)
    drawn = [replace(a_command("ADD", 1), command_id=bytes([n]) * 16) for n in (200, 100)]
    with worker():
        customer.gives(old, *drawn)
        answers = customer.hears(3)
    with worker():
        customer.gives(old, *drawn)
        assert customer.hears(3) == answers
        customer.gives(newer, old)
        assert customer.hears(2)[1] == answers[0]
    with worker():
        customer.gives(newer)
        customer.gives(drawn[1])
        assert customer.hears(2)[1] == answers[2]
    assert len(history("ann")) == 4


def test_a_copy_of_a_dumplog_or_a_fill_has_no_effect(worker, customer, history, database_url, wait_for):
    own, whole = a_command("DUMPLOG"), a_command("DUMPLOG", user=None)
    setting = [a_command("ADD", 900), a_command("SET_BUY_AMOUNT", 500), a_command("SET_BUY_TRIGGER", 100)]
    fill = FillBatch(VERSION, now_ms(), [a_fill(90, version=3, asked_at_ms=now_ms())])
    marker = DumpMarker(VERSION, now_ms(), whole)
    with worker():
        customer.gives(*setting)
        customer.hears(3)
        for _ in range(2):
            customer.gives(own)
            customer.publishes(fill, partition_of("ann"))
            for partition in range(PARTITIONS):
                customer.publishes(marker, partition)
        answer, again = customer.hears(2)
        assert answer == again
        customer.gives(replace(a_command("ADD", 1, user=None), user=None, defect=Reason.BAD_ARGUMENTS))
        customer.hears(1)
    assert [name for name, _ in history("ann")][3:] == ["DUMPLOG", "SET_BUY_TRIGGER"]
    assert [name for name, _ in history(NO_USER)] == ["DUMPLOG", "ADD"]
