"""The table of requests to the legacy quote server, separate from those of accounts in `tables.py`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Identity,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from schema.tables import metadata

quote_fetches = Table(
    "quote_fetches",
    metadata,
    Column("quote_id", BigInteger, Identity(), nullable=False),
    Column("symbol", Text, nullable=False),
    Column("user_id", Text, nullable=False, comment="User whose command caused the request"),
    Column("transaction_number", BigInteger, nullable=False),
    Column("for_trigger", Boolean, nullable=False),
    Column(
        "charged",
        Boolean,
        nullable=False,
        server_default="false",
        comment="True if the request counts against its user's daily allowance",
    ),
    Column(
        "asked_at_ms",
        BigInteger,
        nullable=False,
        comment="Time of the request by the quote cache's clock; the quote's 60 s start here",
    ),
    Column("answered_at_ms", BigInteger, comment="Time of the answer; null until it comes"),
    Column("price_cents", BigInteger),
    Column("quote_server_time", BigInteger, comment="Time by the quote server's clock; never used for expiry"),
    Column("cryptokey", Text),
    Column("failure", Text, comment="Reason why the request brought no price"),
    Column(
        "paid",
        Boolean,
        nullable=False,
        server_default="true",
        comment="False if the request ended before it was sent, so that it costs nothing",
    ),
    PrimaryKeyConstraint("quote_id"),
    CheckConstraint("price_cents > 0", name="price_positive"),
    CheckConstraint("price_cents IS NULL OR (answered_at_ms IS NOT NULL AND failure IS NULL)", name="answer_whole"),
    CheckConstraint("paid OR failure IS NOT NULL", name="unpaid_is_failed"),
    CheckConstraint("NOT (charged AND for_trigger)", name="charged_is_for_a_command"),
    Index("quote_fetches_symbol_asked_at_ms_idx", "symbol", "asked_at_ms"),
    Index("quote_fetches_charged_idx", "user_id", "asked_at_ms", postgresql_where=text("charged")),
    Index("quote_fetches_refresh_idx", "asked_at_ms", postgresql_where=text("for_trigger")),
)
