"""Look-ahead requests only quotes that would be bought without it, and does not change any outcome.

Two schedulers run the same log in the same virtual time, one of them with look-ahead.
"""

import heapq
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from schema.commands import Command, CommandName
from schema.events import NoQuote
from schema.outcomes import Reason
from tests.builders import T0, a_command, a_quote, an_account
from tests.scheduler_rig import QuoteTable, SchedulerRig

USERS = ("ann", "bob", "eve")
SYMBOLS = ("A", "B", "C", "D")
GAP_MS, DELAY_MS_MAX, COMMANDS_MAX = 10, 700, 25
assert COMMANDS_MAX * (GAP_MS + DELAY_MS_MAX) < 60_000, "no quote runs out"

a_name = st.sampled_from([CommandName.QUOTE, CommandName.BUY, CommandName.SELL, CommandName.SET_BUY_AMOUNT])
a_step = st.tuples(st.integers(0, 2), a_name, st.integers(0, 3), st.integers(1, 60), st.booleans())
an_answer = st.tuples(st.integers(1, DELAY_MS_MAX), st.none() | st.integers(1, 50) | st.integers(95, 130))


@dataclass
class DelayedQuotes(QuoteTable):
    """Table that answers each symbol after its own delay: with its own price, or that no quote is available."""

    answers: dict[str, tuple[int, int | None]]
    now_ms: int = T0
    due: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def request(
        self, symbol: str, user: str, transaction_number: int, now_ms: int, paid_quotes_max: int | None = None
    ) -> None:
        if all(symbol != waiting for _, waiting in self.due):
            super().request(symbol, user, transaction_number, now_ms)
            heapq.heappush(self.due, (now_ms + self.answers[symbol][0], symbol))


def runs(commands: list[Command], answers: dict, look_ahead_from: int) -> tuple[SchedulerRig, DelayedQuotes]:
    """Runs commands, which arrive one by one every GAP_MS, until all is done."""
    server = DelayedQuotes(answers)
    rig = SchedulerRig(
        *(an_account(user, 250, {"A": 3, "B": 3}) for user in USERS), quotes=server, look_ahead_from=look_ahead_from
    )
    for number, command in enumerate(commands):
        arrives_ms = T0 + number * GAP_MS
        answer_until(rig, server, arrives_ms)
        rig.now_ms = arrives_ms
        rig.takes(command)
    answer_until(rig, server, T0 + 60_000)
    assert len(rig.done) == len(commands)
    return rig, server


def answer_until(rig: SchedulerRig, server: DelayedQuotes, until_ms: int) -> None:
    while server.due and server.due[0][0] <= until_ms:
        rig.now_ms, symbol = heapq.heappop(server.due)
        price = server.answers[symbol][1]
        if price is None:
            rig.turn([NoQuote(symbol, rig.now_ms, "silence")])
        else:
            server.quotes[symbol] = a_quote(price, symbol, rig.now_ms)
            rig.turn([server.quotes[symbol]])


@given(
    steps=st.lists(a_step, min_size=1, max_size=COMMANDS_MAX),
    answers=st.fixed_dictionaries(dict.fromkeys(SYMBOLS, an_answer)),
    users=st.integers(1, 3),
)
def test_look_ahead_buys_nothing_that_would_not_have_been_bought(steps, answers, users):
    commands = [
        a_command(
            name,
            amount,
            SYMBOLS[symbol],
            USERS[user % users],
            number,
            shares=1 + amount % 3 if by_shares and name in (CommandName.BUY, CommandName.SELL) else None,
        )
        for number, (user, name, symbol, amount, by_shares) in enumerate(steps, 1)
    ]
    ahead, bought = runs(commands, answers, look_ahead_from=1)
    plain, would_have_bought = runs(commands, answers, look_ahead_from=COMMANDS_MAX)
    assert ahead.reasons == plain.reasons
    assert max(Counter(number for _, _, number in bought.asked).values(), default=0) <= 1, "a command asked twice"
    early, late = Counter(bought.symbols_asked), Counter(would_have_bought.symbols_asked)
    refused = Counter(
        command.symbol for command in commands if ahead.reasons[command.transaction_number] is Reason.NO_QUOTE
    )
    for symbol, (_, price) in answers.items():
        if price is not None or users == 1:
            assert early[symbol] <= late[symbol], symbol
        else:
            # Commands that wait at the same time share a request. With look-ahead they may wait at different times, but
            # each causes at most one request.
            assert early[symbol] <= refused[symbol], symbol
