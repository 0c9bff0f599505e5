"""Pool of a process's connections to one database: their number, the wait for one, the check before use. No SQL.

A process makes its pool after its last fork, because the pool connects in threads, and closes it at its end.
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

from database import postgres
from schema.errors import StoreAway

WAIT_SECONDS_MAX = 5.0
"""Longest wait for a connection in a worker: as long as one attempt to connect may take."""

CHECKS_MAX = 3
"""Connections that one loan checks: the first may be dead, the second is new; beyond that the server is at fault."""

CLOSE_SECONDS_MAX = 2.0
"""Seconds for which `close` waits for threads that are connecting; they do not keep a process alive."""

CONNECTING_THREADS_MAX = 3

NO_SETTINGS: Mapping[str, str] = MappingProxyType({})

# Each failed attempt to connect would be a line in the log. Whoever asked for the connection gets the reason instead.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


class PooledConnection(psycopg.Connection[TupleRow]):
    """Connection whose `close` gives it back to its pool, because SQLAlchemy has no other word for the end of a use.

    psycopg_pool's option `close_returns` does not suffice: psycopg does nothing on `close` of a broken connection, so
    the pool would count it as lent for ever.
    """

    def __init__(self, pgconn: PGconn, row_factory: RowFactory[TupleRow] = tuple_row):
        super().__init__(pgconn, row_factory)
        self.made_at = time.monotonic()

    def close(self) -> None:
        """Gives the connection back. Call it once: later the connection may be somebody else's."""
        pool = getattr(self, "_pool", None)
        if pool is None:  # it is not lent: its pool ends it
            super().close()
        else:
            pool.putconn(self)

    def abandon(self) -> None:
        """Ends the session with the server. The next `close` makes the pool put a new connection in its place."""
        self.pgconn.finish()

    def add_notice_handler(self, callback: Callable[[psycopg.errors.Diagnostic], None]) -> None:
        """Registers a handler of notices once: SQLAlchemy registers its own again at each loan."""
        if callback not in self._notice_handlers:
            super().add_notice_handler(callback)


class _PromptPool(ConnectionPool[PooledConnection]):
    """Pool that tells whoever waits when it could not connect, and why; psycopg_pool lets them wait until the end."""

    why: psycopg.Error | None = None
    """Why the last attempt to connect failed; None if it succeeded."""

    def _connect(self, timeout: float | None = None) -> PooledConnection:
        try:
            connection = super()._connect(timeout)
        except psycopg.Error as error:
            self.why = error
            raise
        self.why = None
        return connection

    def reconnect_failed(self) -> None:
        """Fails everybody who waits. It has no next attempt: the next loan makes one."""
        why = self.why
        if why is None:  # another thread has connected meanwhile
            return
        with self._lock:
            waiting = [*self._waiting]
            self._waiting.clear()
        for client in waiting:
            client.fail(type(why)(str(why)))  # one for each thread that raises it


class Pool:
    """Connections of a process to one database, at most `connections_max`; threads may share it.

    `application`: name of the sessions at Postgres. `settings`: parameters of all sessions. `make`: kind of connection.
    It connects when it is first asked, keeps what comes back, and ends what nobody needed for ten minutes.
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
            # Attempts that are repeated in the background, ever more seldom, would find a restarted server late.
            reconnect_timeout=0,
            num_workers=min(CONNECTING_THREADS_MAX, connections_max),
            open=True,
        )

    def take(self) -> PooledConnection:
        """Takes a connection that has just answered. Its `close` gives it back.

        Raises psycopg.OperationalError if the pool cannot connect, if no connection becomes free in time (PoolTimeout),
        or if it is closed (PoolClosed).
        """
        for _ in range(CHECKS_MAX - 1):
            connection = self._get()
            try:
                self._pool.check_connection(connection)
            except psycopg.Error:
                self._end(connection)
                if connection.made_at > self._drained_at:  # the others are probably dead as well
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

        What is not committed at the end of the use is rolled back. After an exception the connection is not used again:
        nobody knows what it was doing, and the server behind it may have become a standby.
        """
        try:
            connection = self.take()
        except psycopg.Error as error:
            raise StoreAway(f"cannot reach Postgres: {error}") from error
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
        """Replaces all connections: those not lent now, the others when they come back."""
        self._drained_at = time.monotonic()
        self._pool.drain()

    def close(self) -> None:
        """Ends all connections; those still lent end when they come back. Whoever waits for one gets PoolClosed."""
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
