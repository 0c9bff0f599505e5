"""The command publisher on a real broker: batches, markers, and every user's order across a lost connection."""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial

import pytest

from producers.command_publisher import CommandPublisher
from rabbitmq.connection import open_connection
from rabbitmq.stream_consumer import Delivery, StreamConsumer
from rabbitmq.topology import command_stream
from schema.arguments import make_command
from schema.codec import decode_log
from schema.commands import (
    NO_USER,
    PARTITIONS,
    Command,
    CommandBatch,
    CommandName,
    DumpMarker,
    command_id,
    partition_of,
)
from schema.errors import BrokerError, Unroutable
from tests.integration.broker import declare_again, delete_stream

SOURCE = 7


class Logs:
    """Contents of the command logs so far."""

    def __init__(self, url: str):
        self._connection = open_connection(url, "reader")
        self.deliveries: dict[int, list[Delivery]] = defaultdict(list)
        for number in range(PARTITIONS):
            StreamConsumer(self._connection, command_stream(number), 0, 10_000, self.deliveries[number].append)

    def pump(self) -> None:
        self._connection.pump(0)

    def close(self) -> None:
        self._connection.close()

    def commands(self, number: int) -> list[Command]:
        """Returns the commands of a partition in order, each once. Asserts that repetitions are marked."""
        seen: dict[bytes, Command] = {}
        for delivery in self.deliveries[number]:
            message = decode_log(delivery.body)
            if isinstance(message, CommandBatch):
                for command in message.commands:
                    assert command.command_id not in seen or delivery.possibly_duplicate
                    seen.setdefault(command.command_id, command)
        return list(seen.values())

    def count(self) -> int:
        self.pump()
        return sum(len(self.commands(number)) for number in range(PARTITIONS))


@pytest.fixture
def logs(amqp_url) -> Iterator[Logs]:
    logs = Logs(amqp_url)
    yield logs
    logs.close()


@pytest.fixture
def publisher(amqp_url, relay) -> Iterator[CommandPublisher]:
    """Publisher connected through the relay."""
    publisher = CommandPublisher(partial(open_connection, relay.url, "test", 2.0), patience_seconds=2.0)
    yield publisher
    publisher.close()


def _command(number: int, name: CommandName = CommandName.ADD, *arguments: str) -> Command:
    return make_command(command_id(SOURCE, number), number, name, list(arguments or (f"user{number % 37}", "1.00")))


def _commands(first: int, last: int) -> list[Command]:
    return [_command(number) for number in range(first, last + 1)]


def _assert_in_order(logs: Logs, commands: list[Command]) -> None:
    for number in range(PARTITIONS):
        assert logs.commands(number) == [c for c in commands if partition_of(c.key) == number]


def test_commands_arrive_in_order_in_their_users_partition(publisher, logs, wait_for):
    commands = _commands(1, 5_000)
    for command in commands:
        publisher.publish(command)
    publisher.flush()
    wait_for(lambda: logs.count() == 5_000)
    _assert_in_order(logs, commands)
    assert publisher.published == 5_000
    assert not any(delivery.possibly_duplicate for log in logs.deliveries.values() for delivery in log)


def test_one_command_is_published_at_once(publisher, logs, wait_for):
    publisher.publish_at_once(_command(1))
    wait_for(lambda: logs.count() == 1)


def test_a_lone_command_does_not_linger(publisher, logs, wait_for):
    publisher.publish(_command(1))

    def arrived() -> bool:
        publisher.pump()
        return logs.count() == 1

    wait_for(arrived)


def test_a_root_dumplog_follows_all_earlier_commands_in_every_partition(publisher, logs, wait_for):
    for command in _commands(1, 500):
        publisher.publish(command)
    publisher.publish(_command(501, CommandName.DUMPLOG, "./testLOG"))
    for command in _commands(502, 600):
        publisher.publish(command)
    publisher.flush()
    wait_for(lambda: logs.count() == 599)
    for log in logs.deliveries.values():
        messages = [decode_log(delivery.body) for delivery in log]
        (place,) = (n for n, message in enumerate(messages) if isinstance(message, DumpMarker))
        assert messages[place].command.transaction_number == 501
        assert all(c.transaction_number < 501 for batch in messages[:place] for c in batch.commands)
        assert all(c.transaction_number > 501 for batch in messages[place + 1 :] for c in batch.commands)


@pytest.mark.parametrize("arguments", [(CommandName.DUMPLOG, ""), (CommandName.BUY, "not a user", "S", "1.00")])
def test_a_defective_dumplog_without_a_user_is_no_marker(publisher, logs, wait_for, arguments):
    command = _command(1, *arguments)
    publisher.publish_at_once(command)
    wait_for(lambda: logs.count() == 1)
    assert logs.commands(partition_of(NO_USER)) == [command]


def test_order_is_kept_and_repetitions_are_marked_when_the_connection_is_lost(publisher, relay, logs, wait_for):
    """Everything after the first flush reaches the broker, but no confirm returns before the connection is cut."""
    commands = _commands(1, 9_000)
    for command in commands[:1_000]:
        publisher.publish(command)
    publisher.flush()
    relay.mute = True
    for command in commands[1_000:5_000]:
        publisher.publish(command)
    wait_for(lambda: publisher.pump() or logs.count() >= 3_000)
    relay.mute = False
    relay.cut()
    for command in commands[5_000:]:
        publisher.publish(command)
    publisher.flush()
    wait_for(lambda: logs.count() == 9_000)
    _assert_in_order(logs, commands)
    marked = [delivery for log in logs.deliveries.values() for delivery in log if delivery.possibly_duplicate]
    assert sum(len(decode_log(delivery.body).commands) for delivery in marked) >= 2_000


def test_losing_the_connection_again_and_again_loses_nothing(publisher, relay, logs, wait_for):
    commands = _commands(1, 6_000)
    for command in commands:
        if command.transaction_number % 1_500 == 0:
            relay.cut()
        publisher.publish(command)
    relay.cut()
    publisher.flush()
    wait_for(lambda: logs.count() == 6_000)
    _assert_in_order(logs, commands)


def test_a_returned_command_is_not_forgotten_when_the_connection_is_lost(publisher, relay, amqp_url, wait_for):
    """The broker returned and confirmed the command, so it counts neither as unconfirmed nor as published."""
    command = _command(1)
    delete_stream(amqp_url, partition_of(command.key))
    publisher.publish(command)
    wait_for(lambda: publisher.pump(0.01) or (publisher.messages.count(1) and not publisher._publisher.waiting))
    declare_again(amqp_url)
    relay.cut()
    with pytest.raises(Unroutable):
        publisher.flush()


def test_a_broker_that_does_not_know_its_streams_yet_is_waited_for(amqp_url):
    delete_stream(amqp_url, 0)
    attempts = []

    def connect():
        attempts.append(1)
        if len(attempts) == 2:
            declare_again(amqp_url)
        return open_connection(amqp_url, "test")

    publisher = CommandPublisher(connect)
    publisher.publish_at_once(_command(1))
    publisher.close()
    assert len(attempts) == 2


def test_a_broker_gets_unconfirmed_commands_after_several_failed_attempts(relay, logs, wait_for):
    away = iter([False, True, True, False])

    def connect():
        if next(away):
            raise BrokerError("nobody is there")
        return open_connection(relay.url, "test")

    publisher = CommandPublisher(connect)
    relay.cut()
    publisher.publish_at_once(_command(1))
    publisher.close()
    wait_for(lambda: logs.count() == 1)


def test_a_broker_that_stays_away_is_given_up(publisher, relay):
    relay.close()
    with pytest.raises(BrokerError):
        publisher.publish_at_once(_command(1))


def test_unconfirmed_commands_are_not_forgotten_when_the_publisher_gives_up(relay, logs, wait_for):
    """After the error `flush` promises the same as before: it returns only when everything is confirmed."""
    publisher = CommandPublisher(partial(open_connection, relay.url, "test", 2.0), patience_seconds=1.0)
    commands = _commands(1, 3_000)
    relay.mute = True
    for command in commands[:2_000]:
        publisher.publish(command)
    relay.bytes_max = 10_000  # enough to look at the streams and to repeat a part of what was lost
    relay.cut()
    relay.mute = False
    with pytest.raises(BrokerError):
        publisher.flush()
    relay.bytes_max = None
    for command in commands[2_000:]:
        publisher.publish(command)
    publisher.flush()
    publisher.close()
    wait_for(lambda: logs.count() == len(commands))
    _assert_in_order(logs, commands)
