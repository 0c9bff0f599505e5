"""Looking at the database through outages. Reads and administration of the harness; nothing of what it means."""

import contextlib
import time
from collections.abc import Sequence

import psycopg

APPLICATION = "chaos"
"""How our own connections are called: faults spare them."""

PATIENCE_SECONDS = 40.0
POLL_SECONDS = 0.02


class Eye:
    """One connection, opened again when it was lost."""

    def __init__(self, database_url: str):
        self._url = database_url
        self._connection: psycopg.Connection | None = None

    def glance(self, query: str, values: Sequence[object] = ()) -> list[tuple] | None:
        """The rows, or None where the database does not answer just now."""
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
        """The rows, however long the database stays away, within limits. Raises TimeoutError."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (rows := self.glance(query, values)) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the database does not answer for {PATIENCE_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        return rows

    def value(self, query: str, values: Sequence[object] = ()):
        """The only value there is."""
        ((value,),) = self.rows(query, values)
        return value

    def close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(psycopg.Error):
                self._connection.close()
            self._connection = None
