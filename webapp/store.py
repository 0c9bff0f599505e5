"""The web's access to the database: a pool of connections, plain SQL in, rows out. No SQL of any feature in here."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
import sqlalchemy
from flask import current_app
from psycopg.abc import RV, PQGen
from sqlalchemy import Connection, text

from database import engines, postgres
from database.engines import UntypedRow
from database.pool import Pool, PooledConnection
from webapp.unavailable import ReadOnly, Unavailable

CONNECT_SECONDS_MAX = 2
STATEMENT_MS_MAX = 5_000
SILENCE_SECONDS_MAX = 6.0
"""Longest silence of Postgres, above STATEMENT_MS_MAX: a hanging server or proxy does not report its own timeout."""

POOL_WAIT_SECONDS_MAX = 2.0
"""Longest wait for a connection; then a person sees "unavailable" rather than a page that never comes."""

ROWS_PER_FETCH = 2_000
"""Rows an export fetches at once; bounds its memory."""

RETRY_SECONDS = 2

FULL_SECONDS = 10.0
"""Seconds for which the disk counts as full after a write that it had no room for."""

_ERRORS = (sqlalchemy.exc.SQLAlchemyError, psycopg.Error)
"""SQLAlchemy lets some errors of psycopg pass as they are."""

_OPERATORS_WORK = postgres.OTHER_SCHEMA | {postgres.NO_RIGHT}
"""SQLSTATEs that an operator ends: the database is not migrated yet, or is being restored.

A worker ends with them, so that somebody reads why. The site goes on, and is unavailable meanwhile.
"""


class _Impatient(PooledConnection):
    """A connection that closes itself when Postgres stays silent, so that no request waits for ever."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, SILENCE_SECONDS_MAX if timeout is None else timeout)
        except psycopg.errors._WaitTimeout as error:
            self.abandon()  # a late answer would be taken for that of the next statement
            raise psycopg.OperationalError(f"Postgres has been silent for {SILENCE_SECONDS_MAX:g} s") from error


class Store:
    """Database access for all threads of a process."""

    def __init__(self, database_url: str, connections_max: int):
        self._pool = Pool(
            database_url,
            "webapp",
            connections_max,
            settings={"statement_timeout": STATEMENT_MS_MAX, "timezone": "UTC"},
            wait_seconds=POOL_WAIT_SECONDS_MAX,
            connect_seconds=CONNECT_SECONDS_MAX,
            make=_Impatient,
        )
        # Each statement is its own transaction: reads need no BEGIN and COMMIT around them.
        self._engine = engines.engine_on(self._pool, "AUTOCOMMIT")
        self._full_at = float("-inf")

    def was_full(self) -> bool:
        """Whether the disk was too full for a write within the last FULL_SECONDS.

        A probe cannot tell: a write that needs no more space still succeeds.
        """
        return time.monotonic() - self._full_at < FULL_SECONDS

    def rows(self, query: str, **parameters: object) -> Sequence[UntypedRow]:
        """All rows of the answer. Raises Unavailable."""
        with self._connection() as connection:
            return connection.execute(text(query), _sound(parameters)).fetchall()

    def only(self, query: str, **parameters: object) -> UntypedRow:
        """The row of a query that always has one. Raises Unavailable."""
        row = self.row(query, **parameters)
        assert row is not None, "a query that always has a row had none"
        return row

    def row(self, query: str, **parameters: object) -> UntypedRow | None:
        """The first row, or None. Raises Unavailable."""
        with self._connection() as connection:
            return connection.execute(text(query), _sound(parameters)).first()

    def write(self, statement: str, **parameters: object) -> int:
        """Runs one statement and commits it; returns the number of rows it touched. Raises Unavailable."""
        with self._connection() as connection:
            return connection.execute(text(statement), _sound(parameters)).rowcount

    def stream(self, query: str, **parameters: object) -> Iterator[UntypedRow]:
        """Rows from a server-side cursor, for what may be long. Raises Unavailable."""
        with self._connection() as connection:
            streaming = connection.execution_options(isolation_level="READ COMMITTED", yield_per=ROWS_PER_FETCH)
            with connection.begin(), streaming.execute(text(query), _sound(parameters)) as found:
                yield from found

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """A connection of the pool. Temporary failures are raised as Unavailable; programming errors pass."""
        try:
            with self._engine.connect() as connection:
                try:
                    yield connection
                except _ERRORS as error:
                    if _means_not_now(error):
                        # The server behind it may be a standby by now: the next request connects anew.
                        connection.invalidate(error)
                    raise
        except _ERRORS as error:
            if not _means_not_now(error):
                raise
            if postgres.sqlstate(error) == postgres.DISK_FULL:
                self._full_at = time.monotonic()
            if postgres.sqlstate(error) == postgres.READ_ONLY:
                raise ReadOnly("the database accepts no changes at the moment", RETRY_SECONDS) from error
            raise Unavailable("the database does not answer", RETRY_SECONDS) from error


def _means_not_now(error: BaseException) -> bool:
    return engines.means_not_now(error) or postgres.sqlstate(error) in _OPERATORS_WORK


def _sound(parameters: dict[str, object]) -> dict[str, object]:
    """Replaces what no text in Postgres can hold, and no query can search for: NUL, and halves of surrogate pairs."""
    return {name: _sound_value(value) for name, value in parameters.items()}


def _sound_value(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return [_sound_value(item) for item in value] if isinstance(value, list) else value


def store() -> Store:
    """The store of the current application."""
    here: Store = current_app.extensions["daytrade"].store
    return here
