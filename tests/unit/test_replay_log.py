"""A partition's log as replay reads it: whose messages count."""

from consumers.transactions.replay.log import read_log
from rabbitmq.roles import BrokerRole, sender_of
from rabbitmq.stream_consumer import Delivery
from schema.codec import encode
from schema.commands import VERSION, CommandBatch, partition_of
from tests.builders import a_command


def undecodable_of(*users: str | None) -> int:
    """Reads messages of these users, in this order, as the operator does; returns how many do not count."""
    bodies = [encode(CommandBatch(VERSION, 1, [a_command("ADD", 5, number=n)])) for n in range(1, len(users) + 1)]
    deliveries = [
        Delivery(offset, body, False, offset, sender_of(BrokerRole.OPERATOR, user))
        for offset, (body, user) in enumerate(zip(bodies, users, strict=True))
    ]
    return read_log(partition_of("ann"), deliveries).undecodable


def test_messages_from_before_publishers_gave_their_names_count_like_those_of_any_role() -> None:
    assert undecodable_of(None, None, BrokerRole.WEB) == 0
    assert undecodable_of(None) == 0


def test_a_message_without_a_name_after_one_with_a_name_is_forged() -> None:
    assert undecodable_of(BrokerRole.WEB, None) == 1
    assert undecodable_of(None, BrokerRole.TRIGGERS, None) == 2
