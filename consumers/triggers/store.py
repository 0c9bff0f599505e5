"""Armed trigger orders in Postgres, read when a trigger worker takes over a partition of the symbols. Reads only."""

from collections import deque
from collections.abc import Iterator

import psycopg

from schema.events import TriggerChange, trigger_partition_of
from schema.outcomes import Side

GROUP = "triggers"

ROWS_PER_PAGE = 10_000
"""Maximum rows per page: some 50 ms of work."""

SYMBOLS_PER_PAGE = 100
"""Maximum symbols per page. Each is a statement of its own: some 20 ms if most symbols have few orders or none."""

_BEFORE_ALL = ("", Side.BUY)


def armed(connection: psycopg.Connection, partition: int) -> Iterator[list[TriggerChange]]:
    """Armed trigger orders of a partition's symbols, each as the change that armed it, in pages of bounded size.

    Each page shows the moment at which it is read, so the caller must subscribe to changes before the first page. The
    server holds nothing between pages. No statement grows with the number of orders, so none exceeds the time limit.
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
    """Armed trigger orders of one user."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_ARMED_OF, (user,))
        return [TriggerChange(of, symbol, Side(side), *values) for of, symbol, side, *values in cursor]


def _armed_symbols(connection: psycopg.Connection, partition: int) -> list[str]:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SYMBOLS)
        return [symbol for (symbol,) in cursor if trigger_partition_of(symbol) == partition]


# Steps from symbol to symbol through the index: the work grows with the number of symbols, not of orders.
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

# If a table was never analyzed, Postgres would sort all orders of a symbol for each page: 1.5 s for 1.5 M orders.
_IN_INDEX_ORDER = "SET LOCAL enable_sort = off"

_ARMED_OF = f"{_ORDERS} AND user_id = %s ORDER BY symbol, side"
