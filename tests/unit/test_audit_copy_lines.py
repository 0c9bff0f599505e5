"""Audit entries as the lines that Postgres copies."""

import pytest

from consumers.audit.copy_lines import COLUMNS, check, copy_lines
from schema.commands import VERSION, CommandName
from schema.errors import DecodeError
from schema.events import QUOTECACHE_SOURCE, AuditEntry, AuditKind, AuditMessage

ADD = AuditEntry(AuditKind.USER_COMMAND, 1_784_800_000_000, 7, CommandName.ADD, user="ann", funds_cents=1050)
CASH = AuditEntry(AuditKind.ACCOUNT_TRANSACTION, 1_784_800_000_000, 7, user="ann", funds_cents=-1050)
QUOTE = AuditEntry(
    AuditKind.QUOTE_SERVER,
    1_784_800_000_000,
    7,
    user="ann",
    symbol="ABC",
    funds_cents=101,
    quote_server_time=1,
    cryptokey="k=",
)
MARKER = AuditEntry(AuditKind.MARKER, 1_784_800_000_000, 7, filename="log", message="00ff")


def message(*entries: AuditEntry, source: int = 3, first_number: int = 1) -> AuditMessage:
    return AuditMessage(VERSION, source, first_number, list(entries))


def test_a_line_has_every_column_and_absent_fields_are_null():
    line = copy_lines(3, 12, [ADD])
    assert line == "3\t12\tuserCommand\t1784800000000\t7\tADD\tann\t\\N\t\\N\t1050\t\\N\t\\N\t\\N\n"
    assert len(line.split("\t")) == len(COLUMNS)


def test_entries_are_numbered_on():
    lines = copy_lines(QUOTECACHE_SOURCE, 41, [QUOTE, QUOTE]).splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["64", "41"], ["64", "42"]]


def test_what_means_something_to_postgres_is_escaped():
    error = AuditEntry(AuditKind.ERROR_EVENT, 1, 7, CommandName.ADD, filename="a\tb", message="\\N\r\n\0")
    fields = copy_lines(0, 1, [error]).split("\t")
    assert fields[8] == r"a\tb"
    assert fields[10] == "\\\\N\\r\\n\ufffd"


@pytest.mark.parametrize("entry", [ADD, CASH, QUOTE, MARKER], ids=lambda entry: entry.kind.value)
def test_whole_entries_pass(entry):
    check(message(entry))


@pytest.mark.parametrize(
    "bad",
    [
        message(ADD, source=16),
        message(ADD, source=-1),
        message(ADD, source=65),
        message(),
        message(ADD, first_number=0),
        message(ADD, first_number=2**63 - 1),
        message(AuditEntry(AuditKind.SYSTEM_EVENT, 1, 7)),
        message(AuditEntry(AuditKind.ACCOUNT_TRANSACTION, 1, 7, user="ann")),
        message(AuditEntry(AuditKind.ACCOUNT_TRANSACTION, 1, 7, funds_cents=1)),
        message(AuditEntry(AuditKind.QUOTE_SERVER, 1, 7, user="ann", symbol="ABC", funds_cents=101)),
        message(AuditEntry(AuditKind.MARKER, 1, 7, message="00ff")),
        message(AuditEntry(AuditKind.MARKER, 1, 7, filename="log")),
        message(MARKER, source=QUOTECACHE_SOURCE),
        message(ADD, AuditEntry(AuditKind.SYSTEM_EVENT, 1, 0, CommandName.ADD)),
        message(AuditEntry(AuditKind.SYSTEM_EVENT, 1, 2**63, CommandName.ADD)),
        message(AuditEntry(AuditKind.SYSTEM_EVENT, 2**63, 1, CommandName.ADD)),
        message(AuditEntry(AuditKind.SYSTEM_EVENT, -1, 1, CommandName.ADD)),
        message(AuditEntry(AuditKind.SYSTEM_EVENT, 1, 1, CommandName.ADD, funds_cents=2**63)),
    ],
)
def test_what_postgres_or_the_dump_could_not_hold_is_refused(bad):
    with pytest.raises(DecodeError):
        check(bad)
