"""What a partition's stream delivers: decoded, checked, and kept in order until the scheduler takes it. No I/O."""

import enum
import itertools
from collections import deque
from dataclasses import dataclass, replace

from rabbitmq.stream_consumer import Delivery
from rabbitmq.topology import command_stream
from schema import codec
from schema.commands import NOBODY, Command, CommandBatch, DumpMarker, Fill, LogMessage, partition_of
from schema.dead_letters import DeadLetter, dead_letter
from schema.errors import DecodeError

USERS_REMEMBERED_MAX = 1_000_000
IDS_REMEMBERED_MAX = 100_000


class Doubt(enum.Enum):
    """Why the commands of a message have to be looked up before they run; NONE: they need not be."""

    NONE = enum.auto()
    TOUCHED = enum.auto()
    """The message was taken up before, by whoever owned the partition then."""
    REPUBLISHED = enum.auto()
    """Its publisher did not know whether an earlier copy had arrived."""


@dataclass(slots=True)
class Arrival:
    """A delivery of a partition's log. Exactly one of `message` and `dead`, for what cannot be read, is None."""

    delivery: Delivery
    message: LogMessage | None
    orders: list[Command] | list[Fill]
    doubt: Doubt
    dead: DeadLetter | None = None


class Intake:
    """The backlog of one partition. Offsets up to `doubtful_until` may hold commands that are done (design §2)."""

    def __init__(self, partition: int, doubtful_until: int):
        self._partition = partition
        self._stream = command_stream(partition)
        self._doubtful_until = doubtful_until
        self._ours: set[str] = {NOBODY}
        self._settled_ids: set[bytes] = set()
        self.arrivals: deque[Arrival] = deque()
        self.newest_offset = -1

    def put(self, delivery: Delivery) -> None:
        """Called by the stream consumer for each delivery, in order."""
        self.newest_offset = delivery.offset
        doubt = Doubt.TOUCHED if delivery.offset <= self._doubtful_until else Doubt.NONE
        if delivery.possibly_duplicate:
            doubt = Doubt.REPUBLISHED
        try:
            message = codec.decode_log(delivery.body)
            orders = self._orders(message)
        except DecodeError as error:
            dead = dead_letter(self._stream, delivery.offset, delivery.body, str(error))
            # Without its body: as many as a hundred of 16 MB each may wait here.
            self.arrivals.append(Arrival(replace(delivery, body=b""), None, [], doubt, dead))
        else:
            self.arrivals.append(Arrival(delivery, message, orders, doubt))

    @property
    def republished_first(self) -> bool:
        """Whether the next arrival is a copy of one whose fate its publisher did not know."""
        return bool(self.arrivals) and self.arrivals[0].doubt is Doubt.REPUBLISHED

    def first_doubtful(self) -> list[Arrival]:
        """The arrivals to look up together: all touched ones at the front, or one republished one."""
        if self.arrivals[0].doubt is Doubt.REPUBLISHED:
            return [self.arrivals[0]]
        return list(itertools.takewhile(lambda arrival: arrival.doubt is Doubt.TOUCHED, self.arrivals))

    def settle(self, arrivals: list[Arrival], done: set[bytes]) -> None:
        """Takes what is done out of these arrivals; what is left in them may run.

        What was let through before is done as well, or about to be: a late first copy may follow its second.
        """
        for arrival in arrivals:
            arrival.doubt = Doubt.NONE
            if isinstance(arrival.message, DumpMarker) and self._partition != partition_of(NOBODY):
                continue  # only passed on here; the audit log knows a dump by its id
            arrival.orders = [order for order in arrival.orders if self._is_new(order.command_id, done)]
            if len(self._settled_ids) > IDS_REMEMBERED_MAX:
                self._settled_ids.clear()

    def _is_new(self, command_id: bytes, done: set[bytes]) -> bool:
        if command_id in done or command_id in self._settled_ids:
            return False
        self._settled_ids.add(command_id)
        return True

    def _orders(self, message: LogMessage) -> list[Command] | list[Fill]:
        if isinstance(message, DumpMarker):
            return [message.command]
        orders = message.commands if isinstance(message, CommandBatch) else message.fills
        if not orders:
            raise DecodeError("an empty message")
        for order in orders:
            user = order.user
            if user is None:
                self._check_nobody()
            elif user not in self._ours:
                self._check(user)
        return orders

    def _check(self, user: str) -> None:
        # A user in a foreign log would have two writers; better one message refused than one account wrong.
        if partition_of(user) != self._partition:
            raise DecodeError(f"user {user} belongs to partition {partition_of(user)}, not {self._partition}")
        if len(self._ours) >= USERS_REMEMBERED_MAX:
            self._ours = {NOBODY}
        self._ours.add(user)

    def _check_nobody(self) -> None:
        if partition_of(NOBODY) != self._partition:
            raise DecodeError(f"a command without a user belongs to partition {partition_of(NOBODY)}")
