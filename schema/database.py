"""Opening the database: URLs, engines for reads and migrations, connections for the hot path. No SQL of any feature."""

import contextlib
from collections.abc import Iterator

import psycopg
import sqlalchemy
from sqlalchemy.engine import make_url

from schema.errors import StoreError

STATEMENT_TIMEOUT_MS = 5_000
"""A batch takes tens of milliseconds; what takes this long is stuck, and would starve heartbeats."""

IDLE_IN_TRANSACTION_TIMEOUT_MS = 2_000
"""A process paused inside a transaction loses its locks before its partitions' next owner wants them."""


KEEPALIVE = {"keepalives_idle": 3, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 8_000}
"""A path that swallows packets is noticed after 9 s (8,000 ms for what was sent), not after a quarter of an hour:
libpq's words, in seconds but for the last."""


def engine(database_url: str) -> sqlalchemy.Engine:
    """SQLAlchemy over psycopg 3, for reads, exports and migrations; connects on first use."""
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    return sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args=KEEPALIVE)


def connect(database_url: str, application: str) -> psycopg.Connection:
    """A connection for one thread's hot path: autocommit off, time limits set. Raises StoreError."""
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        return psycopg.connect(
            url,
            application_name=application[:63],
            connect_timeout=5,
            **KEEPALIVE,
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC"
            f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS}",
        )
    except psycopg.Error as error:
        raise StoreError(f"cannot reach Postgres: {error}") from error


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turns what psycopg raises into StoreError."""
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(f"Postgres: {type(error).__name__} {error}") from error
