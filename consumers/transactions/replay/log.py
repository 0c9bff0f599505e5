"""A partition's stream, sorted for replay: each user's commands and fills, in the order of the stream.

Decodes and checks messages as the live worker does (`intake.py`). No I/O; one partition at a time is in memory.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import msgspec

from consumers.transactions.intake import Intake
from consumers.transactions.scheduler import NO_USER_PARTITION
from rabbitmq.roles import ANYBODY
from rabbitmq.stream_consumer import Delivery
from schema.commands import NO_USER, Command, DumpMarker, Fill, FillBatch

NEVER_TOUCHED = -1
"""Offset up to which the intake marks messages for a look-up: none, because replay looks nothing up."""


class LogEntry(msgspec.Struct, frozen=True, gc=False):
    """A command or fill in the stream. `number`: its number in the partition, from 1. `offset`: that of its message."""

    number: int
    offset: int
    request: Command | Fill
    published_at_ms: int


@dataclass(slots=True)
class UserLog:
    """One user's requests: commands by id, the first copy of each; fills in their order, all copies."""

    commands: dict[bytes, LogEntry] = field(default_factory=dict)
    fills: deque[LogEntry] = field(default_factory=deque)


@dataclass(slots=True)
class PartitionLog:
    users: dict[str, UserLog] = field(default_factory=dict)
    undecodable: int = 0
    """Number of undecodable messages; they are in the dead letters."""
    duplicates: int = 0
    """Number of second and further copies of commands."""


def read_log(partition: int, deliveries: Iterable[Delivery]) -> PartitionLog:
    """Reads a partition's log; `deliveries` must begin at the beginning of its stream."""
    log = PartitionLog()
    intake = Intake(partition, NEVER_TOUCHED)
    number = 0
    are_named = False
    for delivery in deliveries:
        are_named = are_named or bool(delivery.sender.user)
        # A log may begin with messages from before publishers gave their names.
        intake.put(delivery if are_named else replace(delivery, sender=ANYBODY))
        arrival = intake.arrivals.popleft()
        message = arrival.message
        if message is None:
            log.undecodable += 1
            continue
        if isinstance(message, DumpMarker) and partition != NO_USER_PARTITION:
            continue  # this partition only passes the marker on
        for request in arrival.requests:
            number += 1
            user = log.users.get(request.user or NO_USER)
            if user is None:
                user = log.users[request.user or NO_USER] = UserLog()
            entry = LogEntry(number, delivery.offset, request, message.published_at_ms)
            if isinstance(message, FillBatch):
                user.fills.append(entry)
            elif user.commands.setdefault(request.command_id, entry) is not entry:
                log.duplicates += 1
    return log
