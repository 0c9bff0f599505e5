"""Recognition of new commands in a partition's log by their ids alone, without asking the database.

The ids of one publisher rise: 8 bytes of source, 8 of number (`schema.commands.command_id`). So an id above the newest
one of its source belongs to a new command; any other may belong to a copy, and has to be looked up. Ids of another
format are treated alike: each counts as a source of its own, and costs a look-up.

Invariant at the beginning of every turn: if a source knows a user, then no id of that user from that source is above
the source's newest one, neither in the history nor on its way there. Pure: no I/O, no clock.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from consumers.transactions.account import Account
from consumers.transactions.intake import HEAD_BYTES, Arrival
from schema.commands import NO_USER

SOURCES_MAX = 1_000
"""Maximum sources that a partition remembers beside those of unfinished messages: about 500 bytes each."""

SOURCES_CROWDED = 100_000
"""Remembered sources above which a partition reads no further ahead in its log: about 50 MB."""

USERS_MAX = 400_000
"""Maximum users that the sources of a partition know together: about 30 MB. Beyond it, they forget all users."""

Stranger = tuple[str, bytes]
"""A user, and the first 8 bytes of the ids of a source that does not know the user."""


@dataclass(slots=True)
class _CommandSource:
    offset: int
    """Offset of the newest message that holds one of the source's ids."""
    newest: bytes = b""
    users: set[str] = field(default_factory=set)


class Sources:
    """The sources of one partition, while a worker owns it.

    The worker judges each arrival once, in the order of the log: by `continues` and, if that returns False, by
    `may_hold_copies`, after it has introduced all `strangers`.
    """

    def __init__(self, sources_max: int = SOURCES_MAX, users_max: int = USERS_MAX):
        self._sources_max, self._users_max = sources_max, users_max
        # In the order of their last use, and so of their offsets.
        self._known: OrderedDict[bytes, _CommandSource] = OrderedDict()
        self._users = 0

    @property
    def crowded(self) -> bool:
        """Whether unfinished messages hold the ids of so many sources that no more should be read for now."""
        return len(self._known) > SOURCES_CROWDED

    def forget(self, next_offset: int) -> None:
        """Drops the sources that are unused for longest, if there are many.

        Everything below `next_offset` must be committed, so that the history has all that these sources knew. A source
        with an unfinished command is never dropped.
        """
        while len(self._known) > self._sources_max and next(iter(self._known.values())).offset < next_offset:
            _, source = self._known.popitem(last=False)
            self._users -= len(source.users)
        if self._users > self._users_max:
            for source in self._known.values():
                source.users.clear()
            self._users = 0

    def strangers(self, arrival: Arrival, accounts: Mapping[str, Account]) -> list[Stranger]:
        """Users whom the arrival's sources do not know. The caller looks up their newest ids for `introduce`.

        Users whose loaded accounts have no history are introduced at once, and not returned.
        """
        pairs = set()
        for request in arrival.judged:
            user, head = request.user or NO_USER, request.command_id[:HEAD_BYTES]
            if user not in self._source(head, arrival).users:
                pairs.add((user, head))
        for user, head in pairs:
            if accounts[user].history_seq == 0:
                self.introduce(user, head, None)
        return [(user, head) for user, head in pairs if accounts[user].history_seq]

    def introduce(self, user: str, head: bytes, newest: bytes | None) -> None:
        """Makes a user known to a source. `newest`: the user's greatest id from that source in the history, if any."""
        source = self._known[head]
        if user not in source.users:
            source.users.add(user)
            self._users += 1
        if newest is not None and newest > source.newest:
            assert newest.startswith(head), (newest, head)
            source.newest = newest

    def continues(self, arrival: Arrival) -> bool:
        """Whether an arrival's ids are of one source that knows all its users, and all above the source's newest id.

        If so, the arrival is judged, and its ids count as seen.
        """
        if not arrival.rises:
            return False
        first = arrival.judged[0].command_id
        source = self._known.get(first[:HEAD_BYTES])
        if source is None or first <= source.newest or not arrival.users <= source.users:
            return False
        self._use(first, arrival).newest = arrival.judged[-1].command_id
        return True

    def may_hold_copies(self, arrival: Arrival) -> bool:
        """Whether a command of the arrival may have come before, or occurs in it twice.

        This call counts all ids of the arrival as seen.
        """
        doubtful = False
        for request in arrival.judged:
            source = self._use(request.command_id, arrival)
            assert (request.user or NO_USER) in source.users, "a user's ids were not counted"
            if request.command_id > source.newest:
                source.newest = request.command_id
            else:
                doubtful = True
        return doubtful

    def _source(self, head: bytes, arrival: Arrival) -> _CommandSource:
        source = self._known.get(head)
        if source is None:
            source = self._known[head] = _CommandSource(arrival.delivery.offset)
        return source

    def _use(self, command_id: bytes, arrival: Arrival) -> _CommandSource:
        head = command_id[:HEAD_BYTES]
        self._known.move_to_end(head)
        source = self._known[head]
        source.offset = arrival.delivery.offset
        return source
