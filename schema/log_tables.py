"""Tables about the logs: owners and positions, the outbox, dead letters, stopped sources, given-up audit messages.

They are separate from `tables.py`, which is the ledger. Times of leases are by the database's clock.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from schema.dead_letters import KEPT_BYTES_MAX, REASON_CHARACTERS_MAX
from schema.tables import metadata

partitions = Table(
    "partitions",
    metadata,
    Column("consumer_group", Text, nullable=False),
    Column("partition", SmallInteger, nullable=False),
    Column("owner", Text),
    Column("epoch", BigInteger, nullable=False, server_default="0", comment="number of the ownership: the fence"),
    Column("lease_until", DateTime(timezone=True)),
    Column("owned_from", DateTime(timezone=True), comment="since when, without a gap; null: nobody owns it"),
    Column("position", BigInteger, nullable=False, server_default="0", comment="lowest unfinished offset"),
    Column("high", BigInteger, nullable=False, server_default="-1", comment="highest touched offset"),
    Column("audit_number", BigInteger, nullable=False, server_default="0", comment="of the newest audit entry"),
    Column("clock_ms", BigInteger, nullable=False, server_default="0", comment="time of the newest decision"),
    PrimaryKeyConstraint("consumer_group", "partition"),
    CheckConstraint("position <= high + 1", name="position_below_high"),
)

ownership_spans = Table(
    "ownership_spans",
    metadata,
    Column("consumer_group", Text, nullable=False),
    Column("partition", SmallInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("owner", Text, nullable=False),
    Column("owned_from", DateTime(timezone=True), nullable=False),
    Column("owned_until", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("consumer_group", "partition", "epoch", "owned_from"),
    CheckConstraint("owned_from <= owned_until", name="time_passes"),
    comment="Ownerships that have ended; rows are added, and never changed",
)

replicas = Table(
    "replicas",
    metadata,
    Column("consumer_group", Text, nullable=False),
    Column("replica", Text, nullable=False),
    Column("live_until", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("consumer_group", "replica"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("consumer_group", Text, nullable=False),
    Column("partition", SmallInteger, nullable=False),
    Column("messages", LargeBinary, nullable=False, comment="MessagePack: what to publish before anything newer"),
    PrimaryKeyConstraint("consumer_group", "partition"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("stream", Text, nullable=False),
    Column("stream_offset", BigInteger, nullable=False, comment="where the whole message lies in the stream"),
    Column("letter_number", BigInteger, Identity(), nullable=False, comment="the order in which they were given up"),
    Column("reason", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="of the whole message"),
    Column("body", LargeBinary, nullable=False, comment="how the message begins; all of it where it is not large"),
    Column("given_up_at_ms", BigInteger, nullable=False, comment="by the clock of the database"),
    PrimaryKeyConstraint("stream", "stream_offset"),
    UniqueConstraint("letter_number"),
    CheckConstraint(f"length(reason) <= {REASON_CHARACTERS_MAX}", name="reason_bounded"),
    CheckConstraint(f"length(body) <= least(size_bytes, {KEPT_BYTES_MAX})", name="body_bounded"),
)

audit_stops = Table(
    "audit_stops",
    metadata,
    Column("source", SmallInteger, nullable=False, autoincrement=False),
    Column("number", BigInteger, nullable=False, comment="of the first entry that is not stored"),
    Column("stream_offset", BigInteger, nullable=False, comment="where the audit stream is to be read again from"),
    Column("reason", Text, nullable=False, comment="why that entry is not stored"),
    Column("stopped_at_ms", BigInteger, nullable=False, comment="by the clock of the database"),
    PrimaryKeyConstraint("source"),
)

audit_dead_offsets = Table(
    "audit_dead_offsets",
    metadata,
    Column("stream_offset", BigInteger, nullable=False, autoincrement=False),
    PrimaryKeyConstraint("stream_offset"),
    comment="Messages of the audit stream that were given up, for as long as they may be read again; their letters may"
    " be gone",
)
