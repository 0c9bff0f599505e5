"""Entries of a decision in the log of record (spec §6), and news of trigger orders for trigger workers. Pure."""

from consumers.transactions.account import DecidedRow
from schema.commands import Command
from schema.events import AuditEntry, AuditKind, Quote, TriggerChange
from schema.filenames import dump_path
from schema.outcomes import SENTENCES, Outcome

_USER_COMMAND, _ERROR, _SYSTEM = AuditKind.USER_COMMAND, AuditKind.ERROR_EVENT, AuditKind.SYSTEM_EVENT
_MONEY, _MARKER = AuditKind.ACCOUNT_TRANSACTION, AuditKind.MARKER

_MESSAGES = {reason: f"{reason}: {sentence}" for reason, sentence in SENTENCES.items()}


def log_command(entries: list[AuditEntry], command: Command, row: DecidedRow) -> None:
    """Appends all entries of a command: the userCommand, then its effects or its error."""
    number, name, user = command.transaction_number, command.name, command.user
    decision, at_ms = row.decision, row.at_ms
    filename = command.filename if command.filename and dump_path(command.filename, user) else None
    entries.append(AuditEntry(_USER_COMMAND, at_ms, number, name, user, command.symbol, filename, command.amount_cents))
    quote = decision.quote
    if quote is not None and not _paid_for(quote, command, row.published_at_ms):
        entries.append(AuditEntry(_SYSTEM, at_ms, number, name, user, quote.symbol, None, quote.price_cents))
    if decision.outcome is Outcome.REJECTED:
        assert decision.reason is not None, decision
        message = _MESSAGES[decision.reason]
        entries.append(
            AuditEntry(_ERROR, at_ms, number, name, user, command.symbol, filename, command.amount_cents, message)
        )
        return
    log_changes(entries, row)


def _paid_for(quote: Quote, command: Command, published_at_ms: int) -> bool:
    """Whether this command caused the paid quote, which the quote cache then has logged under its number.

    Numbers repeat, for example when a file is loaded twice. So the quote must also have been asked for after the
    command was published. No tolerance is given for differing clocks of two hosts: one entry too many only repeats a
    price that was used, but one too few would hide the use of a cached quote (spec §6).
    """
    is_cause = quote.cause_transaction_number == command.transaction_number and quote.cause_user == command.user
    return is_cause and quote.asked_at_ms >= published_at_ms


def log_changes(entries: list[AuditEntry], row: DecidedRow) -> None:
    """Appends what a decision did to the account: cash, and shares or trigger orders. A fill has no other entries."""
    decision, at_ms, user = row.decision, row.at_ms, row.user or None
    number, name = decision.transaction_number, decision.command
    if decision.cash_delta_cents:
        entries.append(AuditEntry(_MONEY, at_ms, number, name, user, decision.symbol, None, decision.cash_delta_cents))
    if decision.shares_delta or decision.reserved_shares_delta or decision.trigger_key:
        funds = decision.price_cents or decision.amount_cents
        entries.append(AuditEntry(_SYSTEM, at_ms, number, name, user, decision.symbol, None, funds))


def log_expiry(entries: list[AuditEntry], row: DecidedRow) -> None:
    """Appends an expiry: a systemEvent always, and what it did to the cash."""
    decision, at_ms, user = row.decision, row.at_ms, row.user
    number, name = decision.transaction_number, decision.command
    entries.append(AuditEntry(_SYSTEM, at_ms, number, name, user, decision.symbol, None, decision.amount_cents))
    if decision.cash_delta_cents:
        entries.append(AuditEntry(_MONEY, at_ms, number, name, user, decision.symbol, None, decision.cash_delta_cents))


def marker(command: Command, path: str, at_ms: int) -> AuditEntry:
    """Marker of a DUMPLOG in a source's numbered entries: its dump holds the entries before the marker."""
    return AuditEntry(
        _MARKER,
        at_ms,
        command.transaction_number,
        command.name,
        command.user,
        None,
        path,
        None,
        command.command_id.hex(),
    )


def trigger_change(row: DecidedRow) -> TriggerChange:
    """The armed trigger order after this decision; without a price if it is gone."""
    decision = row.decision
    assert decision.trigger_key is not None, decision
    symbol, side = decision.trigger_key
    order = decision.trigger_order
    if order is None:
        return TriggerChange(row.user, symbol, side, row.seq, None, 0, 0, decision.transaction_number)
    return TriggerChange(
        row.user,
        symbol,
        side,
        row.seq,
        order.trigger_cents,
        order.reserved_cents,
        order.reserved_shares,
        order.transaction_number,
    )
