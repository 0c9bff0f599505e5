"""Stream of a partition as publishers fill it, in any order and with repetitions; a worker under test reads it."""

import hashlib
from itertools import count, cycle

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from msgspec.structs import replace

from consumers.transactions.partition_state import Key, key_of
from consumers.transactions.scheduler import NO_USER_PARTITION
from schema import codec
from schema.commands import (
    VERSION,
    Command,
    CommandBatch,
    CommandName,
    DumpMarker,
    Fill,
    FillBatch,
    command_id,
    partition_of,
)
from schema.outcomes import Reason, Side
from tests.builders import T0, a_command

ELSEWHERE = NO_USER_PARTITION + 1
GARBAGE = b"garbage"


def users_of(partition: int) -> list[str]:
    names = (f"user{n}" for n in count())
    return [next(name for name in names if partition_of(name) == partition) for _ in range(3)]


USERS = {partition: users_of(partition) for partition in (NO_USER_PARTITION, ELSEWHERE)}
SYMBOLS = ("A", "B", "C")

which = st.integers(0, 2)
an_amount = st.integers(1, 60)
a_price = st.integers(1, 15)
a_name = st.sampled_from([name for name in CommandName if name is not CommandName.DUMPLOG])
a_thirsty_name = st.sampled_from([CommandName.BUY, CommandName.BUY, CommandName.QUOTE, CommandName.SELL])
"""Commands that need a quote."""


def _rising(number: int) -> bytes:
    return command_id(10 + number % 2, number)


def _falling(number: int) -> bytes:
    return command_id(12, 10**9 - number)


def _hashed(number: int) -> bytes:
    return hashlib.blake2b(number.to_bytes(8, "big"), digest_size=16).digest()


a_making = st.sampled_from([(None,), (None,), (_rising,), (_hashed,), (None, _falling, _hashed, _rising)])
"""Functions that make a message's command ids, used in turn. None: rising ids of one source, as the load driver has."""

some_commands = st.lists(st.tuples(which, a_thirsty_name | a_name, which, an_amount), min_size=1, max_size=6)

some_places = st.lists(st.integers(1, 9), min_size=1, max_size=4)
"""Positions in the log, counted back from the newest command."""


class Log(RuleBasedStateMachine):
    """Publishers' side of the test: the partition's stream, and the outcomes that the worker owes."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)
        self.stream: list[tuple[bytes, bool]] = []
        self.requests: list[Command | Fill] = []
        """Everything published, in order, without copies."""
        self.offset_of: dict[Key, int] = {}
        """Offset of the first copy of each request."""
        self.asked_by: dict[bytes, str | None] = {}
        """User who requested a root DUMPLOG, by its command id."""
        self.awaited: list[tuple[str, Key]] = []
        """Awaited outcomes, one for each copy: its reply queue and its command."""

    def put(self, message, requests: list, republished: bool) -> None:
        for request in requests:
            self.requests.append(request)
            self.offset_of[key_of(request)] = len(self.stream)
        self.stream.append((codec.encode(message), republished))

    def put_commands(self, commands: list[Command], republished: bool = False, copies: list[Command] = ()) -> None:
        """Publishes one message with a reply queue; `copies` follow the new commands in it."""
        queue = f"amq.gen-{len(self.stream)}"
        self.awaited += [(queue, key_of(command)) for command in (*commands, *copies)]
        self.put(CommandBatch(VERSION, T0, [*commands, *copies], queue), commands, republished)

    @initialize(
        home=st.booleans(),
        batch_max=st.sampled_from([1, 3, 1_000]),
        forgets=st.booleans(),
        sources_max=st.sampled_from([0, 1_000]),
        users_max=st.sampled_from([0, 1_000, 1_000]),
    )
    def begin(self, home, batch_max, forgets, sources_max, users_max):
        self.partition = NO_USER_PARTITION if home else ELSEWHERE
        self.users = USERS[self.partition]
        self.batch_max, self.forgets = batch_max, forgets
        self.sources_max, self.users_max = sources_max, users_max
        self.put_commands([a_command("ADD", 90, user=user) for user in self.users[:2]])

    def made(self, commands: list[tuple], makings: tuple) -> list[Command]:
        made = []
        for (user, name, symbol, amount), making in zip(commands, cycle(makings), strict=False):
            command = a_command(name, amount, SYMBOLS[symbol], self.users[user])
            made.append(replace(command, command_id=making(next(self._numbers))) if making else command)
        return made

    @rule(commands=some_commands, republished=st.booleans(), makings=a_making)
    def publish(self, commands, republished, makings):
        """Publishes new commands. With the mark, they are the second copy of a message that never arrived."""
        self.put_commands(self.made(commands, makings), republished)

    @rule(new=st.just([]) | some_commands, makings=a_making, back=some_places)
    def publish_copies(self, new, makings, back):
        """Publishes unmarked copies of earlier commands or of commands in the same message."""
        commands = self.made(new, makings)
        known = [one for one in (*self.requests, *commands) if isinstance(one, Command) and one.user is not None]
        self.put_commands(commands, copies=[known[-min(n, len(known))] for n in back])

    @rule(back=st.integers(1, 4), user=which)
    def publish_a_command_of_another_user_with_the_same_id(self, back, user):
        """The same id of another user does not make a command a copy."""
        known = [one for one in self.requests if isinstance(one, Command) and one.user is not None]
        other = known[-min(back, len(known))]
        command = a_command("ADD", 7, user=self.users[user])
        command = replace(command, command_id=other.command_id)
        if key_of(command) not in self.offset_of:
            self.put_commands([command])

    @precondition(lambda self: self.stream)
    @rule(back=st.integers(1, 6))
    def publish_a_message_again(self, back):
        """Publishes any message once more, without a mark."""
        self.stream.append((self.stream[-min(back, len(self.stream))][0], False))

    @rule(user=which)
    def publish_a_dumplog_of_one_user(self, user):
        command = a_command("DUMPLOG", user=self.users[user])
        self.put_commands([command])

    @rule(republished=st.booleans(), asked_by=st.none() | which)
    def publish_a_root_dumplog(self, republished, asked_by):
        command = a_command("DUMPLOG", user=None)
        person = None if asked_by is None else self.users[asked_by]
        self.put(DumpMarker(VERSION, T0, command, person), [command], republished)
        self.asked_by[command.command_id] = person

    @rule()
    def publish_a_command_of_nobody(self):
        command = a_command("ADD", None, user=None, defect=Reason.BAD_ARGUMENTS)
        if self.partition == NO_USER_PARTITION:
            self.put_commands([command])

    @rule(user=which, symbol=which, side=st.sampled_from(Side), version=st.integers(1, 12), price=a_price)
    def publish_a_fill(self, user, symbol, side, version, price):
        """Publishes a fill, which is void in most cases."""
        number = len(self.requests)
        fill = Fill(command_id(9, number), self.users[user], SYMBOLS[symbol], side, version, price, 1, T0)
        self.put(FillBatch(VERSION, T0, [fill]), [fill], False)

    @rule()
    def publish_garbage(self):
        self.stream.append((GARBAGE, False))

    @rule(last=st.integers(1, 3))
    def publish_the_last_ones_again(self, last):
        """Publishes the last messages again with a mark, like a publisher whose connection broke."""
        self.stream += [(body, True) for body, _ in self.stream[-last:]]
