"""Pool of a process's connections to one database: limits, waits, and the check before each use. No SQL of any feature.

A process makes its pool after its last fork, because the pool connects in threads. It closes the pool at its end.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import psycopg
from psycopg.pq.abc import PGconn
from psycopg.rows import RowFactory, TupleRow, tuple_row
from psycopg_pool import ConnectionPool, PoolTimeout

from database import pool_figures, postgres
from schema.errors import StoreAway

WAIT_SECONDS_MAX = 5.0
"""Longest wait for a connection in a worker: as long as one attempt to connect may take."""

CHECKS_MAX = 2
"""Connections that `take` checks at most. The first may have died while it was idle; all later ones are new."""

CLOSE_SECONDS_MAX = 2.0
"""Seconds for which `close` waits for a thread that is connecting. Such a thread does not keep a process alive."""

CONNECTING_THREADS_MAX = 3
"""Threads that connect. The pool grows by one connection at a time; several threads only replace lost ones sooner."""

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})

# The library would log each failed attempt to connect. The caller that needed the connection gets the reason instead.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class PooledConnection(psycopg.Connection[TupleRow]):
    """Connection whose `close` gives it back to its pool. SQLAlchemy calls `close` at the end of each use.

    psycopg_pool has an option for this, `close_returns`. But with it `close` does nothing to a broken connection, and
    the pool counts that connection as lent for ever.
    """

    def __init__(self, pgconn: PGconn, row_factory: RowFactory[TupleRow] = tuple_row):
        super().__init__(pgconn, row_factory)
        self.made_at = time.monotonic()

    def close(self) -> None:
        """Gives the connection back. Call it once per loan: afterwards another thread may have the connection."""
        pool = getattr(self, "_pool", None)
        if pool is None:  # it is not lent: its pool ends it
            super().close()
        else:
            pool.putconn(self)

    def abandon(self) -> None:
        """Ends the session with the server. `close` must follow; the pool then opens another connection instead."""
        self.pgconn.finish()

    def add_notice_handler(self, callback: Callable[[psycopg.errors.Diagnostic], None]) -> None:
        """Registers a handler of notices, each only once: SQLAlchemy registers its own anew at each loan."""
        if callback not in self._notice_handlers:
            super().add_notice_handler(callback)


class _PromptPool(ConnectionPool[PooledConnection]):
    """Pool that fails its waiting callers as soon as it cannot connect. psycopg_pool lets them time out."""

    why: psycopg.Error | None = None
    """Why the last attempt to connect failed; None if it succeeded."""

    def _connect(self, timeout: float | None = None) -> PooledConnection:
        try:
            connection = super()._connect(timeout)
            try:
                postgres.require_own_session(connection)
            except BaseException:
                connection.abandon()
                raise
        except psycopg.Error as error:
            self.why = error
            raise
        self.why = None
        return connection

    def reconnect_failed(self) -> None:
        """Fails all waiting callers with the reason. There is no further attempt; the next call of `take` makes one."""
        why = self.why
        if why is None:  # another thread has connected meanwhile
            return
        with self._lock:
            waiting = [*self._waiting]
            self._waiting.clear()
        for client in waiting:
            client.fail(type(why)(str(why)))  # each thread raises an exception of its own


class Pool:
    """Connections of a process to one database, at most `connections_max`; threads may share it.

    `application`: name of the sessions at Postgres. `settings`: parameters of all sessions. `make`: class of the
    connections. The pool opens connections when they are needed, and closes those that were idle for ten minutes.
    """

    def __init__(
        self,
        database_url: str,
        application: str,
        connections_max: int,
        *,
        settings: Mapping[str, object] = postgres.WORKER_SETTINGS,
        wait_seconds: float = WAIT_SECONDS_MAX,
        connect_seconds: int = postgres.CONNECT_SECONDS_MAX,
        make: type[PooledConnection] = PooledConnection,
    ):
        url, parameters = postgres.connection_parameters(database_url, application, settings, connect_seconds)
        self._drained_at = 0.0
        self._pool = _PromptPool(
            url,
            connection_class=make,
            kwargs=parameters,
            min_size=0,
            max_size=connections_max,
            timeout=wait_seconds,
            # No repeated attempts: their growing pauses, up to minutes, would keep a restarted server from being used.
            reconnect_timeout=0,
            num_workers=min(CONNECTING_THREADS_MAX, connections_max),
            open=True,
        )
        pool_figures.watch(self._pool)

    def take(self) -> PooledConnection:
        """Takes a connection that has just answered. Its `close` gives it back.

        Raises psycopg.OperationalError if the pool cannot connect, if no connection becomes free in time (PoolTimeout),
        or if it is closed (PoolClosed).
        """
        for _ in range(CHECKS_MAX):
            connection = self._get()
            try:
                self._pool.check_connection(connection)
            except psycopg.Error:
                self._end(connection)
                if connection.made_at > self._drained_at:  # the server has probably ended all of them
                    self.drain()
            except BaseException:
                self._end(connection)
                raise
            else:
                return connection
        return self._get()

    @contextlib.contextmanager
    def lend(self, settings: Mapping[str, str] = NO_SETTINGS) -> Iterator[psycopg.Connection]:
        """Lends a connection for one thread's use, with these parameters of its session. Raises StoreAway.

        What is not committed at the end of the use is rolled back. After an exception the connection is closed and not
        used again: its state is unknown, and the server behind it may have become a standby.
        """
        try:
            connection = self.take()
        except psycopg.Error as error:
            raise StoreAway(f"cannot reach Postgres: {postgres.described(error)}") from error
        try:
            with postgres.translated():
                _prepare(connection, settings)
            yield connection
            with postgres.translated():
                _clean(connection, settings)
        except BaseException:
            connection.abandon()
            raise
        finally:
            connection.close()

    def drain(self) -> None:
        """Replaces all connections: the idle ones now, the lent ones when they come back."""
        self._drained_at = time.monotonic()
        self._pool.drain()

    def close(self) -> None:
        """Closes all connections; those still lent are closed when they come back. Waiting callers get PoolClosed."""
        self._pool.close(CLOSE_SECONDS_MAX)

    def _get(self) -> PooledConnection:
        try:
            return self._pool.getconn()
        except PoolTimeout as error:
            if self._pool.why is None:
                raise
            raise PoolTimeout(f"{error}; the last attempt to connect failed: {self._pool.why}") from error

    @staticmethod
    def _end(connection: PooledConnection) -> None:
        connection.abandon()
        connection.close()


def _prepare(connection: psycopg.Connection, settings: Mapping[str, str]) -> None:
    # SQLAlchemy leaves its own level on the connections that it gives back, and sets it again at each loan.
    connection.autocommit = False
    connection.isolation_level = connection.read_only = connection.deferrable = None
    if settings:
        with connection.transaction():
            for name, value in settings.items():
                connection.execute("SELECT set_config(%s, %s, false)", (name, value))


def _clean(connection: psycopg.Connection, settings: Mapping[str, str]) -> None:
    connection.rollback()
    if settings:
        connection.autocommit = True
        connection.execute("RESET ALL")
