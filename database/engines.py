"""SQLAlchemy engines, and the classification of their errors. No SQL of any feature."""

from typing import Any

import psycopg
import sqlalchemy

from database import libpq_urls, postgres
from database.pool import Pool, PooledConnection

UntypedRow = sqlalchemy.Row[*tuple[Any, ...]]
"""Row of a query in plain SQL. SQLAlchemy knows the types of columns only in queries that it builds itself."""


def engine(database_url: str) -> sqlalchemy.Engine:
    """Makes an engine without a pool, for a short program. It connects on first use."""
    libpq_urls.drop_libpq_variables(database_url)
    url = libpq_urls.for_libpq(database_url)  # psycopg reads it: SQLAlchemy's own reader does not know all its forms
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(url, **postgres.KEEPALIVE),
        poolclass=sqlalchemy.NullPool,
        hide_parameters=True,
    )


def engine_on(pool: Pool, isolation_level: sqlalchemy.engine.interfaces.IsolationLevel) -> sqlalchemy.Engine:
    """Makes an engine that takes its connections from a pool, and gives them back. The caller closes the pool."""
    made = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=pool.take,
        poolclass=sqlalchemy.NullPool,
        isolation_level=isolation_level,
        hide_parameters=True,  # errors are logged, and a value may be the hash of a password
    )
    sqlalchemy.event.listen(made, "invalidate", _abandon)
    return made


def _abandon(connection: PooledConnection, _record: object, _error: BaseException | None) -> None:
    # SQLAlchemy closes a connection that it invalidates. `close` returns it to the pool, which must not lend it again.
    connection.abandon()


def means_not_now(error: BaseException) -> bool:
    """Whether an error says that the database cannot do this now (`postgres.means_not_now`); SQLAlchemy may wrap it."""
    if isinstance(error, sqlalchemy.exc.TimeoutError | sqlalchemy.exc.DisconnectionError):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return error.connection_invalidated or postgres.means_not_now(error.orig or error)
    return postgres.means_not_now(error)
