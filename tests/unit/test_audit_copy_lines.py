"""Audit entries as lines for Postgres's COPY."""

from consumers.audit.copy_lines import COLUMNS, copy_lines
from schema.commands import CommandName
from schema.events import QUOTECACHE_SOURCE, AuditEntry, AuditKind

ADD = AuditEntry(AuditKind.USER_COMMAND, 1_784_800_000_000, 7, CommandName.ADD, user="ann", funds_cents=1050)
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


def test_a_line_has_every_column_and_absent_fields_are_null():
    line = copy_lines(3, 12, [ADD])
    assert line == "3\t12\tuserCommand\t1784800000000\t7\tADD\tann\t\\N\t\\N\t1050\t\\N\t\\N\t\\N\n"
    assert len(line.split("\t")) == len(COLUMNS)


def test_entries_are_numbered_on():
    lines = copy_lines(QUOTECACHE_SOURCE, 41, [QUOTE, QUOTE]).splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["64", "41"], ["64", "42"]]


def test_special_characters_of_postgres_are_escaped():
    error = AuditEntry(AuditKind.ERROR_EVENT, 1, 7, CommandName.ADD, filename="a\tb", message="\\N\r\n\0")
    fields = copy_lines(0, 1, [error]).split("\t")
    assert fields[8] == r"a\tb"
    assert fields[10] == "\\\\N\\r\\n\ufffd"
