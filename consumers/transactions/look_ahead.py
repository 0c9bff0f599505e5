"""Asking early for quotes that waiting commands will surely need, so that a cold cache costs one slowest answer.

Never for one that may turn out not to be needed: a rejection before the quote would make it money thrown away
(design §3). And only for users who are far behind: a quote's life begins when it is asked for, so what is asked for
early runs out early, which costs money where a symbol goes on being used.
"""

from typing import Protocol

from consumers.transactions.account import Account
from consumers.transactions.pending_rules import least_cost_cents
from schema.commands import Command, CommandName
from schema.events import Quote
from schema.money import BALANCE_MAX

LOOK_AHEAD_FROM = 64
"""Commands of a user that wait. Whoever sends 5 commands a second has fewer after three slowest answers; in a flood of
commands everybody has more (docs/decisions.md).
"""

_TAKES_CASH = frozenset({CommandName.BUY, CommandName.SET_BUY_AMOUNT})


class Quotes(Protocol):
    """Where quotes come from: `quotecache.client.Prices`, or a table in a test."""

    def quote(self, symbol: str, now_ms: int) -> Quote | None: ...

    def peek(self, symbol: str, now_ms: int) -> Quote | None: ...

    def request(
        self, symbol: str, user: str, transaction_number: int, now_ms: int, paid_quotes_max: int | None = None
    ) -> None: ...


def claim_cents(command: Command) -> int:
    """The most that a waiting command may take from the available cash before those behind it run."""
    if command.name not in _TAKES_CASH or command.defect is not None:
        return 0
    if command.shares is not None:
        return BALANCE_MAX  # shares at a price that nobody knows yet
    assert command.amount_cents is not None, command
    return command.amount_cents


def surely_needs_quote(command: Command, account: Account, claimed_cents: int) -> bool:
    """Whether the command will need its symbol's price, whatever becomes of those before it in its user's queue.

    `claimed_cents`: the sum of their claims. A SELL is never sure: the shares may be gone by then.
    """
    if command.defect is not None:
        return False
    if command.name is CommandName.QUOTE:
        return True
    if command.name is CommandName.BUY:
        return account.opened and account.cash_cents - claimed_cents >= least_cost_cents(command)
    return False
