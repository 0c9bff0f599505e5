"""Messages that no reader can decode, or that no reader may obey, published among the valid ones."""

import random
from collections.abc import Callable

from rabbitmq.connection import Connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.topology import AUDIT_EXCHANGE, COMMANDS_EXCHANGE, command_stream
from schema.codec import encode
from schema.commands import PARTITIONS, VERSION, Command, CommandBatch, CommandName, DumpMarker, partition_of
from schema.errors import BrokerError
from schema.events import AuditEntry, AuditKind, AuditMessage

AUDIT_SHARE = 0.05
ATTEMPTS_MAX = 100


def send(connect: Callable[[], Connection], draw: random.Random, count: int) -> set[bytes]:
    """Publishes the messages and returns their bodies. On return each is in a stream, some perhaps twice."""
    pending = [_message(draw) for _ in range(count)]
    bodies = {message.body for message in pending}
    for _ in range(ATTEMPTS_MAX):
        connection = connect()
        try:
            publisher = Publisher(connection)
            for message in pending:
                publisher.publish(message)
            publisher.flush()
            return bodies
        except BrokerError:
            continue
        finally:
            connection.close()
    raise AssertionError(f"the invalid messages could not be published in {ATTEMPTS_MAX} attempts")


def _message(draw: random.Random) -> Outgoing:
    if draw.random() < AUDIT_SHARE:
        body = draw.choice((_random_bytes, _other_audit_version, _uncommitted))(draw)
        return Outgoing(AUDIT_EXCHANGE, "", body)
    partition = draw.randrange(PARTITIONS)
    made = (_random_bytes, _other_version, _unsound, _empty, _strange_marker, lambda draw: _foreign(draw, partition))
    return Outgoing(COMMANDS_EXCHANGE, command_stream(partition), draw.choice(made)(draw))


def _random_bytes(draw: random.Random) -> bytes:
    return b"\xc1" + draw.randbytes(draw.randint(8, 200))  # invalid first byte in MessagePack


def _command(draw: random.Random, user: str, amount_cents: int | None, version: int = VERSION) -> bytes:
    command = Command(draw.randbytes(16), 1, CommandName.ADD, user, None, amount_cents)
    return encode(CommandBatch(version, 1, [command]))


def _other_version(draw: random.Random) -> bytes:
    return _command(draw, "ghost", 100, VERSION + 1)


def _unsound(draw: random.Random) -> bytes:
    return _command(draw, "ghost", None)


def _foreign(draw: random.Random, partition: int) -> bytes:
    """Makes valid commands for a log that is not their user's: they would give an account a second writer."""
    user = next(name for n in range(1000) if partition_of(name := f"ghost{n}") != partition)
    return _command(draw, user, 100)


def _empty(draw: random.Random) -> bytes:
    return encode(CommandBatch(VERSION, draw.getrandbits(60), []))


def _strange_marker(draw: random.Random) -> bytes:
    command = Command(draw.randbytes(16), 1, CommandName.ADD, "ghost", None, 100)
    return encode(DumpMarker(VERSION, 1, command))


def _other_audit_version(draw: random.Random) -> bytes:
    return encode(AuditMessage(VERSION + 1, 1, draw.getrandbits(60), []))


def _uncommitted(draw: random.Random) -> bytes:
    """Makes valid entries with numbers far beyond those that any source has committed."""
    entry = AuditEntry(AuditKind.SYSTEM_EVENT, draw.getrandbits(40), 1, CommandName.QUOTE, "ghost")
    return encode(AuditMessage(VERSION, draw.randrange(PARTITIONS), 2**40 + draw.getrandbits(40), [entry]))
