"""What a worker knows of a partition while it owns it: accounts as it left them, who waits for what, how far it is.

Dropped with the ownership. Values and bookkeeping only: no I/O, and no rule of what may run when (scheduler.py).
"""

from collections import deque
from dataclasses import dataclass, field

from consumers.transactions.account import Account
from consumers.transactions.intake import Arrival
from consumers.transactions.progress import Message, Progress
from consumers.transactions.sources import Sources
from schema.commands import NOBODY, Command, Fill

Key = tuple[str, bytes]
"""User and command id: what the history's unique key holds (`history_command_id_key`)."""

UNFINISHED_MESSAGES_MAX = 20_000
"""How far others may run ahead of a parked user: 4 s at 5,000 messages a second, and what a successor looks up."""

PARKED_ITEMS_MAX = 20_000
"""Commands of a partition that wait in memory: about 10 MB."""


def key_of(order: Command | Fill) -> Key:
    """The key under which an order is done at most once."""
    return order.user or NOBODY, order.command_id


@dataclass(slots=True)
class Item:
    """A command or fill of the log, on its way to being done. `reply_to`: queues in which its outcome is awaited."""

    order: Command | Fill
    message: Message
    published_at_ms: int
    reply_to: tuple[str, ...] = ()
    in_vain: bool = False
    """Its quote was asked for early, and none was to be had: that was its attempt, and it was paid."""
    waited_since_ms: int | None = None
    """When its turn came and it found no usable quote."""


@dataclass(slots=True)
class Parked:
    """A user's commands from the one that waits for a quote, or from a marker that they keep behind, on."""

    items: deque[Item] = field(default_factory=deque)
    claimed_cents: int = 0
    """The most that these may take from the available cash."""
    _by_key: dict[Key, Item] | None = None
    """Made when somebody looks for a command, and dropped when one leaves."""

    def append(self, item: Item) -> None:
        """Puts a command behind all that wait."""
        self.items.append(item)
        if self._by_key is not None:
            self._by_key.setdefault(key_of(item.order), item)

    def popleft(self) -> Item:
        """Takes the first one out."""
        self._by_key = None
        return self.items.popleft()

    def find(self, key: Key) -> Item | None:
        """The command with this key, if it waits here."""
        if self._by_key is None:
            self._by_key = {}
            for item in self.items:
                self._by_key.setdefault(key_of(item.order), item)
        return self._by_key.get(key)


@dataclass(slots=True, eq=False)
class OwnedPartition:
    """A partition in its owner's memory. `sources`: what tells new commands from copies."""

    partition: int
    progress: Progress
    accounts: dict[str, Account] = field(default_factory=dict)
    parked: dict[str, Parked] = field(default_factory=dict)
    sources: Sources = field(default_factory=Sources)
    finished_tags: list[int] = field(default_factory=list)
    owned: bool = True

    @property
    def runs_far_ahead(self) -> bool:
        """Whether so much waits for parked users that no more should be read before some of it is done."""
        return (
            self.progress.unfinished > UNFINISHED_MESSAGES_MAX
            or self.sources.crowded
            or sum(len(parked.items) for parked in self.parked.values()) > PARKED_ITEMS_MAX
        )

    def surely_new(self, arrival: Arrival) -> bool:
        """Whether its accounts are in memory, and its ids, of known sources and users, rise above all that was there:
        so it is with nearly all arrivals, and there is nothing to ask. From now on, what is in it has been there.
        """
        if not self.accounts.keys() >= arrival.users:
            return False
        if arrival.doubtful is None and not arrival.must_be_looked_up and self.sources.continues(arrival):
            arrival.doubtful = False
        return arrival.doubtful is False

    def finish(self, message: Message) -> None:
        """One more of a message's commands is done."""
        message.remaining -= 1
        if message.remaining == 0 and message.tag:
            self.finished_tags.append(message.tag)

    def forget_idle(self) -> None:
        """Drops the accounts that nothing waits for and nothing is pending on; between batches only."""
        self.accounts = {
            user: account
            for user, account in self.accounts.items()
            if user in self.parked or account.buys or account.sells
        }
