"""Audit entries as the text that Postgres copies into `audit_events`, and the check that it will take them.

Pure, and the hottest loop of the process. No I/O, no SQL, and no opinion on which entries to store.
"""

import functools
from collections.abc import Sequence

from schema import chain
from schema.bounds import INT64_MAX
from schema.commands import PARTITIONS
from schema.errors import DecodeError
from schema.events import QUOTECACHE_SOURCE, AuditEntry, AuditKind, AuditMessage

COLUMNS = chain.COLUMNS
"""Of `audit_events`, in the order in which `copy_lines` gives them."""

SOURCES = frozenset([*range(PARTITIONS), QUOTECACHE_SOURCE])

_NULL = r"\N"
# Postgres holds no NUL; one in somebody's text must not stop the log, so it becomes the replacement character.
# All the rest is escaped just as Postgres itself does it: the chain is over these bytes, and is verified over those
# that COPY … TO gives back.
_ESCAPES = str.maketrans(
    {
        "\\": r"\\",
        "\b": r"\b",
        "\f": r"\f",
        "\n": r"\n",
        "\r": r"\r",
        "\t": r"\t",
        "\v": r"\v",
        "\0": "\ufffd",
    }
)

_ACCOUNT, _QUOTE, _MARKER = AuditKind.ACCOUNT_TRANSACTION, AuditKind.QUOTE_SERVER, AuditKind.MARKER


def check(message: AuditMessage) -> None:
    """Raises DecodeError for a message that cannot become rows, or whose rows could not become elements (spec §6)."""
    if message.source not in SOURCES:
        raise DecodeError(f"source {message.source} is none of ours")
    if not message.entries or not 0 < message.first_number <= INT64_MAX - len(message.entries):
        raise DecodeError(f"{len(message.entries)} entries from number {message.first_number} on")
    for n, entry in enumerate(message.entries):
        kind = entry.kind
        if kind is _ACCOUNT:
            whole = entry.user is not None and entry.funds_cents is not None
        elif kind is _QUOTE:
            whole = None not in (entry.user, entry.symbol, entry.funds_cents, entry.quote_server_time, entry.cryptokey)
        elif kind is _MARKER:
            whole = entry.message and entry.filename and message.source != QUOTECACHE_SOURCE
        else:
            whole = entry.command is not None
        if not whole or not 0 < entry.transaction_number <= INT64_MAX or not 0 <= entry.at_ms <= INT64_MAX:
            raise DecodeError(f"entry {message.first_number + n}: a {kind} lacks a field, or one is out of range")
        if (entry.funds_cents or 0) > INT64_MAX or (entry.quote_server_time or 0) > INT64_MAX:
            raise DecodeError(f"entry {message.first_number + n}: a number does not fit 64 bits")


def copy_lines(source: int, first_number: int, entries: Sequence[AuditEntry]) -> str:
    """One line an entry, in Postgres's text format. Takes what `check` let through."""
    lines = [
        f"{source}\t{number}\t{e.kind._value_}\t{e.at_ms}\t{e.transaction_number}"
        f"\t{_NULL if e.command is None else e.command._value_}\t{_text(e.user)}\t{_text(e.symbol)}"
        f"\t{_NULL if e.filename is None else _text(e.filename)}"
        f"\t{_NULL if e.funds_cents is None else e.funds_cents}"
        f"\t{_NULL if e.message is None else _text(e.message)}"
        f"\t{_NULL if e.quote_server_time is None else e.quote_server_time}"
        f"\t{_NULL if e.cryptokey is None else _escaped(e.cryptokey)}\n"
        for number, e in enumerate(entries, first_number)
    ]
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


@functools.lru_cache(maxsize=100_000)
def _text(value: str | None) -> str:
    # Users, symbols and messages repeat all the time; looking them up costs a quarter of translating them.
    return _NULL if value is None else _escaped(value)
