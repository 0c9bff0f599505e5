"""Tables of accounts, their history and the log of record; named constraints repeat the engine's assertions.

Reads and migrations use these tables through SQLAlchemy; workers write with psycopg. `user_id` leads every key of a
per-user table, so that the database can be sharded by user. Money is bigint cents, time bigint ms since the epoch.
"""

import enum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Enum,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from schema.commands import CommandName
from schema.events import AuditKind
from schema.outcomes import HistoryKind, Outcome, Reason, Side

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s",
        "ix": "%(table_name)s_%(column_0_name)s_idx",
    }
)


def named_enum(cls: type[enum.Enum], name: str) -> Enum:
    """The database's enum type of this name, with the values of a Python enum."""
    return Enum(
        cls,
        name=name,
        values_callable=lambda members: [member.value for member in members],
        metadata=metadata,
    )


command_name = named_enum(CommandName, "command_name")
outcome = named_enum(Outcome, "outcome")
reason = named_enum(Reason, "reason")
history_kind = named_enum(HistoryKind, "history_kind")
side = named_enum(Side, "side")
audit_kind = named_enum(AuditKind, "audit_kind")

accounts = Table(
    "accounts",
    metadata,
    Column("user_id", Text, nullable=False),
    Column(
        "opened",
        Boolean,
        nullable=False,
        comment="False until the first ADD; until then the user has only rejected commands and quotes",
    ),
    Column("cash_cents", BigInteger, nullable=False, comment="Available cash"),
    Column("reserved_cents", BigInteger, nullable=False, comment="Cash held by pending buys and buy triggers"),
    Column("history_seq", BigInteger, nullable=False, comment="Number of the user's newest history row"),
    PrimaryKeyConstraint("user_id"),
    CheckConstraint("cash_cents >= 0", name="cash_not_negative"),
    CheckConstraint("reserved_cents >= 0", name="reserved_not_negative"),
    CheckConstraint("cash_cents + reserved_cents <= 4611686018427387904", name="balance_limit"),
    CheckConstraint("opened OR (cash_cents = 0 AND reserved_cents = 0)", name="closed_is_empty"),
)

positions = Table(
    "positions",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("shares", BigInteger, nullable=False, comment="Available shares"),
    Column(
        "reserved_shares", BigInteger, nullable=False, comment="Shares held by pending sells and armed sell triggers"
    ),
    PrimaryKeyConstraint("user_id", "symbol"),
    CheckConstraint("shares >= 0", name="shares_not_negative"),
    CheckConstraint("reserved_shares >= 0", name="reserved_shares_not_negative"),
    CheckConstraint("shares + reserved_shares <= 4611686018427387904", name="balance_limit"),
)

pending_orders = Table(
    "pending_orders",
    metadata,
    Column("user_id", Text, nullable=False),
    Column(
        "seq",
        BigInteger,
        nullable=False,
        comment="Number of the history row of its BUY or SELL; the order of the stack",
    ),
    Column("side", side, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("shares", BigInteger, nullable=False),
    Column("price_cents", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    Column("transaction_number", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_id", "seq"),
    CheckConstraint("shares > 0", name="shares_positive"),
    CheckConstraint("price_cents > 0", name="price_positive"),
)

trigger_orders = Table(
    "trigger_orders",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("side", side, nullable=False),
    Column("amount_cents", BigInteger, nullable=False),
    Column("trigger_cents", BigInteger, comment="Trigger price; null while the order is not armed"),
    Column("reserved_cents", BigInteger, nullable=False),
    Column("reserved_shares", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False, comment="Number of the history row of its last change"),
    Column("transaction_number", BigInteger, nullable=False, comment="Transaction number of the command that set it"),
    PrimaryKeyConstraint("user_id", "symbol", "side"),
    CheckConstraint("amount_cents > 0", name="amount_positive"),
    CheckConstraint("trigger_cents > 0", name="trigger_positive"),
    CheckConstraint("side = 'sell' OR (reserved_cents = amount_cents AND reserved_shares = 0)", name="buy_reserve"),
    CheckConstraint(
        "side = 'buy' OR (reserved_cents = 0 AND reserved_shares = coalesce(amount_cents / trigger_cents, 0))",
        name="sell_reserve",
    ),
    Index("trigger_orders_armed_idx", "symbol", "user_id", "side", postgresql_where=text("trigger_cents IS NOT NULL")),
)

history = Table(
    "history",
    metadata,
    Column(
        "user_id",
        Text,
        nullable=False,
        comment="Empty for the root DUMPLOG and for commands without a valid user",
    ),
    Column("seq", BigInteger, nullable=False, comment="1, 2, 3, … per user, in the order of effect"),
    Column("kind", history_kind, nullable=False),
    Column("command_id", LargeBinary(16), nullable=False),
    Column("transaction_number", BigInteger, nullable=False),
    Column("command", command_name, nullable=False, comment="For a fill or expiry, the command that set the order"),
    Column("symbol", Text),
    Column("amount_cents", BigInteger),
    Column("price_cents", BigInteger),
    Column("outcome", outcome, nullable=False),
    Column("reason", reason),
    Column("cash_delta_cents", BigInteger, nullable=False),
    Column("reserved_delta_cents", BigInteger, nullable=False),
    Column("shares_delta", BigInteger, nullable=False),
    Column("reserved_shares_delta", BigInteger, nullable=False),
    Column("quote_id", BigInteger, comment="Quote whose price was used"),
    Column("published_at_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False, comment="Time of the decision"),
    Column(
        "waited_since_ms",
        BigInteger,
        comment="Time at which the command began to wait for a quote; null if it did not wait",
    ),
    Column("shares", BigInteger, comment="Number of shares that a BUY or SELL named instead of an amount"),
    Column("order_seq", BigInteger, comment="Pending order that a COMMIT or CANCEL named"),
    Column(
        "newest_order_seq", BigInteger, comment="Newest pending order of that side, if the command named another one"
    ),
    PrimaryKeyConstraint("user_id", "seq"),
    UniqueConstraint("user_id", "command_id", name="history_command_id_key"),
    CheckConstraint("(outcome = 'rejected') = (reason IS NOT NULL)", name="rejected_has_reason"),
    CheckConstraint(
        "outcome = 'done' OR (cash_delta_cents = 0 AND reserved_delta_cents = 0"
        " AND shares_delta = 0 AND reserved_shares_delta = 0)",
        name="rejected_changes_nothing",
    ),
    CheckConstraint(
        "shares IS NULL OR (shares > 0 AND command IN ('BUY', 'SELL')"
        " AND CASE WHEN outcome = 'done' THEN amount_cents = shares * price_cents ELSE true END)",
        name="by_shares",
    ),
    CheckConstraint(
        "CASE WHEN order_seq IS NULL THEN newest_order_seq IS NULL"
        " ELSE command IN ('COMMIT_BUY', 'CANCEL_BUY', 'COMMIT_SELL', 'CANCEL_SELL')"
        " AND (newest_order_seq IS NOT NULL) = (reason::text IS NOT DISTINCT FROM 'not_newest_order')"
        " AND newest_order_seq IS DISTINCT FROM order_seq END",
        name="named_order",
    ),
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("source", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False, comment="1, 2, 3, … per source"),
    Column("kind", audit_kind, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("transaction_number", BigInteger, nullable=False),
    Column("command", command_name),
    Column("user_id", Text),
    Column("symbol", Text),
    Column("filename", Text),
    Column("funds_cents", BigInteger, comment="Amount of an accountTransaction: positive for add, negative for remove"),
    Column("message", Text),
    Column("quote_server_time", BigInteger),
    Column("cryptokey", Text),
    PrimaryKeyConstraint("source", "number"),
)

audit_sources = Table(
    "audit_sources",
    metadata,
    Column("source", SmallInteger, nullable=False, autoincrement=False),
    Column("stored", BigInteger, nullable=False, comment="Number of the newest stored entry"),
    Column("head", LargeBinary(32), nullable=False, comment="Digest of the source's newest link"),
    PrimaryKeyConstraint("source"),
)

audit_chain = Table(
    "audit_chain",
    metadata,
    Column("source", SmallInteger, nullable=False),
    Column("first_number", BigInteger, nullable=False),
    Column("last_number", BigInteger, nullable=False),
    Column(
        "row_checks",
        LargeBinary,
        nullable=False,
        comment="CRC-32 of each row; tells which row was changed if the digest does not match",
    ),
    Column(
        "digest", LargeBinary(32), nullable=False, comment="SHA-256 of the previous digest, the rows and their checks"
    ),
    PrimaryKeyConstraint("source", "last_number"),
    CheckConstraint("first_number BETWEEN 1 AND last_number", name="numbers_rise"),
    CheckConstraint("length(digest) = 32", name="digest_whole"),
    CheckConstraint("length(row_checks) = 4 * (last_number - first_number + 1)", name="checks_whole"),
)

runs = Table(
    "runs",
    metadata,
    Column("source", BigInteger, nullable=False, autoincrement=False, comment="First 8 bytes of the run's command ids"),
    Column("workload", Text, nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("published", BigInteger, comment="Commands that the broker confirmed; null until the run ends"),
    Column("replicas", Integer),
    PrimaryKeyConstraint("source"),
)
