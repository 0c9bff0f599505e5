"""Fixtures of the integration tests: a finished run, a relay before the broker, and the quote cache's surroundings."""

import os
from collections.abc import Callable, Iterator

import pytest

from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from rabbitmq.topology import AUDIT_EXCHANGE
from schema.codec import decode_audit
from schema.events import AuditEntry
from tests.integration import finished_run
from tests.integration.broker import Relay
from tests.integration.finished_run import FinishedRun
from tests.integration.quotecache_processes import PriceClient
from tests.restored_database import RestoredDatabase


@pytest.fixture(scope="session")
def finished(_template, tmp_path_factory) -> Iterator[FinishedRun]:
    """The small workload, run to its end by real processes that have stopped since."""
    administration, template = _template
    amqp_url = os.environ["AMQP_URL"]
    connection = open_connection(amqp_url, "tests")
    declare(connection, fresh=True)
    connection.close()
    name = f"{template}_finished"
    with finished_run.database(administration, name, template) as url:
        dump = finished_run.run(amqp_url, url, tmp_path_factory.mktemp("finished"))
        copy = RestoredDatabase(administration, name, f"{name}_copy")
        yield FinishedRun(copy, dump)
        copy.drop()


@pytest.fixture
def relay(amqp_url) -> Iterator[Relay]:
    relay = Relay(amqp_url)
    yield relay
    relay.close()


@pytest.fixture
def environment(amqp_url, database_url) -> dict[str, str]:
    """Environment of a quote cache; each test adds its quote server."""
    return {"AMQP_URL": amqp_url, "DATABASE_URL": database_url, "REPLICA": "one"}


@pytest.fixture
def asker(amqp_url) -> Iterator[PriceClient]:
    asker = PriceClient(amqp_url)
    yield asker
    asker.connection.close()


@pytest.fixture
def audit(amqp_url) -> Iterator[Callable[[], list[AuditEntry]]]:
    """Returns what the quote cache has logged so far, by number; a second copy of a number replaces the first."""
    connection = open_connection(amqp_url, "audit")
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, AUDIT_EXCHANGE)
    logged = {}

    def on_message(_channel, _method, _properties, body):
        message = decode_audit(body)
        logged.update(enumerate(message.entries, message.first_number))

    def so_far() -> list[AuditEntry]:
        connection.pump(0.01)
        assert sorted(logged) == list(range(1, len(logged) + 1)), "its numbers have no gap"
        return [logged[number] for number in sorted(logged)]

    channel.basic_consume(queue, on_message, auto_ack=True)
    yield so_far
    connection.close()
