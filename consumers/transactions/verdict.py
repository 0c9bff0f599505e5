"""How rules say their verdict: the rejection, the done decision, and the states a quote can be in. No rule in here."""

import enum
from typing import Unpack

from consumers.transactions.account import Changes, Decision
from schema.commands import Command
from schema.events import Quote
from schema.outcomes import HistoryKind, Outcome, Reason

WANTS_QUOTE = None
"""A rule's answer when it cannot go on without a quote: the user is parked, and the rule asked again later."""


class Missing(enum.Enum):
    NO_QUOTE = enum.auto()
    QUOTE_REFUSED = enum.auto()


NO_QUOTE = Missing.NO_QUOTE
"""Given instead of a quote where none is to be had (spec §4)."""

QUOTE_REFUSED = Missing.QUOTE_REFUSED
"""Given instead of a quote where the user's allowance of paid quotes is used up (spec §3a)."""

Given = Quote | Missing | None


def done(command: Command, **changes: Unpack[Changes]) -> Decision:
    """The command takes effect, with these fields of its decision."""
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
    """The rejection of a command that needs a quote and gets none."""
    return rejected(command, Reason.QUOTE_ALLOWANCE_USED_UP if missing is QUOTE_REFUSED else Reason.NO_QUOTE)


def rejected(
    command: Command, reason: Reason, quote: Quote | None = None, newest_order_seq: int | None = None
) -> Decision:
    """The command changes nothing, for this reason; `quote` where its price was what decided."""
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
