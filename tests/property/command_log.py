"""A partition's stream as publishers fill it, in any order and more than once: what a worker under test reads."""

from itertools import count

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from consumers.transactions.scheduler import HOME_OF_NOBODY
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

ELSEWHERE = HOME_OF_NOBODY + 1


def users_of(partition: int) -> list[str]:
    names = (f"user{n}" for n in count())
    return [next(name for name in names if partition_of(name) == partition) for _ in range(3)]


USERS = {partition: users_of(partition) for partition in (HOME_OF_NOBODY, ELSEWHERE)}
SYMBOLS = ("A", "B", "C")

which = st.integers(0, 2)
an_amount = st.integers(1, 60)
a_price = st.integers(1, 15)
a_name = st.sampled_from([name for name in CommandName if name is not CommandName.DUMPLOG])
a_thirsty_name = st.sampled_from([CommandName.BUY, CommandName.BUY, CommandName.QUOTE, CommandName.SELL])
some_commands = st.lists(st.tuples(which, a_thirsty_name | a_name, which, an_amount), min_size=1, max_size=6)


class Log(RuleBasedStateMachine):
    """The publisher's side: what is in the partition's stream, and what it must come to."""

    def __init__(self) -> None:
        super().__init__()
        self.stream: list[tuple[bytes, bool]] = []
        self.orders: list[Command | Fill] = []
        """Everything published, first copies only, in order."""
        self.offset_of: dict[bytes, int] = {}
        """Of the first copy, by command id."""
        self.asked_by: dict[bytes, str | None] = {}
        """Who asked for a root DUMPLOG, by its command id."""

    def put(self, message, orders: list, republished: bool) -> None:
        for order in orders:
            self.orders.append(order)
            self.offset_of[order.command_id] = len(self.stream)
        self.stream.append((codec.encode(message), republished))

    @initialize(home=st.booleans(), batch_max=st.sampled_from([1, 3, 1_000]), forgets=st.booleans())
    def begin(self, home, batch_max, forgets):
        self.partition = HOME_OF_NOBODY if home else ELSEWHERE
        self.users = USERS[self.partition]
        self.batch_max, self.forgets = batch_max, forgets
        adds = [a_command("ADD", 90, user=user) for user in self.users[:2]]
        self.put(CommandBatch(VERSION, T0, adds), adds, False)

    @rule(commands=some_commands, republished=st.booleans())
    def publish(self, commands, republished):
        """Marked, it is the second copy of one that never arrived."""
        made = [a_command(name, amount, SYMBOLS[s], self.users[u]) for u, name, s, amount in commands]
        self.put(CommandBatch(VERSION, T0, made), made, republished)

    @rule(user=which)
    def publish_a_dumplog_of_one_user(self, user):
        command = a_command("DUMPLOG", user=self.users[user])
        self.put(CommandBatch(VERSION, T0, [command]), [command], False)

    @rule(republished=st.booleans(), asked_by=st.none() | which)
    def publish_a_root_dumplog(self, republished, asked_by):
        command = a_command("DUMPLOG", user=None)
        person = None if asked_by is None else self.users[asked_by]
        self.put(DumpMarker(VERSION, T0, command, person), [command], republished)
        self.asked_by[command.command_id] = person

    @rule()
    def publish_a_command_of_nobody(self):
        command = a_command("ADD", None, user=None, defect=Reason.BAD_ARGUMENTS)
        if self.partition == HOME_OF_NOBODY:
            self.put(CommandBatch(VERSION, T0, [command]), [command], False)

    @rule(user=which, symbol=which, side=st.sampled_from(Side), version=st.integers(1, 12), price=a_price)
    def publish_a_fill(self, user, symbol, side, version, price):
        """Mostly void."""
        number = len(self.orders)
        fill = Fill(command_id(9, number), self.users[user], SYMBOLS[symbol], side, version, price, 1, T0)
        self.put(FillBatch(VERSION, T0, [fill]), [fill], False)

    @rule()
    def publish_garbage(self):
        self.stream.append((b"garbage", False))

    @rule(last=st.integers(1, 3))
    def publish_the_last_ones_again(self, last):
        """The connection broke, and the publisher does not know what had arrived."""
        self.stream += [(body, True) for body, _ in self.stream[-last:]]
