"""The armed trigger orders in Postgres, read when a trigger worker takes symbols over. Reads only."""

from collections import deque
from collections.abc import Iterator

import psycopg

from schema.events import TriggerChange, trigger_partition_of
from schema.outcomes import Side

GROUP = "triggers"

ROWS_PER_PAGE = 10_000
"""Some 50 ms of work."""

SYMBOLS_PER_PAGE = 100
"""Each is a statement: some 20 ms, where most have few orders or none by now."""

_BEFORE_ALL = ("", Side.BUY)


def armed(connection: psycopg.Connection, partition: int) -> Iterator[list[TriggerChange]]:
    """The armed trigger orders of a partition's symbols, each as the change that armed it, in pages of bounded size.

    Each page is as of when it is read: who reads must hear of changes since before the first one. Nothing is held at
    the server between pages, and no statement takes longer the more orders there are: so no time limit ends it.
    """
    symbols = deque(_armed_symbols(connection, partition))
    after = _BEFORE_ALL
    while symbols:
        page = []
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(_IN_INDEX_ORDER)
            for _ in range(min(SYMBOLS_PER_PAGE, len(symbols))):
                rows = cursor.execute(_ARMED, (symbols[0], *after, ROWS_PER_PAGE), binary=True).fetchall()
                page += rows
                if len(rows) == ROWS_PER_PAGE:
                    after = rows[-1][0], rows[-1][2]
                else:
                    after = _BEFORE_ALL
                    symbols.popleft()
                if len(page) >= ROWS_PER_PAGE:
                    break
        yield [TriggerChange(user, symbol, Side(side), *values) for user, symbol, side, *values in page]


def armed_of(connection: psycopg.Connection, user: str) -> list[TriggerChange]:
    """A user's armed trigger orders."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_ARMED_OF, (user,))
        return [TriggerChange(of, symbol, Side(side), *values) for of, symbol, side, *values in cursor]


def _armed_symbols(connection: psycopg.Connection, partition: int) -> list[str]:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SYMBOLS)
        return [symbol for (symbol,) in cursor if trigger_partition_of(symbol) == partition]


# From symbol to symbol through the index: as much work as there are symbols, not orders.
_SYMBOLS = """
    WITH RECURSIVE armed AS (
        SELECT min(symbol) AS symbol FROM trigger_orders WHERE trigger_cents IS NOT NULL
        UNION ALL
        SELECT (SELECT min(symbol) FROM trigger_orders WHERE trigger_cents IS NOT NULL AND symbol > armed.symbol)
        FROM armed WHERE symbol IS NOT NULL)
    SELECT symbol FROM armed WHERE symbol IS NOT NULL"""

_ORDERS = """
    SELECT user_id, symbol, side::text, version, trigger_cents, reserved_cents, reserved_shares, transaction_number
    FROM trigger_orders WHERE trigger_cents IS NOT NULL"""

_ARMED = (
    f"{_ORDERS} AND symbol = %s AND (user_id, side) > (%s, %s::side) ORDER BY user_id, trigger_orders.side LIMIT %s"
)

# Where a table was never analyzed, Postgres would rather sort all orders of a symbol for each page: 1.5 s for 1.5 M.
_IN_INDEX_ORDER = "SET LOCAL enable_sort = off"

_ARMED_OF = f"{_ORDERS} AND user_id = %s ORDER BY symbol, side"
