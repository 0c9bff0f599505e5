"""DUMPLOGs that somebody gives while faults strike: of the whole log, and of a user who is busy meanwhile.

Makes the commands, and remembers for each what had been confirmed by then. Publishes nothing and judges nothing.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from schema.commands import Command, CommandName
from tests.chaos.given import Given

CLERKS = 8
"""Who ask for the whole log: users of their own, as commands of whoever asks wait for the dump's turn."""

ADD_CENTS = 12_345

MakeCommand = Callable[..., Command]
"""Gives a command its number: name, user, symbol, amount, file name."""


@dataclass(frozen=True)
class GivenDump:
    """A DUMPLOG. `lines`, `probes`: how many of the workload's and of the prober's commands were confirmed before it.

    `user`: whose log; None for all. `asker`: who asked for the whole log, where somebody did.
    """

    command_id: bytes
    number: int
    filename: str
    user: str | None
    asker: str | None
    lines: int
    probes: int

    @property
    def dump_id(self) -> str:
        return self.command_id.hex()


class Dumps:
    """`confirmed`: how many lines of the workload are confirmed just now."""

    def __init__(self, lines: list[Given], confirmed: Callable[[], int], draw: random.Random):
        self._users = [line.user for line in lines if line.user]
        self._confirmed = confirmed
        self._draw = draw
        self.given: list[GivenDump] = []

    def commands(self, make: MakeCommand, probes: int) -> tuple[list[Command], list[str | None]]:
        """One DUMPLOG of each kind, and a command behind them of who asks for the whole log; and who asks for each."""
        lines, count = self._confirmed(), len(self.given)
        clerk = f"clerk{self._draw.randrange(CLERKS)}"
        busy = self._draw.choice(self._users[: max(1, lines)])
        whole = make(CommandName.DUMPLOG, None, filename=f"chaos/{count}-whole")
        own = make(CommandName.DUMPLOG, busy, filename=f"./chaos/{count}-{busy}")
        self.given += [
            GivenDump(whole.command_id, whole.transaction_number, whole.filename, None, clerk, lines, probes),
            GivenDump(own.command_id, own.transaction_number, own.filename, busy, None, lines, probes),
        ]
        return [whole, own, make(CommandName.ADD, clerk, amount_cents=ADD_CENTS)], [clerk, None, None]
