"""Snapshot of the database, so that all checks see one state on all their connections. No SQL of any check."""

import contextlib
from collections.abc import Iterator

import psycopg

from database import postgres
from database.postgres import only_row

APPLICATION = "verification"

# Verification runs long queries. Sorting and hashing may use much memory. Compiling a query (jit) takes longer than
# most queries run. The checks run in parallel, which keeps all processors busy. Parallel workers of one query would
# only take processors from the other queries, and cost a fifth more for starting and for passing rows.
_SETTINGS = (
    "SET statement_timeout = 0",
    "SET idle_in_transaction_session_timeout = 0",
    "SET work_mem = '256MB'",
    "SET jit = off",
    "SET max_parallel_workers_per_gather = 0",
    "SET random_page_cost = 1",
    "SET cpu_index_tuple_cost = 0.001",
)


class Snapshot:
    """One state of the database, which all connections opened from it see for as long as it is open."""

    def __init__(self, database_url: str, exporter: psycopg.Connection):
        self._database_url = database_url
        self._exporter = exporter
        self._name = only_row(exporter.execute("SELECT pg_export_snapshot()"))[0]

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """Opens a read-only connection for one thread. Raises StoreError."""
        with _open(self._database_url) as connection:
            connection.execute(f"SET TRANSACTION SNAPSHOT '{self._name}'")
            yield connection


@contextlib.contextmanager
def take(database_url: str) -> Iterator[Snapshot]:
    """Takes a snapshot of the current state. Raises StoreError."""
    with _open(database_url) as exporter:
        yield Snapshot(database_url, exporter)


@contextlib.contextmanager
def _open(database_url: str) -> Iterator[psycopg.Connection]:
    with postgres.translated(), contextlib.closing(postgres.connect(database_url, APPLICATION)) as connection:
        for setting in _SETTINGS:
            connection.execute(setting)
        connection.commit()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection
