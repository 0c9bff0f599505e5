"""Checks a dump file: it is valid by `schema/log.xsd`, and has exactly the log's entries up to its `dump_markers`.

Both sides are streamed in bounded memory. A dump is ordered by time, then by source and number. This module builds the
elements from the rows itself, so that it cannot repeat a mistake of the dump's writer.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import psycopg
from lxml import etree
from psycopg.rows import DictRow, dict_row

from schema.errors import DecodeError
from schema.events import QUOTECACHE_SOURCE, AuditKind, source_name
from schema.money import format_cents
from verification.invariants import Finding

VALID = "the dump file is valid by the log's schema"
EXACT = "the dump file holds exactly the log up to its markers"

ROWS_PER_FETCH = 5_000
XSD = Path(__file__).resolve().parents[1] / "schema" / "log.xsd"

Element = tuple[str, tuple[tuple[str, str], ...]]
"""Name of an element, and the names and texts of its fields in order."""

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class DumpIdentity:
    """Identity of a dump. `user`: the user whose log it holds; None: all users."""

    dump_id: str
    user: str | None


def find(connection: psycopg.Connection, file: Path) -> DumpIdentity:
    """Finds the dump that was written last under this file name. Raises DecodeError if there is none."""
    path = file.resolve().as_posix()
    for dump_id, user, filename in connection.execute(_WRITTEN):
        if path.endswith(f"/{filename}"):
            return DumpIdentity(dump_id, user)
    raise DecodeError(f"no dump was ever written as {file}")


def verify(connection: psycopg.Connection, file: Path, advanced: Callable[[int], None]) -> list[Finding]:
    """Returns the findings VALID and EXACT, with the first difference. Raises DecodeError, OSError."""
    started = time.monotonic()
    dump = find(connection, file)
    looked, differences, first, invalid = 0, 0, "", ""
    try:
        for looked, (there, due) in enumerate(zip_longest(_elements(file), _due(connection, dump)), 1):
            if looked % ROWS_PER_FETCH == 0:
                advanced(ROWS_PER_FETCH)
            if there != due:
                differences += 1
                first = first or f"element {looked} is {_shown(there)}, and should be {_shown(due)}"
    except etree.XMLSyntaxError as error:
        invalid = f"{file}: {error}"
    seconds = time.monotonic() - started
    return [
        Finding(VALID, looked, 1 if invalid else 0, seconds, invalid),
        Finding(EXACT, looked, differences or bool(invalid), seconds, first or invalid),
    ]


def _elements(file: Path) -> Iterator[Element]:
    schema = etree.XMLSchema(etree.parse(XSD))
    for _, element in etree.iterparse(str(file), events=("end",), tag=list(_KINDS), schema=schema):
        yield element.tag, tuple((field.tag, field.text or "") for field in element)
        # Elements already read are freed; otherwise the whole log would accumulate in memory.
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def _due(connection: psycopg.Connection, dump: DumpIdentity) -> Iterator[Element]:
    with connection.cursor("dump", row_factory=dict_row) as cursor:
        cursor.itersize = ROWS_PER_FETCH
        parameters = {"dump": dump.dump_id, "user": dump.user, "quotecache": QUOTECACHE_SOURCE}
        for row in cursor.execute(_OF_ALL if dump.user is None else _OF_USER, parameters):
            yield row["kind"], tuple(_fields(row))


def _fields(row: DictRow) -> Iterator[tuple[str, str]]:
    kind = row["kind"]
    yield "timestamp", str(row["at_ms"])
    yield "server", source_name(row["source"])
    yield "transactionNum", str(row["transaction_number"])
    if kind == AuditKind.ACCOUNT_TRANSACTION:
        yield "action", "add" if row["funds_cents"] >= 0 else "remove"
        yield "username", row["user_id"]
        yield "funds", format_cents(abs(row["funds_cents"]))
    elif kind == AuditKind.QUOTE_SERVER:
        yield "price", format_cents(row["funds_cents"])
        yield "stockSymbol", row["symbol"]
        yield "username", row["user_id"]
        yield "quoteServerTime", str(row["quote_server_time"])
        yield "cryptokey", _text(row["cryptokey"])
    else:
        yield "command", row["command"]
        for name, column in (("username", "user_id"), ("stockSymbol", "symbol"), ("filename", "filename")):
            if row[column] is not None:
                yield name, _text(row[column])
        if row["funds_cents"] is not None:
            yield "funds", format_cents(row["funds_cents"])
        if kind in _MESSAGES and row["message"] is not None:
            yield _MESSAGES[kind], _text(row["message"])


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _shown(element: Element | None) -> str:
    if element is None:
        return "not there"
    return f"{element[0]} " + " ".join(f"{name}={text}" for name, text in element[1])


_KINDS = tuple(kind.value for kind in AuditKind if kind is not AuditKind.MARKER)
_MESSAGES = {AuditKind.ERROR_EVENT.value: "errorMessage", AuditKind.DEBUG_EVENT.value: "debugMessage"}

_WRITTEN = """
    SELECT dump_id, user_id, filename FROM dumps WHERE state = 'written'
    ORDER BY length(filename) DESC, written_at_ms DESC"""

_SELECT = """
    SELECT e.* FROM audit_events AS e JOIN dump_markers AS m ON m.source = e.source AND e.number <= m.number
    WHERE m.dump_id = %(dump)s AND e.kind <> 'marker'"""

_ORDER = " ORDER BY e.at_ms, e.source, e.number"

_OF_ALL = _SELECT + _ORDER

# A paid quote belongs to the dump if a command up to the DUMPLOG has its user, number and symbol: only these name the
# command that caused it.
_OF_USER = f"""{_SELECT} AND e.user_id = %(user)s AND (e.source <> %(quotecache)s OR EXISTS (
        SELECT FROM audit_events AS c JOIN dump_markers AS d ON d.source = c.source AND c.number <= d.number
        WHERE d.dump_id = %(dump)s AND c.source <> %(quotecache)s AND c.kind = 'userCommand'
            AND c.user_id = e.user_id AND c.transaction_number = e.transaction_number AND c.symbol = e.symbol))
    {_ORDER}"""
