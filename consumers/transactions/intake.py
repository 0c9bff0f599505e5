"""What a partition's stream delivers: decoded, checked, and kept in order until the scheduler takes it. No I/O."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import lt

from rabbitmq.stream_consumer import Delivery
from rabbitmq.topology import command_stream
from schema import codec
from schema.commands import NOBODY, Command, CommandBatch, DumpMarker, Fill, LogMessage, partition_of
from schema.dead_letters import DeadLetter, dead_letter
from schema.errors import DecodeError

USERS_REMEMBERED_MAX = 1_000_000

ID_BYTES, HEAD_BYTES = 16, 8
"""Length of a command id, and of its head, which names its source (`schema.commands.command_id`)."""


@dataclass(slots=True)
class Arrival:
    """A delivery of a partition's log. Exactly one of `message` and `dead`, for what cannot be read, is None.

    `users`: everybody whose account it needs. `judged`: the commands whose ids tell whether they are new. Fills are not
    among them: the version of its trigger order makes a second copy of one void (spec §3). Nor is a marker outside the
    partition of nobody, which only passes it on; the log of record knows a dump by its id.
    """

    delivery: Delivery
    message: LogMessage | None
    orders: Sequence[Command | Fill] = ()
    users: set[str] | frozenset[str] = frozenset()
    judged: Sequence[Command] = ()
    rises: bool = False
    """Whether `judged` is of one source, in the rising order of its numbers: so it is in nearly all messages."""
    must_be_looked_up: bool = False
    doubtful: bool | None = None
    """Whether it may hold copies of commands that were taken up before; None until it was surveyed (copies.py)."""
    dead: DeadLetter | None = None


class Intake:
    """The backlog of one partition.

    Offsets up to `doubtful_until` may hold commands that are done, and so may a message whose publisher says that it
    may have been published before: these are looked up, whatever their ids tell (design §2).
    """

    def __init__(self, partition: int, doubtful_until: int):
        self._partition = partition
        self._stream = command_stream(partition)
        self._doubtful_until = doubtful_until
        self._ours: set[str] = set()
        self.arrivals: deque[Arrival] = deque()
        self.surveyed = 0
        """Arrivals at the front that may be taken in this turn (copies.py)."""
        self.newest_offset = -1

    def put(self, delivery: Delivery) -> None:
        """Called by the stream consumer for each delivery, in order."""
        self.newest_offset = delivery.offset
        try:
            arrival = self._read(delivery)
        except DecodeError as error:
            dead = dead_letter(self._stream, delivery.offset, delivery.body, str(error))
            # Without its body: as many as a hundred of 16 MB each may wait here.
            arrival = Arrival(replace(delivery, body=b""), None, dead=dead)
        # A marker that is only passed on has no row of its own in the history: nobody's row says nothing of it.
        is_passed_on = isinstance(arrival.message, DumpMarker) and not arrival.judged
        is_from_before = delivery.possibly_duplicate or delivery.offset <= self._doubtful_until
        arrival.must_be_looked_up = is_from_before and not is_passed_on
        self.arrivals.append(arrival)

    def take(self) -> Arrival:
        """The next arrival that was surveyed in this turn."""
        self.surveyed -= 1
        return self.arrivals.popleft()

    def _read(self, delivery: Delivery) -> Arrival:
        message = codec.decode_log(delivery.body)
        orders: Sequence[Command | Fill]
        judged: Sequence[Command]
        if isinstance(message, CommandBatch):
            orders = judged = message.commands
        elif isinstance(message, DumpMarker):
            orders = judged = [message.command]
            if self._partition != partition_of(NOBODY):
                return Arrival(delivery, message, orders)
        else:
            orders, judged = message.fills, ()
        if not orders:
            raise DecodeError("an empty message")
        users = {order.user or NOBODY for order in orders}
        if not users <= self._ours:
            self._check(users)
        return Arrival(delivery, message, orders, users, judged, _rises([order.command_id for order in judged]))

    def _check(self, users: set[str]) -> None:
        # A user in a foreign log would have two writers; better one message refused than one account wrong.
        for user in users:
            home = partition_of(user)
            if home != self._partition:
                who = f"user {user}" if user else "a command without a user"
                raise DecodeError(f"{who} belongs to partition {home}, not {self._partition}")
        if len(self._ours) >= USERS_REMEMBERED_MAX:
            self._ours = set()
        self._ours |= users


def _rises(ids: list[bytes]) -> bool:
    """Whether these are ids of one source, each greater than the one before."""
    return bool(ids) and ids[0][:HEAD_BYTES] == ids[-1][:HEAD_BYTES] and all(map(lt, ids, ids[1:]))
