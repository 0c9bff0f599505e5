"""Which commands of a partition's log are surely new: told by their ids alone, without asking the database.

The ids of a publisher rise: 8 bytes of source, 8 of number (`schema.commands.command_id`). So the newest id of a source
tells new commands from possible copies: what is above it is new, and what is not has to be looked up. Ids of any other
making are judged alike, each as a source of its own; they cost a look-up each.

What holds at the beginning of every turn: for a user whom a source knows, none of the user's ids from that source is
above the source's newest, be it in the history or on its way there. Pure: no I/O, no clock.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from consumers.transactions.account import Account
from consumers.transactions.intake import HEAD_BYTES, Arrival
from schema.commands import NOBODY

SOURCES_MAX = 1_000
"""Sources that a partition remembers beside those of unfinished messages: about 500 bytes each."""

SOURCES_CROWDED = 100_000
"""No more of the log is read ahead while a partition remembers so many: about 50 MB."""

USERS_MAX = 400_000
"""Users that the sources of a partition know together: about 30 MB. Beyond it, everybody is asked for once more."""

Stranger = tuple[str, bytes]
"""A user and the head of a source that does not know the user."""


@dataclass(slots=True)
class _Source:
    offset: int
    """Of the newest message that holds one of its ids."""
    newest: bytes = b""
    users: set[str] = field(default_factory=set)


class Sources:
    """The sources of one partition, for as long as it is owned. Each arrival is judged once, in the order of
    the log: by `continues`, where that is so, otherwise by `may_hold_copies`, after all `strangers` were introduced.
    """

    def __init__(self, sources_max: int = SOURCES_MAX, users_max: int = USERS_MAX):
        self._sources_max, self._users_max = sources_max, users_max
        # In the order of their last use, so of their offsets.
        self._known: OrderedDict[bytes, _Source] = OrderedDict()
        self._users = 0

    @property
    def crowded(self) -> bool:
        """Whether unfinished messages hold the ids of so many sources that no more should be read for now."""
        return len(self._known) > SOURCES_CROWDED

    def forget(self, position: int) -> None:
        """Drops the longest unused sources, if there are many. Everything below `position` must be committed: all that
        was known of these sources is in the history then. A source with a command on its way is never forgotten.
        """
        while len(self._known) > self._sources_max and next(iter(self._known.values())).offset < position:
            _, source = self._known.popitem(last=False)
            self._users -= len(source.users)
        if self._users > self._users_max:
            for source in self._known.values():
                source.users.clear()
            self._users = 0

    def strangers(self, arrival: Arrival, accounts: Mapping[str, Account]) -> list[Stranger]:
        """Whom the arrival's sources do not know: only the history tells their newest ids. For `introduce`.

        Those without a history, as their loaded accounts say, are introduced at once.
        """
        pairs = set()
        for order in arrival.judged:
            user, head = order.user or NOBODY, order.command_id[:HEAD_BYTES]
            if user not in self._source(head, arrival).users:
                pairs.add((user, head))
        for user, head in pairs:
            if accounts[user].history_seq == 0:
                self.introduce(user, head, None)
        return [(user, head) for user, head in pairs if accounts[user].history_seq]

    def introduce(self, user: str, head: bytes, newest: bytes | None) -> None:
        """Makes a user known to a source. `newest`: the user's greatest id of that source in the history, if any."""
        source = self._known[head]
        if user not in source.users:
            source.users.add(user)
            self._users += 1
        if newest is not None and newest > source.newest:
            assert newest.startswith(head), (newest, head)
            source.newest = newest

    def continues(self, arrival: Arrival) -> bool:
        """Whether it is of one source, known to all its users, and above its newest id. Then it counts as judged."""
        if not arrival.rises:
            return False
        first = arrival.judged[0].command_id
        source = self._known.get(first[:HEAD_BYTES])
        if source is None or first <= source.newest or not arrival.users <= source.users:
            return False
        self._use(first, arrival).newest = arrival.judged[-1].command_id
        return True

    def may_hold_copies(self, arrival: Arrival) -> bool:
        """Whether something in it may have been taken up before, or stand in it twice. From now on, all of it has."""
        doubtful = False
        for order in arrival.judged:
            source = self._use(order.command_id, arrival)
            assert (order.user or NOBODY) in source.users, "somebody was not introduced"
            if order.command_id > source.newest:
                source.newest = order.command_id
            else:
                doubtful = True
        return doubtful

    def _source(self, head: bytes, arrival: Arrival) -> _Source:
        source = self._known.get(head)
        if source is None:
            source = self._known[head] = _Source(arrival.delivery.offset)
        return source

    def _use(self, command_id: bytes, arrival: Arrival) -> _Source:
        head = command_id[:HEAD_BYTES]
        self._known.move_to_end(head)
        source = self._known[head]
        source.offset = arrival.delivery.offset
        return source
