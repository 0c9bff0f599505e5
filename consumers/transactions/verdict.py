"""Verdicts of rules: the rejected and the done decision, and the reasons why a quote is missing. No rule in here."""

import enum
from typing import Unpack

from consumers.transactions.account import Decision, DecisionFields
from schema.commands import Command
from schema.events import Quote
from schema.outcomes import HistoryKind, Outcome, Reason

WANTS_QUOTE = None
"""Result of a rule that cannot decide without a quote. The scheduler parks the user and calls the rule again later."""


class Missing(enum.Enum):
    NO_QUOTE = enum.auto()
    QUOTE_REFUSED = enum.auto()


NO_QUOTE = Missing.NO_QUOTE
"""Given to a rule instead of a quote if no quote is available (spec §4)."""

QUOTE_REFUSED = Missing.QUOTE_REFUSED
"""Given to a rule instead of a quote if the user's allowance of paid quotes is used up (spec §3a)."""

Given = Quote | Missing | None


def done(command: Command, **changes: Unpack[DecisionFields]) -> Decision:
    """Decision that the command takes effect, with these fields."""
    changes.setdefault("symbol", command.symbol)
    return Decision(
        HistoryKind.COMMAND,
        command.name,
        command.transaction_number,
        shares=command.shares,
        order_seq=command.order_seq,
        **changes,
    )


def without_quote(command: Command, missing: Missing) -> Decision:
    """Rejection of a command that needs a quote and gets none."""
    return rejected(command, Reason.QUOTE_ALLOWANCE_USED_UP if missing is QUOTE_REFUSED else Reason.NO_QUOTE)


def rejected(
    command: Command, reason: Reason, quote: Quote | None = None, newest_order_seq: int | None = None
) -> Decision:
    """Decision that the command changes nothing, for this reason. `quote`: set if its price decided."""
    return Decision(
        HistoryKind.COMMAND,
        command.name,
        command.transaction_number,
        Outcome.REJECTED,
        reason,
        command.symbol,
        command.amount_cents,
        quote.price_cents if quote else None,
        quote=quote,
        quote_id=quote.quote_id if quote else None,
        shares=command.shares,
        order_seq=command.order_seq,
        newest_order_seq=newest_order_seq,
    )
