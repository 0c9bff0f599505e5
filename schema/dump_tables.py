"""Tables of dumps: each requested dump with the state of its file, and the last log entries that it includes."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Identity,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
)

from schema.outcomes import DumpState
from schema.tables import metadata, named_enum

dump_state = named_enum(DumpState, "dump_state")

dumps = Table(
    "dumps",
    metadata,
    Column("dump_id", Text, nullable=False, comment="command id of the DUMPLOG, hexadecimal"),
    Column("user_id", Text, comment="null: all users"),
    Column("filename", Text, nullable=False),
    Column("state", dump_state, nullable=False, server_default=DumpState.WAITING.value),
    Column("written_at_ms", BigInteger, comment="when its file was put in its place; null: it never was"),
    Column("failure", Text, comment="failed: why there is no file; waiting: why the last attempt to write it failed"),
    Column("dump_number", BigInteger, Identity(), nullable=False, comment="the order in which the log named them"),
    PrimaryKeyConstraint("dump_id"),
    CheckConstraint(
        "CASE state WHEN 'written' THEN written_at_ms IS NOT NULL WHEN 'replaced' THEN true"
        " ELSE written_at_ms IS NULL END",
        name="written_has_time",
    ),
    CheckConstraint("state <> 'failed' OR failure IS NOT NULL", name="failed_has_failure"),
)

dump_markers = Table(
    "dump_markers",
    metadata,
    Column("dump_id", Text, nullable=False),
    Column("source", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False, comment="the dump holds this source's entries up to here"),
    PrimaryKeyConstraint("dump_id", "source"),
)
