"""Rows of the log as elements of the dump's XML (spec §6). Pure; text is escaped here and nowhere else.

No amount becomes a float. A field that a row does not have is left out, never invented.
"""

import functools
import re
from typing import NamedTuple

from schema.commands import is_symbol
from schema.events import AuditKind, source_name
from schema.money import format_cents

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<log>\n'
TAIL = "</log>\n"

# Characters that XML 1.0 does not take unescaped, and the carriage return, which a parser would turn into a line feed.
_UNSAFE = re.compile(r"[^\t\n\x20-\x25\x27-\x3b=\x3f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"}


class AuditRow(NamedTuple):
    """Fields of an element: columns of `audit_events`, in this order."""

    source: int
    kind: str
    at_ms: int
    transaction_number: int
    command: str | None
    user: str | None
    symbol: str | None
    filename: str | None
    funds_cents: int | None
    message: str | None
    quote_server_time: int | None
    cryptokey: str | None


def element(row: AuditRow) -> str:
    """One element, on a line of its own."""
    return (
        f"<{row.kind}><timestamp>{row.at_ms}</timestamp><server>{_server(row.source)}</server>"
        f"<transactionNum>{row.transaction_number}</transactionNum>{_BODIES[row.kind](row)}</{row.kind}>\n"
    )


def escape(text: str) -> str:
    """Text as element content; characters that XML cannot hold become the replacement character."""
    return _UNSAFE.sub(_entity, text) if _UNSAFE.search(text) else text


def _entity(match: re.Match[str]) -> str:
    return _ENTITIES.get(match[0], "\ufffd")


def _command(row: AuditRow) -> str:
    return (
        f"<command>{row.command}</command>"
        f"{'' if not row.user else f'<username>{_user(row.user)}</username>'}"
        f"{'' if not row.symbol else _stock_symbol(row.symbol)}"
        f"{'' if row.filename is None else f'<filename>{escape(row.filename)}</filename>'}"
        f"{'' if row.funds_cents is None else f'<funds>{format_cents(row.funds_cents)}</funds>'}"
    )


def _error(row: AuditRow) -> str:
    return _command(row) + ("" if row.message is None else f"<errorMessage>{escape(row.message)}</errorMessage>")


def _debug(row: AuditRow) -> str:
    return _command(row) + ("" if row.message is None else f"<debugMessage>{escape(row.message)}</debugMessage>")


def _account(row: AuditRow) -> str:
    assert row.funds_cents is not None, row
    return (
        f"<action>{'remove' if row.funds_cents < 0 else 'add'}</action><username>{_user(row.user)}</username>"
        f"<funds>{format_cents(abs(row.funds_cents))}</funds>"
    )


def _quote(row: AuditRow) -> str:
    assert row.funds_cents is not None and row.symbol is not None and row.cryptokey is not None, row
    return (
        f"<price>{format_cents(row.funds_cents)}</price><stockSymbol>{escape(row.symbol)}</stockSymbol>"
        f"<username>{_user(row.user)}</username><quoteServerTime>{row.quote_server_time}</quoteServerTime>"
        f"<cryptokey>{escape(row.cryptokey)}</cryptokey>"
    )


_BODIES = {
    AuditKind.USER_COMMAND.value: _command,
    AuditKind.SYSTEM_EVENT.value: _command,
    AuditKind.ERROR_EVENT.value: _error,
    AuditKind.DEBUG_EVENT.value: _debug,
    AuditKind.ACCOUNT_TRANSACTION.value: _account,
    AuditKind.QUOTE_SERVER.value: _quote,
}

_server = functools.cache(source_name)
_user = functools.lru_cache(maxsize=100_000)(escape)


@functools.lru_cache(maxsize=20_000)
def _stock_symbol(symbol: str) -> str:
    return f"<stockSymbol>{symbol}</stockSymbol>" if is_symbol(symbol) else ""
