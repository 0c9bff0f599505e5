"""One state of the database for all checks, however many connections they use. No SQL of any check."""

import contextlib
from collections.abc import Iterator

import psycopg

from database import postgres
from database.postgres import only_row

APPLICATION = "verification"

# Long queries are what this is for. Sorting and hashing have the machine to themselves; compiling a query takes
# longer than most of them run. The checks are run side by side, which keeps all processors busy: workers of one query
# would only take their share from the next, and a fifth more for starting and for handing rows over.
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
    """Connections opened from it see the same state, for as long as it lives."""

    def __init__(self, database_url: str, exporter: psycopg.Connection):
        self._database_url = database_url
        self._exporter = exporter
        self._name = only_row(exporter.execute("SELECT pg_export_snapshot()"))[0]

    @contextlib.contextmanager
    def connection(self) -> Iterator[psycopg.Connection]:
        """For one thread; reads only. Raises StoreError."""
        with _open(self._database_url) as connection:
            connection.execute(f"SET TRANSACTION SNAPSHOT '{self._name}'")
            yield connection


@contextlib.contextmanager
def take(database_url: str) -> Iterator[Snapshot]:
    """The state as of now. Raises StoreError."""
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
