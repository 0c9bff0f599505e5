"""Contents of the streams after a round, read from RabbitMQ: evidence that is independent of the database."""

import time
from collections import Counter
from dataclasses import dataclass, field

from rabbitmq.connection import Connection, open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_consumer import Delivery, StreamConsumer
from rabbitmq.topology import AUDIT_EXCHANGE, AUDIT_STREAM, COMMANDS_EXCHANGE, command_stream
from schema import codec
from schema.commands import PARTITIONS, CommandBatch
from schema.errors import DecodeError
from tests.chaos.database_view import APPLICATION

END = b"the end of a round of chaos"
SECONDS_MAX = 30.0
PREFETCH = 1_000


@dataclass
class Evidence:
    """Evidence from the streams. `invalid`: (stream, offset) → body of each invalid message that the prober sent.

    `unreadable`: undecodable messages that the prober did not send. `copies`: number of copies of each command in the
    streams. `entry_copies`: number of copies of each audit entry, by (source, number).
    """

    invalid: dict[tuple[str, int], bytes] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    copies: Counter = field(default_factory=Counter)
    entry_copies: Counter = field(default_factory=Counter)

    @property
    def commands_repeated(self) -> int:
        return sum(count - 1 for count in self.copies.values())

    @property
    def entries_repeated(self) -> int:
        return sum(count - 1 for count in self.entry_copies.values())


def gather(amqp_url: str, invalid: set[bytes]) -> Evidence:
    """Reads all streams, after every process has ended. `invalid`: bodies of the invalid messages that were sent."""
    evidence = Evidence()
    connection = open_connection(amqp_url, APPLICATION)
    publisher = Publisher(connection)
    for stream in (*map(command_stream, range(PARTITIONS)), AUDIT_STREAM):
        publisher.publish(Outgoing(AUDIT_EXCHANGE if stream == AUDIT_STREAM else COMMANDS_EXCHANGE, stream, END))
        publisher.flush()
        for delivery in _read(connection, stream):
            if delivery.body in invalid:
                evidence.invalid[stream, delivery.offset] = delivery.body
            else:
                _count(evidence, stream, delivery)
    connection.close()
    return evidence


def _read(connection: Connection, stream: str) -> list[Delivery]:
    deliveries: list[Delivery] = []
    consumer = StreamConsumer(connection, stream, 0, PREFETCH, deliveries.append)
    acknowledged = 0
    deadline = time.monotonic() + SECONDS_MAX
    while not deliveries or deliveries[-1].body != END:
        assert time.monotonic() < deadline, f"the end of {stream} does not come"
        connection.pump(0.1)
        consumer.acknowledge(delivery.tag for delivery in deliveries[acknowledged:])
        acknowledged = len(deliveries)
    consumer.close()
    return deliveries[:-1]


def _count(evidence: Evidence, stream: str, delivery: Delivery) -> None:
    try:
        if stream == AUDIT_STREAM:
            message = codec.decode_audit(delivery.body)
            numbers = range(message.first_number, message.first_number + len(message.entries))
            evidence.entry_copies.update((message.source, number) for number in numbers)
        else:
            message = codec.decode_log(delivery.body)
            if isinstance(message, CommandBatch):
                evidence.copies.update(command.command_id for command in message.commands)
    except DecodeError as error:
        evidence.unreadable.append(f"{stream}/{delivery.offset}: {error}")
