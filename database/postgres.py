"""Parameters of connections to Postgres, and the classification of their errors. No SQL of any feature.

Every worker imports this module, and none needs SQLAlchemy, whose import takes 0.2 s. So engines are in `engines.py`.
"""

import contextlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import psycopg

from database import libpq_urls
from schema import addresses
from schema.errors import StoreAway, StoreError

STATEMENT_TIMEOUT_MS = 5_000
"""Maximum time of a statement. A batch takes tens of milliseconds; a slower statement would starve heartbeats."""

IDLE_IN_TRANSACTION_TIMEOUT_MS = 2_000
"""Maximum idle time in a transaction: a process paused in one loses its locks before the next owner needs them."""

CONNECT_SECONDS_MAX = 5
"""Seconds for one attempt to connect, at all hosts in the URL together."""

HOST_SECONDS_MIN = 2
"""Minimum seconds for an attempt at one host: psycopg, like libpq, waits no shorter."""

WORKER_SETTINGS: Mapping[str, object] = MappingProxyType(
    {
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "timezone": "UTC",
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
    }
)
"""Parameters of a worker's sessions."""

FORMATS: Mapping[str, object] = MappingProxyType(
    {
        **{"client_encoding": "UTF8", "datestyle": "ISO", "bytea_output": "hex", "extra_float_digits": 1},
        **{"standard_conforming_strings": "on", "array_nulls": "on"},
    }
)
"""Parameters of every session that decide how values are written as text and read: Postgres's defaults.

A server, a database, a role or PGOPTIONS may say otherwise. The log's hash chain is computed over such text.
"""

KEEPALIVE: dict[str, Any] = {  # Any, because psycopg's and SQLAlchemy's own parameters have other types
    "keepalives_idle": 3,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8_000,
}
"""Connection parameters of libpq, in seconds except for the last (ms).

With them a network path that drops packets is noticed after 9 s (8 s if data was sent), not after a quarter of an hour.
"""


SESSION_MARK = "daytrade.session"
"""Parameter that every session has. Only a server that took the options of the connection knows it."""

POOLER = (
    "DATABASE_URL leads to a connection pooler, such as pgbouncer, which does not keep the parameters of a session"
    " (limits of time, formats): name the Postgres server itself"
)

_REFUSED_OPTIONS = "unsupported startup parameter"
"""Text with which pgbouncer refuses the parameters of a session."""


def connect(database_url: str, application: str) -> psycopg.Connection:
    """Opens the only connection of a short program: autocommit off, time limits set. Raises StoreAway.

    Processes that live long, or need several connections, take them from their pool (`pool.py`).
    """
    url, parameters = connection_parameters(database_url, application, WORKER_SETTINGS)
    try:
        connection = psycopg.connect(url, **parameters)
        try:
            require_own_session(connection)
        except BaseException:
            connection.close()
            raise
        return connection
    except psycopg.Error as error:
        raise StoreAway(f"cannot reach Postgres: {described(error)}") from error


def connection_parameters(
    database_url: str,
    application: str,
    settings: Mapping[str, object],
    connect_seconds: int = CONNECT_SECONDS_MAX,
) -> tuple[str, dict[str, Any]]:
    """URL and parameters with which psycopg connects. Drops the libpq variables that the server must not follow.

    `application`: name of the session at Postgres. `settings`: the session's parameters, which override the user's.
    """
    libpq_urls.drop_libpq_variables(database_url)
    url = libpq_urls.for_libpq(database_url)
    session = {SESSION_MARK: "own", **FORMATS, **settings}
    options = " ".join(f"-c {name}={value}" for name, value in session.items())
    hosts = addresses.postgres_hosts(url)
    return url, {
        **KEEPALIVE,
        "application_name": application[:63],
        "connect_timeout": connect_seconds if hosts == 1 else max(HOST_SECONDS_MIN, connect_seconds // hosts),
        "options": libpq_urls.session_options(url, options),
    }


def require_own_session(connection: psycopg.Connection[psycopg.rows.TupleRow]) -> None:
    """Raises psycopg.OperationalError unless the session has the parameters with which it was opened.

    A pooler that ignores them would lend sessions without any limit of time, also to a second process in between.
    """
    connection.autocommit = True
    [mark] = only_row(connection.execute("SELECT current_setting(%s, true)", (SESSION_MARK,)))
    connection.autocommit = False
    if mark != "own":
        raise psycopg.OperationalError(POOLER)


def only_row(cursor: psycopg.Cursor[psycopg.rows.TupleRow]) -> psycopg.rows.TupleRow:
    """The row of a statement that always returns one."""
    row = cursor.fetchone()
    assert row is not None, "a statement that always returns a row returned none"
    return row


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turns psycopg's errors into StoreAway if a later attempt may succeed (`means_not_now`), else into StoreError."""
    try:
        yield
    except psycopg.Error as error:
        kind = StoreAway if means_not_now(error) else StoreError
        raise kind(f"Postgres: {described(error)}") from error


OTHER_SCHEMA = frozenset({"42P01", "42703"})
"""SQLSTATEs of a table and of a column that do not exist."""


def described(error: BaseException) -> str:
    """Postgres's message in one line, without the statement. It says what to do if tables are missing or read-only."""
    cause = getattr(error, "orig", None) or error
    first = str(cause).partition("\nLINE ")[0]  # the statement follows
    text = f"{type(cause).__name__} {' '.join(first.split())}"
    if _REFUSED_OPTIONS in text:
        text += f". {POOLER}"
    if sqlstate(error) in OTHER_SCHEMA:
        text += ". The tables are not those of this version: `./daytradectl migrate` makes them"
    if sqlstate(error) == READ_ONLY:
        text += ". This server is a standby or is set to read-only: DATABASE_URL must name one that takes changes"
    return text


NO_RIGHT = "42501"
"""SQLSTATE of a statement for which the role has no right."""

READ_ONLY = "25006"
"""SQLSTATE of a write that Postgres refuses because it is a standby or is configured as read-only."""

DISK_FULL = "53100"
"""SQLSTATE of a write that the disk has no room for."""

_NOT_NOW_CLASSES = frozenset(
    {
        "08",  # the connection failed
        "28",  # the login was refused: a password is being changed, or the server is another one now
        "40",  # the transaction was rolled back: deadlock, serialization failure
        "53",  # out of disk, memory or connections
        "57",  # an operator or a timeout intervened: shutdown, start, cancelled statement
        "58",  # the operating system failed: input or output error
        "F0",  # a configuration file is wrong
        "XX",  # Postgres itself failed
    }
)
"""Classes of SQLSTATE (Postgres manual, appendix A) in which the same statement may succeed later."""

_NOT_NOW = frozenset(
    {
        READ_ONLY,
        "0A000",  # a migration has changed what a prepared statement returns; a new connection prepares it anew
        "26000",  # the connection has lost a prepared statement
        "25P03",  # the session was idle in a transaction for too long
        "25P04",  # the transaction took too long
        "55006",  # the object is in use
        "55P03",  # a lock was not available in time
    }
)
"""SQLSTATEs after which a statement may succeed later, in classes that otherwise mean a mistake in this project."""


def means_not_now(error: BaseException) -> bool:
    """Whether an error of psycopg says that the database cannot do this now, but may later.

    Any other error means a mistake in this project, and so does a program limit (class 54): the same statement would
    fail every time.
    """
    state = sqlstate(error)
    if state is None:  # Postgres gave no reason: the connection is lost, or there never was one
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state[:2] in _NOT_NOW_CLASSES or state in _NOT_NOW


def refuses_data(error: psycopg.Error) -> bool:
    """Whether Postgres refused the values themselves: out of range, against a constraint, too large.

    It would refuse the same values every time.
    """
    state = sqlstate(error)
    return state is not None and state[:2] in ("22", "23", "54")


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of an error of psycopg or SQLAlchemy; None if Postgres gave none."""
    return getattr(getattr(error, "orig", error), "sqlstate", None)
