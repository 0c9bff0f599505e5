"""Results of commands, from the reply of a worker or from the history row. No I/O."""

import enum

import msgspec

from schema.commands import Command, CommandName
from schema.events import Reply
from schema.outcomes import SENTENCES, Outcome, Reason
from webapp.reads.history import HistoryRowView

_BOUGHT_OR_SOLD = frozenset(
    {
        CommandName.BUY,
        CommandName.COMMIT_BUY,
        CommandName.CANCEL_BUY,
        CommandName.SELL,
        CommandName.COMMIT_SELL,
        CommandName.CANCEL_SELL,
    }
)


class CommandStatus(enum.StrEnum):
    """Outcome of a command, or `pending` while none is known."""

    DONE = "done"
    REJECTED = "rejected"
    PENDING = "pending"


class CommandResult(msgspec.Struct, frozen=True):
    """State of a command. `status`: done, rejected, or pending (not known yet; ask for it by `command_id`).

    `reason` and `sentence` (for people) say why it was rejected. `shares`: of a BUY, a SELL, their COMMIT and CANCEL.
    `seq`: of its history row. `newest_order`: `seq` of the newest pending order, if a COMMIT or CANCEL named another
    one. Transaction number and name may be unknown for a pending command that another process submitted.
    """

    command_id: str
    transaction_number: int | None
    command: CommandName | None
    status: CommandStatus
    reason: Reason | None = None
    sentence: str | None = None
    symbol: str | None = None
    amount_cents: int | None = None
    price_cents: int | None = None
    shares: int | None = None
    seq: int | None = None
    at_ms: int | None = None
    newest_order: int | None = None

    @property
    def pending(self) -> bool:
        return self.status is CommandStatus.PENDING


def pending(command: Command) -> CommandResult:
    return CommandResult(command.command_id.hex(), command.transaction_number, command.name, CommandStatus.PENDING)


def from_reply(command: Command, reply: Reply) -> CommandResult:
    return CommandResult(
        command.command_id.hex(),
        command.transaction_number,
        command.name,
        CommandStatus(reply.outcome),
        reply.reason,
        SENTENCES[reply.reason] if reply.reason else None,
        reply.symbol,
        reply.amount_cents,
        reply.price_cents,
        _shares(command.name, reply.outcome, reply.amount_cents, reply.price_cents),
        reply.seq,
        reply.at_ms,
        reply.newest_order_seq,
    )


def from_row(row: HistoryRowView) -> CommandResult:
    name = CommandName(row.command)
    return CommandResult(
        row.command_id,
        row.transaction_number,
        name,
        CommandStatus(row.outcome),
        Reason(row.reason) if row.reason else None,
        row.sentence,
        row.symbol,
        row.amount_cents,
        row.price_cents,
        _shares(name, row.outcome, row.amount_cents, row.price_cents),
        row.seq,
        row.at_ms,
        row.newest_order_seq,
    )


def _shares(name: CommandName, outcome: str, amount_cents: int | None, price_cents: int | None) -> int | None:
    if name not in _BOUGHT_OR_SOLD or outcome != Outcome.DONE or amount_cents is None or price_cents is None:
        return None
    return amount_cents // price_cents
