"""The web's own tables: people, their sessions and tokens, idempotency keys, watch lists. None of them moves money.

They are separate from `tables.py`, and no consumer uses them. `user_id` leads their keys too, except where
rows are looked up by a secret.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Enum,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from schema.tables import metadata

person_role = Enum("user", "administrator", name="person_role", metadata=metadata)
token_scope = Enum("read", "trade", name="token_scope", metadata=metadata)

people = Table(
    "people",
    metadata,
    Column("user_id", Text, nullable=False, comment="User of this person's commands"),
    Column("password_hash", Text, nullable=False, comment="argon2id hash, with its parameters and salt"),
    Column("role", person_role, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column(
        "session_epoch",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="Raising it ends all sessions and API tokens of this person",
    ),
    PrimaryKeyConstraint("user_id"),
    CheckConstraint("user_id ~ '^[A-Za-z0-9_.@-]{1,64}$'", name="user_id_valid"),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("session_digest", LargeBinary(32), nullable=False, comment="SHA-256 of the session id in the cookie"),
    Column("user_id", Text, nullable=False),
    Column("session_epoch", BigInteger, nullable=False, comment="The person's session_epoch when the session began"),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("expires_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("session_digest"),
    Index("web_sessions_user_id_idx", "user_id"),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("token_digest", LargeBinary(32), nullable=False, comment="SHA-256 of the token, which is stored nowhere"),
    Column("token_id", BigInteger, Identity(), nullable=False),
    Column("user_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    Column("last_used_at_ms", BigInteger, comment="Time of the last use, to the minute"),
    Column("revoked_at_ms", BigInteger),
    Column("scope", token_scope, nullable=False, comment="read: only GET requests"),
    Column("session_epoch", BigInteger, nullable=False, comment="The person's session_epoch when the token was made"),
    Column("expires_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("token_digest"),
    UniqueConstraint("user_id", "token_id", name="api_tokens_token_id_key"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("command_id", LargeBinary(16), nullable=False, comment="BLAKE2b of user and key"),
    Column("body_digest", LargeBinary(16), nullable=False, comment="Digest of the command's name and arguments"),
    Column("transaction_number", BigInteger, nullable=False),
    Column("created_at_ms", BigInteger, nullable=False),
    # Rows are never deleted. A command's id comes from user and key alone: if the row were gone, a new command with an
    # old key would get the old command's outcome.
    PrimaryKeyConstraint("user_id", "key"),
    UniqueConstraint("user_id", "command_id", name="idempotency_keys_command_id_key"),
    CheckConstraint("length(command_id) = 16", name="command_id_whole"),
)

watched_symbols = Table(
    "watched_symbols",
    metadata,
    Column("user_id", Text, nullable=False),
    Column("symbol", Text, nullable=False),
    Column("added_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("user_id", "symbol"),
)
