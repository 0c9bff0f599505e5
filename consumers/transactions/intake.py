"""Deliveries of a partition's stream: decoded, checked, and kept in order until the scheduler takes them. No I/O."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import lt

from rabbitmq.stream_consumer import Delivery
from rabbitmq.topology import COMMANDS_EXCHANGE, FILLS_EXCHANGE, PUBLISHERS, command_stream
from schema import codec
from schema.commands import NO_USER, Command, CommandBatch, DumpMarker, Fill, FillBatch, LogMessage, partition_of
from schema.dead_letters import DeadLetter, dead_letter
from schema.errors import DecodeError

USERS_REMEMBERED_MAX = 1_000_000

ID_BYTES, HEAD_BYTES = 16, 8
"""Length of a command id, and of its head, the leading bytes that name its source (`schema.commands.command_id`)."""


@dataclass(slots=True)
class Arrival:
    """A delivery of a partition's log.

    Exactly one of `message` and `dead` is None: `dead` is for undecodable and for forged messages.

    `users`: all users whose accounts it needs. `judged`: the commands that must be checked for being copies, by their
    ids. Fills are not among them: the version of the trigger order makes a second copy of a fill void (spec §3). Nor
    are markers of a root DUMPLOG outside `NO_USER_PARTITION`, the one partition that executes it; the others only pass
    the marker on, and the log of record recognises a repeated dump by its id.
    """

    delivery: Delivery
    message: LogMessage | None
    requests: Sequence[Command | Fill] = ()
    users: set[str] | frozenset[str] = frozenset()
    judged: Sequence[Command] = ()
    rises: bool = False
    """Whether the ids in `judged` are of one source and rise, as in nearly all messages."""
    must_be_looked_up: bool = False
    doubtful: bool | None = None
    """Whether it may hold copies of commands that were taken before; None until it is judged (copies.py)."""
    dead: DeadLetter | None = None


class Intake:
    """The backlog of one partition.

    Messages up to the offset `doubtful_until` may hold commands that are done. So may messages that their publisher
    has marked as possibly published before. The worker looks all of these up, whatever their ids say.
    """

    def __init__(self, partition: int, doubtful_until: int):
        self._partition = partition
        self._stream = command_stream(partition)
        self._doubtful_until = doubtful_until
        self._checked_users: set[str] = set()
        self.arrivals: deque[Arrival] = deque()
        self.surveyed = 0
        """Number of arrivals at the front that this turn may take (copies.py)."""
        self.newest_offset = -1

    def put(self, delivery: Delivery) -> None:
        """Adds a delivery to the backlog. The stream consumer calls it for each delivery, in order."""
        self.newest_offset = delivery.offset
        try:
            arrival = self._read(delivery)
        except DecodeError as error:
            dead = dead_letter(self._stream, delivery.offset, delivery.body, str(error))
            # Without its body: a hundred messages of 16 MB each may wait here.
            arrival = Arrival(replace(delivery, body=b""), None, dead=dead)
        # A marker that this partition only passes on has no history row here: a look-up could not tell whether it was.
        is_passed_on = isinstance(arrival.message, DumpMarker) and not arrival.judged
        is_from_before = delivery.possibly_duplicate or delivery.offset <= self._doubtful_until
        arrival.must_be_looked_up = is_from_before and not is_passed_on
        self.arrivals.append(arrival)

    def take(self) -> Arrival:
        """Removes and returns the next arrival of those that were surveyed in this turn."""
        self.surveyed -= 1
        return self.arrivals.popleft()

    def _read(self, delivery: Delivery) -> Arrival:
        message = codec.decode_log(delivery.body)
        if isinstance(message, FillBatch):
            delivery.sender.require(PUBLISHERS[FILLS_EXCHANGE], "fills")
        else:
            delivery.sender.require(PUBLISHERS[COMMANDS_EXCHANGE], "commands")
        requests: Sequence[Command | Fill]
        judged: Sequence[Command]
        if isinstance(message, CommandBatch):
            requests = judged = message.commands
        elif isinstance(message, DumpMarker):
            requests = judged = [message.command]
            if self._partition != partition_of(NO_USER):
                return Arrival(delivery, message, requests)
        else:
            requests, judged = message.fills, ()
        if not requests:
            raise DecodeError("an empty message")
        users = {request.user or NO_USER for request in requests}
        if not users <= self._checked_users:
            self._check(users)
        return Arrival(delivery, message, requests, users, judged, _rises([request.command_id for request in judged]))

    def _check(self, users: set[str]) -> None:
        # A user whose commands are in two logs would have two writers. Rather refuse a message than corrupt an account.
        for user in users:
            home = partition_of(user)
            if home != self._partition:
                who = f"user {user}" if user else "a command without a user"
                raise DecodeError(f"{who} belongs to partition {home}, not {self._partition}")
        if len(self._checked_users) >= USERS_REMEMBERED_MAX:
            self._checked_users = set()
        self._checked_users |= users


def _rises(ids: list[bytes]) -> bool:
    """Whether these are ids of one source, each greater than the one before."""
    return bool(ids) and ids[0][:HEAD_BYTES] == ids[-1][:HEAD_BYTES] and all(map(lt, ids, ids[1:]))
