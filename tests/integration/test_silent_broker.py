"""Requests to a broker that does not answer, as one of a cluster does for a queue on a dead node: each ends in time."""

import time
from collections.abc import Callable, Iterator

import pytest

from rabbitmq import connection as broker_connection
from rabbitmq import declare
from rabbitmq.connection import Connection, open_connection
from rabbitmq.lengths import newest_offsets, oldest_offset, queue_length
from rabbitmq.publisher import Publisher
from rabbitmq.stream_consumer import StreamConsumer
from rabbitmq.subscription import QueueConsumer, ReplyQueue, Subscription
from rabbitmq.topology import ACCOUNTS_EXCHANGE, PRICE_REQUESTS_EXCHANGE, PRICE_REQUESTS_QUEUE, command_stream
from schema.errors import BrokerError
from tests.integration.broker import Relay, delete_stream
from tests.integration.quotecache_processes import rows, running

LOG = command_stream(0)


@pytest.fixture
def relay(amqp_url, monkeypatch) -> Iterator[Relay]:
    for module, limit in (
        (broker_connection, "ANSWER_SECONDS_MAX"),
        (broker_connection, "CLOSE_SECONDS_MAX"),
        (declare, "SECONDS_MAX"),
    ):
        monkeypatch.setattr(module, limit, 0.2)
    relay = Relay(amqp_url)
    yield relay
    relay.close()


REQUESTS: dict[str, Callable[[Connection], object]] = {
    "channel": lambda broker: broker.channel(),
    "require": lambda broker: broker.require_queues([LOG]),
    "declare": declare.declare,
    "remove": declare.remove,
    "publisher": Publisher,
    "stream": lambda broker: StreamConsumer(broker, LOG, 0, 1, print),
    "newest": lambda broker: newest_offsets(broker, [LOG]),
    "oldest": lambda broker: oldest_offset(broker, LOG),
    "length": lambda broker: queue_length(broker, PRICE_REQUESTS_QUEUE),
    "subscription": lambda broker: Subscription(broker, ACCOUNTS_EXCHANGE, ["00"], print),
    "replies": lambda broker: ReplyQueue(broker, print),
    "queue": lambda broker: QueueConsumer(broker, PRICE_REQUESTS_QUEUE, PRICE_REQUESTS_EXCHANGE, print),
}


@pytest.mark.parametrize("channel_is_open", [False, True])
@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_request_without_an_answer_ends_in_time_and_loses_the_connection(
    relay, monkeypatch, request_name, channel_is_open
) -> None:
    connection = open_connection(relay.url, "tests")
    if channel_is_open:  # then the request itself is what nobody answers
        channel = connection.channel()
        monkeypatch.setattr(connection, "channel", lambda: channel)
    relay.mute = True
    began = time.monotonic()
    if channel_is_open and request_name == "channel":
        connection.close()
    else:
        with pytest.raises(BrokerError, match="did not answer a request"):
            REQUESTS[request_name](connection)
        with pytest.raises(BrokerError, match="closed"):
            connection.pump(0)
        connection.close()
    assert time.monotonic() - began < 5


def test_a_subscription_and_a_consumer_end_in_time_too(relay) -> None:
    connection = open_connection(relay.url, "tests")
    subscription = Subscription(connection, ACCOUNTS_EXCHANGE, [], print)
    relay.mute = True
    began = time.monotonic()
    with pytest.raises(BrokerError, match="did not answer"):
        subscription.bind("00")
    subscription.close()
    connection.close()
    assert time.monotonic() - began < 5


def test_a_process_begins_although_a_queue_that_it_does_not_use_is_away(
    amqp_url, database_url, environment, wait_for
) -> None:
    delete_stream(amqp_url, 0)
    owner = "SELECT owner FROM partitions WHERE consumer_group = 'audit' AND owner IS NOT NULL"
    with running("consumers.audit", environment):
        wait_for(lambda: rows(database_url, owner), what="the audit worker owns the log")


def test_an_answer_in_time_leaves_no_limit_behind(relay) -> None:
    connection = open_connection(relay.url, "tests")
    connection.require_queues([LOG])
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        connection.pump(0.1)
    connection.require_queues([LOG])
    connection.close()
