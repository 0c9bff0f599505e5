"""Snapshot of the database, so that all checks see one state on all their connections. No SQL of any check."""

import contextlib
from collections.abc import Iterator

import psycopg

from database import postgres
from database.pool import Pool
from database.postgres import only_row

APPLICATION = "verification"

# Verification runs long queries. Sorting and hashing may use much memory. Compiling a query (jit) takes longer than
# most queries run. The checks run in parallel, which keeps all processors busy. Parallel workers of one query would
# only take processors from the other queries, and cost a fifth more for starting and for passing rows.
_SETTINGS = {
    "statement_timeout": 0,
    "idle_in_transaction_session_timeout": 0,
    "work_mem": "256MB",
    "jit": "off",
    "max_parallel_workers_per_gather": 0,
    "random_page_cost": 1,
    "cpu_index_tuple_cost": 0.001,
    "timezone": "UTC",
}


class Snapshot:
    """One state of the database, which all connections opened from it see for as long as it is open."""

    def __init__(self, pool: Pool, exporter: psycopg.Connection):
        self._pool = pool
        self._name = only_row(exporter.execute("SELECT pg_export_snapshot()"))[0]

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Lends a read-only connection for one thread. Raises StoreError."""
        with _reading(self._pool) as connection:
            connection.execute(f"SET TRANSACTION SNAPSHOT '{self._name}'")
            yield connection


@contextlib.contextmanager
def take(database_url: str, at_once: int = 1) -> Iterator[Snapshot]:
    """Takes a snapshot of the current state. Raises StoreError. `at_once`: maximum connections that read it at once."""
    with (
        contextlib.closing(Pool(database_url, APPLICATION, at_once + 1, settings=_SETTINGS)) as pool,
        _reading(pool) as exporter,
    ):
        yield Snapshot(pool, exporter)


@contextlib.contextmanager
def _reading(pool: Pool) -> Iterator[psycopg.Connection]:
    with postgres.translated(), pool.lend() as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection
