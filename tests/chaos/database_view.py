"""Queries of the chaos harness, repeated while the database is unreachable. Knows nothing of what the rows mean."""

import contextlib
import time
from collections.abc import Sequence

import psycopg

APPLICATION = "chaos"
"""Application name of the harness's connections; faults spare connections with this name."""

PATIENCE_SECONDS = 40.0
POLL_SECONDS = 0.02


class DatabaseView:
    """One connection to the database, opened again when it is lost."""

    def __init__(self, database_url: str):
        self._url = database_url
        self._connection: psycopg.Connection | None = None

    def rows_or_none(self, query: str, values: Sequence[object] = ()) -> list[tuple] | None:
        """Returns the rows, or None if the database does not answer just now."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._url, autocommit=True, application_name=APPLICATION, connect_timeout=2
                )
            return self._connection.execute(query, values or None).fetchall()
        except psycopg.OperationalError:
            self.close()
            return None

    def rows(self, query: str, values: Sequence[object] = ()) -> list[tuple]:
        """Returns the rows, and waits while the database is unreachable. Raises TimeoutError after PATIENCE_SECONDS."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (rows := self.rows_or_none(query, values)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the database does not answer for {PATIENCE_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        return rows

    def value(self, query: str, values: Sequence[object] = ()):
        """Returns the single value of the single row."""
        ((value,),) = self.rows(query, values)
        return value

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
