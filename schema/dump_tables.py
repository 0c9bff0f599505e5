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
    Column("dump_id", Text, nullable=False, comment="Command id of the DUMPLOG, hexadecimal"),
    Column("user_id", Text, comment="User whose entries the dump holds; null for all users"),
    Column("filename", Text, nullable=False),
    Column("state", dump_state, nullable=False, server_default=DumpState.WAITING.value),
    Column("written_at_ms", BigInteger, comment="Time at which the file was put in place; null if it never was"),
    Column(
        "failure",
        Text,
        comment="Failed dump: why there is no file; waiting dump: why the last attempt to write it failed;"
        " written dump: why its file was removed",
    ),
    Column("dump_number", BigInteger, Identity(), nullable=False, comment="Order in which the log named the dumps"),
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
    Column("number", BigInteger, nullable=False, comment="Number of the source's last entry in the dump"),
    PrimaryKeyConstraint("dump_id", "source"),
)
