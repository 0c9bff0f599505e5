"""Generator of workload files in the customer's format, with the statistics of `mix`.

The same arguments always give the same bytes.
"""

import itertools
import random
import string
from collections.abc import Iterator
from dataclasses import dataclass

from schema.commands import CommandName
from schema.money import format_cents
from workloads import mix

USER_ID_CHARACTERS = 10
SYMBOL_CHARACTERS = 3
SYMBOLS_MAX = 10_000
"""Maximum symbols in a file. There are 17,576 names, and drawing distinct ones at random must stay quick."""

USERS_MAX = 10_000_000
"""Maximum users in a file. All of them are in memory: 1.5 GB."""

ROOT_DUMP = "DUMPLOG,./testLOG"
USER_DUMP = "./userLOG"
TRIGGERS = {
    CommandName.SET_BUY_TRIGGER: CommandName.SET_BUY_AMOUNT,
    CommandName.SET_SELL_TRIGGER: CommandName.SET_SELL_AMOUNT,
}
"""Trigger commands, each with the command that sets its amount."""

USER_ONLY = frozenset(
    {
        CommandName.COMMIT_BUY,
        CommandName.CANCEL_BUY,
        CommandName.COMMIT_SELL,
        CommandName.CANCEL_SELL,
        CommandName.DISPLAY_SUMMARY,
    }
)
WITHOUT_AMOUNT = frozenset({CommandName.QUOTE, CommandName.CANCEL_SET_BUY, CommandName.CANCEL_SET_SELL})


@dataclass(slots=True)
class _User:
    """State of a user in the Markov chain of commands: the newest command, with its symbol and amount."""

    id: str
    command: CommandName | None = None
    symbol: str = ""
    cents: int = 0


def workload_lines(users: int, commands: int, symbols: int, seed: int, user_dump: bool = False) -> Iterator[str]:
    """Generates the lines of a file, without line ends; the last is the DUMPLOG of all users.

    With `user_dump`, the line before it dumps the first user's log, which the official large files never do.
    """
    assert 1 <= users <= USERS_MAX and 1 <= symbols <= SYMBOLS_MAX and commands >= 2 + user_dump
    walk = _Walk(random.Random(seed), users, symbols)
    total = commands - 1 - user_dump
    bodies = itertools.chain(
        (walk.step() for _ in range(total)),
        [f"DUMPLOG,{walk.users[0].id},{USER_DUMP}"] * user_dump,
    )
    for number, body in enumerate(bodies, start=1):
        yield f"[{number}] {body} "
    yield f"[{commands}] {ROOT_DUMP}"


class _Walk:
    """Walk of all users through the Markov chain, with the symbols and favourite symbols that they share."""

    def __init__(self, random: random.Random, users: int, symbols: int):
        self._random = random
        self.users = [
            _User(name) for name in self._distinct(users, string.ascii_letters + string.digits, USER_ID_CHARACTERS)
        ]
        self._symbols = self._distinct(symbols, string.ascii_uppercase, SYMBOL_CHARACTERS if symbols > 1 else 1)
        self._favourites: list[str] = []
        self._steps = 0

    def step(self) -> str:
        """The next line's command with its arguments."""
        self._steps += 1
        if self._steps % (mix.COMMANDS_PER_USER_AND_FAVOURITE * len(self.users)) == 0:
            symbol = self._random.choice(self._symbols)
            if symbol not in self._favourites:
                self._favourites.append(symbol)
        user = self._random.choice(self.users)
        command = self._next(user)
        user.symbol, user.cents = self._symbol(user, command), self._cents(user, command)
        user.command = command
        if command is CommandName.ADD:
            return f"{command},{user.id},{format_cents(user.cents)}"
        if command in USER_ONLY:
            return f"{command},{user.id}"
        if command in WITHOUT_AMOUNT:
            return f"{command},{user.id},{user.symbol}"
        return f"{command},{user.id},{user.symbol},{format_cents(user.cents)}"

    def _next(self, user: _User) -> CommandName:
        if user.command is None:
            return CommandName.ADD
        names, weights = _CHAIN.get(user.command, _OTHERWISE)
        return self._random.choices(names, cum_weights=weights)[0]

    def _symbol(self, user: _User, command: CommandName) -> str:
        if user.command is not None and mix.SAME_SYMBOL_AFTER.get(command) is user.command:
            return user.symbol
        if command in mix.FAVOURITES and self._favourites:
            return self._random.choice(self._favourites)
        return self._random.choice(self._symbols)

    def _cents(self, user: _User, command: CommandName) -> int:
        if command is CommandName.ADD:
            return max(1, round(self._random.gauss(mix.ADD_CENTS_MEAN, mix.ADD_CENTS_DEVIATION)))
        if command in TRIGGERS:
            straight = user.command is TRIGGERS[command]
            return self._random.randint(1, user.cents if straight else mix.TRIGGER_CENTS_MAX)
        return self._random.randint(1, mix.AMOUNT_CENTS_MAX)

    def _distinct(self, count: int, alphabet: str, length: int) -> list[str]:
        names: dict[str, None] = {}
        while len(names) < count:
            names["".join(self._random.choices(alphabet, k=length))] = None
        return list(names)


def _table(weights: dict[CommandName, int]) -> tuple[list[CommandName], list[int]]:
    return list(weights), list(itertools.accumulate(weights.values()))


_CHAIN = {before: _table(weights) for before, weights in mix.AFTER.items()}
_OTHERWISE = _table(mix.AFTER_ANYTHING_ELSE)
