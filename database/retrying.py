"""Queries that are retried while Postgres is unreachable, so that its restart does not stop a load test.

The callers bring the SQL. It reads, except for the statement that stores the row of a run.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Connection, text

from database import engines, postgres
from database.engines import UntypedRow
from database.pool import Pool
from schema.errors import StoreAway, StoreError

PATIENCE_SECONDS = 60.0
RETRY_PAUSE_SECONDS = 0.2

CONNECTIONS_MAX = 1
"""Maximum connections: one suffices, because one thread uses a RetryingDatabase."""

Result = TypeVar("Result")


class RetryingDatabase:
    """Runs each query in a transaction of its own, except that `snapshot` reads one state with several queries."""

    def __init__(self, database_url: str, patience_seconds: float = PATIENCE_SECONDS):
        # No limit for statements: the checks after a run read whole tables.
        self._pool = Pool(database_url, "patient reads", CONNECTIONS_MAX, settings={})
        self._engine = engines.engine_on(self._pool, "REPEATABLE READ")
        self._patience_seconds = patience_seconds

    def rows(self, query: str, **parameters: object) -> Sequence[UntypedRow]:
        """Rows of a query. Raises StoreError if the database stays unreachable, or the query is wrong."""
        return self.snapshot({"rows": query}, **parameters)["rows"]

    def row(self, query: str, **parameters: object) -> UntypedRow:
        """The only row of a query."""
        (row,) = self.rows(query, **parameters)
        return row

    def value(self, query: str, **parameters: object) -> Any:  # see UntypedRow
        """The only value of the only row of a query."""
        (value,) = self.row(query, **parameters)
        return value

    def snapshot(self, queries: Mapping[str, str], **parameters: object) -> dict[str, Sequence[UntypedRow]]:
        """Rows of several queries by name, all from one state of the database; each query uses its own parameters."""

        def ask(connection: Connection) -> dict[str, Sequence[UntypedRow]]:
            return {name: connection.execute(text(query), parameters).fetchall() for name, query in queries.items()}

        return self._patiently(ask)

    def write(self, statement: str, **parameters: object) -> None:
        """Runs one idempotent statement, and retries it if the database cannot do it now. Raises StoreError."""
        self._patiently(lambda connection: connection.execute(text(statement), parameters))

    def close(self) -> None:
        self._pool.close()

    def _patiently(self, work: Callable[[Connection], Result]) -> Result:
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except sqlalchemy.exc.SQLAlchemyError as error:
                if not engines.means_not_now(error):
                    raise StoreError(f"Postgres: {postgres.described(error)}") from error
                if time.monotonic() > deadline:
                    raise StoreAway(f"Postgres: {postgres.described(error)}") from error
                # The pooled connections may lead to a server that has become a standby.
                self._pool.drain()
            time.sleep(RETRY_PAUSE_SECONDS)
