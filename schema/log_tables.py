"""Tables about the logs: owners and offsets, the outbox, dead letters, stopped sources, given-up audit messages.

They are separate from `tables.py`, which holds accounts and their history. Times of leases are by the database's clock.
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

from schema.dead_letters import REASON_CHARACTERS_MAX, STORED_BYTES_MAX
from schema.tables import metadata

partitions = Table(
    "partitions",
    metadata,
    Column("consumer_group", Text, nullable=False),
    Column("partition", SmallInteger, nullable=False),
    Column("owner", Text),
    Column(
        "epoch",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="Number of the ownership; a commit with an older one is refused",
    ),
    Column("lease_until", DateTime(timezone=True)),
    Column(
        "owned_from",
        DateTime(timezone=True),
        comment="Start of the current unbroken ownership; null while no worker owns the partition",
    ),
    Column(
        "next_offset",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="Lowest unfinished offset, at which the next owner begins to read",
    ),
    Column(
        "high_offset", BigInteger, nullable=False, server_default="-1", comment="Highest offset that an owner has taken"
    ),
    Column(
        "taken_ms",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="Latest publishing time of the messages that an owner has taken, ms since the epoch",
    ),
    Column("audit_number", BigInteger, nullable=False, server_default="0", comment="Number of the newest audit entry"),
    Column("clock_ms", BigInteger, nullable=False, server_default="0", comment="Time of the newest decision"),
    PrimaryKeyConstraint("consumer_group", "partition"),
    CheckConstraint("next_offset <= high_offset + 1", name="next_offset_bounded"),
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
    comment="Ownerships that have ended; rows are added and never changed",
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
    Column(
        "messages",
        LargeBinary,
        nullable=False,
        comment="Messages that must be published before any newer ones, as a MessagePack list",
    ),
    PrimaryKeyConstraint("consumer_group", "partition"),
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("stream", Text, nullable=False),
    Column("stream_offset", BigInteger, nullable=False, comment="Offset of the whole message in the stream"),
    Column(
        "letter_number", BigInteger, Identity(), nullable=False, comment="Order in which workers stored the letters"
    ),
    Column("reason", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False, comment="Size of the whole message"),
    Column("body", LargeBinary, nullable=False, comment="First bytes of the message; all of it if it is small"),
    Column(
        "given_up_at_ms",
        BigInteger,
        nullable=False,
        comment="Time at which a worker stored it, by the database's clock",
    ),
    PrimaryKeyConstraint("stream", "stream_offset"),
    UniqueConstraint("letter_number"),
    CheckConstraint(f"length(reason) <= {REASON_CHARACTERS_MAX}", name="reason_bounded"),
    CheckConstraint(f"length(body) <= least(size_bytes, {STORED_BYTES_MAX})", name="body_bounded"),
)

audit_stops = Table(
    "audit_stops",
    metadata,
    Column("source", SmallInteger, nullable=False, autoincrement=False),
    Column("number", BigInteger, nullable=False, comment="Number of the first entry that is not stored"),
    Column(
        "stream_offset", BigInteger, nullable=False, comment="Offset from which the audit stream has to be read again"
    ),
    Column("reason", Text, nullable=False, comment="Reason why that entry is not stored"),
    Column("stopped_at_ms", BigInteger, nullable=False, comment="Time of the stop, by the database's clock"),
    PrimaryKeyConstraint("source"),
)

audit_dead_offsets = Table(
    "audit_dead_offsets",
    metadata,
    Column("stream_offset", BigInteger, nullable=False, autoincrement=False),
    PrimaryKeyConstraint("stream_offset"),
    comment="Messages of the audit stream that became dead letters, as long as they may be read again; the letters may"
    " be gone",
)
