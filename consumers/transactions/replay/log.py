"""A partition's stream, sorted for replay: each user's commands and fills, in the order of the stream.

Decodes and checks messages as the live worker does (`intake.py`). No I/O; one partition at a time is in memory.
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
    """A command or fill in the stream. `place`: its number among the partition's orders. `offset`: its message's."""

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
    """Number of undecodable messages; they are in the dead letters."""
    duplicates: int = 0
    """Number of second and further copies of commands."""


def read_log(partition: int, deliveries: Iterable[Delivery]) -> PartitionLog:
    """Reads a partition's log; `deliveries` must begin at the beginning of its stream."""
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
            continue  # this partition only passes the marker on
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
