"""Early requests for quotes that waiting commands will surely need, so that a user waits for slow answers only once.

The worker never asks early for a quote that may turn out not to be needed: if the command were rejected before it uses
the quote, the money would be lost. It asks early only for users who are far behind: a quote's 60 s begin
when it is asked for, so an early quote expires early, and a symbol that stays in use needs another one sooner.
"""

from typing import Protocol

from consumers.transactions.account import Account
from consumers.transactions.pending_rules import least_cost_cents
from schema.commands import Command, CommandName
from schema.events import Quote
from schema.money import BALANCE_MAX

LOOK_AHEAD_FROM = 64
"""Number of a user's waiting commands from which on the worker asks early. A user who sends 5 commands a second has
fewer waiting even after three of the slowest answers; in a flood of commands every user has more (docs/decisions.md).
"""

_TAKES_CASH = frozenset({CommandName.BUY, CommandName.SET_BUY_AMOUNT})


class QuoteLookup(Protocol):
    """Source of quotes: `quotecache.client.Prices`, or a table in a test."""

    def quote(self, symbol: str, now_ms: int) -> Quote | None: ...

    def peek(self, symbol: str, now_ms: int) -> Quote | None: ...

    def request(
        self, symbol: str, user: str, transaction_number: int, now_ms: int, paid_quotes_max: int | None = None
    ) -> None: ...


def claim_cents(command: Command) -> int:
    """Maximum that a waiting command may take from the available cash before the commands behind it run."""
    if command.name not in _TAKES_CASH or command.defect is not None:
        return 0
    if command.shares is not None:
        return BALANCE_MAX  # the price of these shares is not known yet
    assert command.amount_cents is not None, command
    return command.amount_cents


def surely_needs_quote(command: Command, account: Account, claimed_cents: int) -> bool:
    """Whether the command will need its symbol's price, whatever the outcomes of the commands before it in the queue.

    `claimed_cents`: the sum of those commands' claims. A SELL is never sure: the shares may be gone by then.
    """
    if command.defect is not None:
        return False
    if command.name is CommandName.QUOTE:
        return True
    if command.name is CommandName.BUY:
        return account.opened and account.cash_cents - claimed_cents >= least_cost_cents(command)
    return False
