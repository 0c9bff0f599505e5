"""Asking the database, patiently: a Postgres that restarts in the middle of a load test is no reason to stop it.

Reads, and the row that says what a run was. No knowledge of what is asked.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import Connection, Row, text

from database import engines
from schema.errors import StoreAway, StoreError

PATIENCE_SECONDS = 60.0
RETRY_PAUSE_SECONDS = 0.2

Result = TypeVar("Result")


class Ledger:
    """Each question is a transaction of its own; `snapshot` asks several of the same state."""

    def __init__(self, database_url: str, patience_seconds: float = PATIENCE_SECONDS):
        self._engine = engines.engine(database_url).execution_options(isolation_level="REPEATABLE READ")
        self._patience_seconds = patience_seconds

    def rows(self, query: str, **parameters: object) -> Sequence[Row[*tuple[Any, ...]]]:
        """Raises StoreError when the database stays away, or the query is wrong."""
        return self.snapshot({"rows": query}, **parameters)["rows"]

    def row(self, query: str, **parameters: object) -> Row[*tuple[Any, ...]]:
        """The only row there is."""
        (row,) = self.rows(query, **parameters)
        return row

    def value(self, query: str, **parameters: object) -> Any:
        """The only value there is."""
        (value,) = self.row(query, **parameters)
        return value

    def snapshot(self, queries: Mapping[str, str], **parameters: object) -> dict[str, Sequence[Row[*tuple[Any, ...]]]]:
        """The answers to several queries, of one and the same state of the database; each takes what it names."""

        def ask(connection: Connection) -> dict[str, Sequence[Row[*tuple[Any, ...]]]]:
            return {name: connection.execute(text(query), parameters).fetchall() for name, query in queries.items()}

        return self._patiently(ask)

    def write(self, statement: str, **parameters: object) -> None:
        """One statement, repeated if the database cannot do it now: it must bear that. Raises StoreError."""
        self._patiently(lambda connection: connection.execute(text(statement), parameters))

    def close(self) -> None:
        self._engine.dispose()

    def _patiently(self, work: Callable[[Connection], Result]) -> Result:
        deadline = time.monotonic() + self._patience_seconds
        while True:
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except sqlalchemy.exc.SQLAlchemyError as error:
                if not engines.means_not_now(error):
                    raise StoreError(f"Postgres: {error}") from error
                if time.monotonic() > deadline:
                    raise StoreAway(f"Postgres: {getattr(error, 'orig', error)}") from error
                # The server behind the connections may be the one that is a standby by now.
                self._engine.dispose()
            time.sleep(RETRY_PAUSE_SECONDS)
