"""A partition's stream as replay wants it: each user's commands and fills in the order in which they stand there.

Judges messages as the live worker does (`intake.py`). No I/O; one partition at a time is in memory.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from consumers.transactions.intake import Intake
from consumers.transactions.scheduler import HOME_OF_NOBODY
from rabbitmq.stream_consumer import Delivery
from schema.commands import NOBODY, Command, DumpMarker, Fill, FillBatch

NEVER_TOUCHED = -1


class Entry(msgspec.Struct, frozen=True, gc=False):
    """A command or fill where it stands: `place` counts the orders of the partition, `offset` is its message's."""

    place: int
    offset: int
    order: Command | Fill
    published_at_ms: int


@dataclass(slots=True)
class UserLog:
    """One user's orders: commands by id, the first copy of each; fills in their order, all copies."""

    commands: dict[bytes, Entry] = field(default_factory=dict)
    fills: deque[Entry] = field(default_factory=deque)


@dataclass(slots=True)
class PartitionLog:
    users: dict[str, UserLog] = field(default_factory=dict)
    poison: int = 0
    """Messages that cannot be read; they are in the dead letters."""
    duplicates: int = 0
    """Second and further copies of a command."""


def read_log(partition: int, deliveries: Iterable[Delivery]) -> PartitionLog:
    """The partition's log out of its stream, from its beginning on."""
    log = PartitionLog()
    intake = Intake(partition, NEVER_TOUCHED)
    place = 0
    for delivery in deliveries:
        intake.put(delivery)
        arrival = intake.arrivals.popleft()
        message = arrival.message
        if message is None:
            log.poison += 1
            continue
        if isinstance(message, DumpMarker) and partition != HOME_OF_NOBODY:
            continue  # executed in one partition, only passed on in the others
        for order in arrival.orders:
            place += 1
            user = log.users.get(order.user or NOBODY)
            if user is None:
                user = log.users[order.user or NOBODY] = UserLog()
            entry = Entry(place, delivery.offset, order, message.published_at_ms)
            if isinstance(message, FillBatch):
                user.fills.append(entry)
            elif user.commands.setdefault(order.command_id, entry) is not entry:
                log.duplicates += 1
    return log
