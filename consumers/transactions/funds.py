"""Rules of the commands that move no shares: ADD, QUOTE, DISPLAY_SUMMARY, DUMPLOG (spec §3). Pure."""

from consumers.transactions.account import Account, Decision
from consumers.transactions.verdict import WANTS_QUOTE, Given, Missing, done, rejected, without_quote
from schema.commands import Command
from schema.filenames import dump_path
from schema.outcomes import Reason


def add(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    assert command.amount_cents is not None, command
    if not account.has_room(command.amount_cents):
        return rejected(command, Reason.BALANCE_LIMIT)
    amount = command.amount_cents
    return done(command, amount_cents=amount, cash_delta_cents=amount, opens_account=not account.opened)


def quote(account: Account, command: Command, given: Given, now_ms: int) -> Decision | None:
    if given is None:
        return WANTS_QUOTE
    if isinstance(given, Missing):
        return without_quote(command, given)
    return done(command, price_cents=given.price_cents, quote=given, quote_id=given.quote_id)


def display_summary(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    if not account.opened:
        return rejected(command, Reason.NO_ACCOUNT)
    return done(command)


def dumplog(account: Account, command: Command, given: Given, now_ms: int) -> Decision:
    assert command.filename is not None, command
    path = dump_path(command.filename, command.user)
    if path is None:
        return rejected(command, Reason.BAD_FILE_NAME)
    return done(command, filename=path)
