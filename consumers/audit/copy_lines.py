"""Audit entries as the text that Postgres copies into `audit_events`, for entries that `codec.decode_audit` accepts.

Pure, and the hottest loop of the process. No I/O, no SQL, and no decision on which entries to store.
"""

import functools
from collections.abc import Sequence

from schema import chain
from schema.events import AuditEntry

COLUMNS = chain.COLUMNS
"""Columns of `audit_events`, in the order in which `copy_lines` gives them."""

_NULL = r"\N"
# Postgres stores no NUL. One in a user's text must not stop the log, so it becomes the replacement character. All other
# characters are escaped just as Postgres does it: the hash chain covers these bytes, and verification compares it with
# the bytes that COPY … TO returns.
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


def copy_lines(source: int, first_number: int, entries: Sequence[AuditEntry]) -> str:
    """One line per entry, in Postgres's text format for COPY."""
    lines = [
        f"{source}\t{number}\t{e.kind._value_}\t{e.at_ms}\t{e.transaction_number}"
        f"\t{_NULL if e.command is None else e.command._value_}\t{_text(e.user)}\t{_text(e.symbol)}"
        f"\t{_NULL if e.filename is None else _long_text(e.filename)}"
        f"\t{_NULL if e.funds_cents is None else e.funds_cents}"
        f"\t{_NULL if e.message is None else _long_text(e.message)}"
        f"\t{_NULL if e.quote_server_time is None else e.quote_server_time}"
        f"\t{_NULL if e.cryptokey is None else _escaped(e.cryptokey)}\n"
        for number, e in enumerate(entries, first_number)
    ]
    return "".join(lines)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


@functools.lru_cache(maxsize=100_000)
def _text(value: str | None) -> str:
    # Users and symbols repeat all the time; looking them up costs a quarter of translating them.
    return _NULL if value is None else _escaped(value)


@functools.lru_cache(maxsize=1_000)
def _long_text(value: str) -> str:
    # Error messages repeat as well. Each may be long, so fewer are kept.
    return _escaped(value)
