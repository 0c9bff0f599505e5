"""SQLAlchemy engines, and the classification of their errors. No SQL of any feature."""

import sqlalchemy
from sqlalchemy.engine import make_url

from database import libpq_urls, postgres


def engine(database_url: str) -> sqlalchemy.Engine:
    """Makes a SQLAlchemy engine over psycopg 3, for reads, exports and migrations; it connects on first use."""
    libpq_urls.drop_libpq_variables(database_url)
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    return sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args=postgres.KEEPALIVE)


def means_not_now(error: BaseException) -> bool:
    """Whether an error says that the database cannot do this now (`postgres.means_not_now`); SQLAlchemy may wrap it."""
    if isinstance(error, sqlalchemy.exc.TimeoutError | sqlalchemy.exc.DisconnectionError):
        return True
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        return error.connection_invalidated or postgres.means_not_now(error.orig or error)
    return postgres.means_not_now(error)
