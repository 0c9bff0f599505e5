"""A partition in its owner's memory: accounts after the last command, waiting commands, progress in the log.

The worker drops it when the ownership ends. Values and bookkeeping only: no I/O. scheduler.py decides what may run, and
when.
"""

from collections import deque
from dataclasses import dataclass, field

import msgspec

from consumers.transactions.account import Account
from consumers.transactions.intake import Arrival
from consumers.transactions.progress import Message, Progress
from consumers.transactions.sources import Sources
from schema.commands import NO_USER, Command, Fill

Key = tuple[str, bytes]
"""User and command id, as in the history's unique key (`history_command_id_key`)."""

UNFINISHED_MESSAGES_MAX = 20_000
"""Maximum unfinished messages: how far others may run ahead of a user who waits for a quote (4 s at 5,000 a second).

After a takeover, the next owner has to look all of them up.
"""

PARKED_ITEMS_MAX = 20_000
"""Maximum commands of a partition that wait in memory: about 10 MB."""


def key_of(request: Command | Fill) -> Key:
    """Key under which a request is executed at most once."""
    return request.user or NO_USER, request.command_id


class Item(msgspec.Struct, gc=False):
    """A command or fill of the log that is to be executed. `reply_to`: queues in which clients wait for its outcome."""

    request: Command | Fill
    message: Message
    published_at_ms: int
    reply_to: tuple[str, ...] = ()
    early_quote_failed: bool = False
    """Whether its quote was requested early and none was available. That request was paid, and is not repeated."""
    waited_since_ms: int | None = None
    """Time at which its turn came and no usable quote was at hand, ms since the epoch; None if there was one."""


@dataclass(slots=True)
class Parked:
    """Waiting commands of one user. The first one waits for a quote, or is a marker that the others wait behind."""

    items: deque[Item] = field(default_factory=deque)
    claimed_cents: int = 0
    """Maximum that these commands may take from the available cash."""
    _by_key: dict[Key, Item] | None = None
    """Index that `find` builds, and `popleft` drops."""

    def append(self, item: Item) -> None:
        """Adds a command behind all waiting ones."""
        self.items.append(item)
        if self._by_key is not None:
            self._by_key.setdefault(key_of(item.request), item)

    def popleft(self) -> Item:
        """Removes and returns the first command."""
        self._by_key = None
        return self.items.popleft()

    def find(self, key: Key) -> Item | None:
        """The command with this key, if it waits here."""
        if self._by_key is None:
            self._by_key = {}
            for item in self.items:
                self._by_key.setdefault(key_of(item.request), item)
        return self._by_key.get(key)


@dataclass(slots=True, eq=False)
class PartitionState:
    """A partition in its owner's memory. `sources` tells new commands from possible copies."""

    partition: int
    progress: Progress
    accounts: dict[str, Account] = field(default_factory=dict)
    parked: dict[str, Parked] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    finished_tags: list[int] = field(default_factory=list)
    owned: bool = True

    @property
    def runs_far_ahead(self) -> bool:
        """Whether so many commands wait that the worker should read no more before some of them are done."""
        return (
            self.progress.unfinished > UNFINISHED_MESSAGES_MAX
            or self.sources.crowded
            or sum(len(parked.items) for parked in self.parked.values()) > PARKED_ITEMS_MAX
        )

    def surely_new(self, arrival: Arrival) -> bool:
        """Whether an arrival's accounts are in memory and all its commands are known to be new, as is nearly always so.

        If so, nothing has to be looked up, and the arrival's ids count as seen from now on.
        """
        if not self.accounts.keys() >= arrival.users:
            return False
        if arrival.doubtful is None and not arrival.must_be_looked_up and self.sources.continues(arrival):
            arrival.doubtful = False
        return arrival.doubtful is False

    def finish(self, message: Message) -> None:
        """Notes that one more of a message's commands is done."""
        message.remaining -= 1
        if message.remaining == 0 and message.tag:
            self.finished_tags.append(message.tag)

    def forget_idle(self) -> None:
        """Drops accounts that have no waiting command and no pending order. Call it only between batches."""
        self.accounts = {
            user: account
            for user, account in self.accounts.items()
            if user in self.parked or account.buys or account.sells
        }
