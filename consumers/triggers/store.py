"""The armed trigger orders in Postgres, read when a trigger worker takes symbols over. Reads only."""

import itertools
from collections.abc import Iterator

import psycopg

from schema.events import TriggerChange, trigger_partition_of
from schema.outcomes import Side

GROUP = "triggers"

ROWS_PER_PAGE = 10_000
"""Some 50 ms of work."""

_cursors = itertools.count(1)


def armed(connection: psycopg.Connection, partition: int) -> Iterator[list[TriggerChange]]:
    """The armed trigger orders of a partition's symbols, each as the change that armed it, in pages.

    All as of the first page. Between pages the connection is free for other transactions, and the rows wait at the
    server (WITH HOLD), so that memory is bounded however many there are.
    """
    symbols = _armed_symbols(connection, partition)
    if not symbols:
        return
    cursor = connection.cursor(f"armed_{next(_cursors)}", withhold=True)
    with connection.transaction():
        cursor.execute(_ARMED, (symbols,), binary=True)
    while True:
        with connection.transaction():
            rows = cursor.fetchmany(ROWS_PER_PAGE)
        if not rows:
            break
        yield [TriggerChange(user, symbol, Side(side), *values) for user, symbol, side, *values in rows]
    with connection.transaction():
        cursor.close()


def armed_of(connection: psycopg.Connection, user: str) -> list[TriggerChange]:
    """A user's armed trigger orders."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_ARMED_OF, (user,))
        return [TriggerChange(of, symbol, Side(side), *values) for of, symbol, side, *values in cursor]


def _armed_symbols(connection: psycopg.Connection, partition: int) -> list[str]:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SYMBOLS)
        return [symbol for (symbol,) in cursor if trigger_partition_of(symbol) == partition]


_SYMBOLS = "SELECT DISTINCT symbol FROM trigger_orders WHERE trigger_cents IS NOT NULL"

_ORDERS = """
    SELECT user_id, symbol, side::text, version, trigger_cents, reserved_cents, reserved_shares, transaction_number
    FROM trigger_orders WHERE trigger_cents IS NOT NULL"""

_ARMED = f"{_ORDERS} AND symbol = ANY(%s)"

_ARMED_OF = f"{_ORDERS} AND user_id = %s ORDER BY symbol, side"
