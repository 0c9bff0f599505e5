"""Snapshot of the live database for replay: history rows with their quotes, and how far each log is done.

Replay uses as input only the facts of a row that the engine got from outside: the time of the decision, and the quote
that the worker had. It compares all other fields with its own results. The only SQL of replay on the live database;
nothing here writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from consumers.transactions import store
from database import postgres
from database.postgres import only_row
from schema.commands import partition_of
from schema.history import HistoryRow
from verification.account_at import COLUMNS, ROWS_PER_FETCH


class RecordedRow(HistoryRow, frozen=True, gc=False):
    """History row with its user, and with the quote that it names, as stored in `quote_fetches`."""

    user: str
    quoted_symbol: str | None
    quoted_price_cents: int | None
    asked_at_ms: int | None


@dataclass(frozen=True, slots=True)
class LogProgress:
    """Progress in a partition's log. `next_offset`: the lowest unfinished offset; `high_offset`: the highest taken."""

    next_offset: int
    high_offset: int
    clock_ms: int


class RecordedHistory:
    """Snapshot of the live database, until `close`. Raises StoreError if the database cannot be reached."""

    def __init__(self, database_url: str):
        self.connection = postgres.connect(database_url, "replay")
        self.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self.connection.read_only = True
        # The whole replay is one transaction, however long the history is, with pauses while it reads the streams.
        self.connection.execute("SET LOCAL statement_timeout = 0")
        self.connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        self.connection.execute("SET LOCAL work_mem = '64MB'")

    def progress(self) -> dict[int, LogProgress]:
        """Progress in each partition's log, by partition."""
        rows = self.connection.execute(_PROGRESS, (store.GROUP,))
        return {partition: LogProgress(*values) for partition, *values in rows}

    def count_rows(self) -> int:
        """Number of rows in the history."""
        count: int = only_row(self.connection.execute("SELECT count(*) FROM history"))[0]
        return count

    def users(self) -> dict[int, list[str]]:
        """Users who have an account or a history, by partition."""
        users: dict[int, list[str]] = {}
        for (user,) in self.connection.execute(_USERS):
            users.setdefault(partition_of(user), []).append(user)
        return users

    def rows(self, users: list[str]) -> Iterator[RecordedRow]:
        """History of these users, ordered by user and seq."""
        with self.connection.cursor("recorded", binary=True) as cursor:
            cursor.itersize = ROWS_PER_FETCH
            for row in cursor.execute(_ROWS, (users,)):
                yield RecordedRow(*row)

    def close(self) -> None:
        self.connection.close()


_PROGRESS = "SELECT partition, next_offset, high_offset, clock_ms FROM partitions WHERE consumer_group = %s"

_USERS = "SELECT user_id FROM accounts UNION SELECT user_id FROM history"

_ROWS = f"""
    SELECT {COLUMNS}, h.user_id, q.symbol, q.price_cents, q.asked_at_ms
    FROM history h LEFT JOIN quote_fetches q USING (quote_id)
    WHERE h.user_id = ANY(%s) ORDER BY h.user_id, h.seq"""
