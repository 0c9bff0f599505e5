"""Reads the rows of COPY … TO STDOUT directly from libpq, as Postgres sends them.

psycopg's own reader takes twice the time, and reading is most of the cost of checking the chain. No SQL here; rows are
not interpreted.
"""

import select
from collections.abc import Iterator

import psycopg
from psycopg import pq


def copy_rows(connection: psycopg.Connection, query: str) -> Iterator[memoryview]:
    """Yields each row with its line feed. Read to the end: before that the connection can do nothing else.

    The connection must be in a transaction. Raises psycopg.DatabaseError.
    """
    libpq = connection.pgconn
    libpq.send_query(query.encode())
    libpq.flush()
    result = _next_result(libpq)
    assert result is not None, "libpq answers every query"
    if result.status != pq.ExecStatus.COPY_OUT:
        raise psycopg.DatabaseError(result.get_error_message())
    while True:
        length, row = libpq.get_copy_data(1)
        if length > 0:
            yield row
        elif length == 0:
            _wait(libpq)
        else:
            break
    while (result := _next_result(libpq)) is not None:
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise psycopg.DatabaseError(result.get_error_message())


def _next_result(libpq: pq.abc.PGconn) -> pq.abc.PGresult | None:
    while libpq.is_busy():
        _wait(libpq)
    return libpq.get_result()


def _wait(libpq: pq.abc.PGconn) -> None:
    # Waiting inside libpq would block the other threads; `select` lets them run.
    select.select([libpq.socket], [], [])
    libpq.consume_input()
