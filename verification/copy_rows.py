"""The rows of COPY … TO STDOUT as Postgres sends them, read straight from libpq: psycopg's own reader takes twice the
time, and reading is most of what checking the chain costs. No SQL, and no opinion on what a row is.
"""

import select
from collections.abc import Iterator

import psycopg
from psycopg import pq


def copy_rows(connection: psycopg.Connection, query: str) -> Iterator[memoryview]:
    """A row each, line feed included. Read it to its end: before that the connection is of no use.

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
    # Other threads work meanwhile: libpq's own waiting would keep them out.
    select.select([libpq.socket], [], [])
    libpq.consume_input()
