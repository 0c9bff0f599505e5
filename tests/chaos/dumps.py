"""DUMPLOG commands given while faults strike: of the whole log, and of a user who is active meanwhile.

Makes the commands, and remembers for each which other commands had been confirmed by then. Publishes nothing and judges
nothing.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from schema.commands import Command, CommandName
from tests.chaos.sent_commands import WorkloadCommand

CLERKS = 8
"""Number of users who only request dumps of the whole log. Their later commands wait for the dump's markers."""

ADD_CENTS = 12_345

MakeCommand = Callable[..., Command]
"""Makes a command and numbers it: name, user, symbol, amount, file name."""


@dataclass(frozen=True)
class GivenDump:
    """DUMPLOG that was sent.

    `lines`, `probes`: numbers of the workload's and the prober's commands that were confirmed before it. `user`: the
    user whose log it is for; None for the whole log. `asker`: the user who requested the whole log, or None.
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
    """DUMPLOGs of a round. `confirmed` returns how many lines of the workload are confirmed so far."""

    def __init__(self, lines: list[WorkloadCommand], confirmed: Callable[[], int], draw: random.Random):
        self._users = [line.user for line in lines if line.user]
        self._confirmed = confirmed
        self._draw = draw
        self.given: list[GivenDump] = []

    def commands(self, make: MakeCommand, probes: int) -> tuple[list[Command], list[str | None]]:
        """Makes one DUMPLOG of each kind, then an ADD of the user who requests the whole log.

        Returns the commands, and for each the user who requests the whole log with it, or None.
        """
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
