"""The prices that were paid for, per symbol and range, for charts.

Reads only: nothing here buys a quote, or says what a price is now.
"""

from collections.abc import Iterator

import psycopg

from database import postgres
from runtime.price_file import PricePoint
from schema.bounds import INT64_MAX

POINTS_MAX = 1_000_000
"""A year of a symbol that is refreshed whenever it runs out is half of this."""

ROWS_PER_PAGE = 10_000


def price_history(
    connection: psycopg.Connection,
    symbol: str,
    from_ms: int = 0,
    to_ms: int = INT64_MAX,
    most: int = POINTS_MAX,
) -> Iterator[PricePoint]:
    """Each paid price of the symbol asked for in [from_ms, to_ms), the oldest first; at most so many.

    From a server-side cursor, in bounded memory. Raises StoreError.
    """
    with postgres.translated(), connection.transaction(), connection.cursor("price_history") as cursor:
        cursor.itersize = ROWS_PER_PAGE
        cursor.execute(_HISTORY, (symbol, from_ms, to_ms, most))
        for at_ms, price_cents in cursor:
            yield PricePoint(at_ms, symbol, price_cents)


# By the index on (symbol, asked_at_ms).
_HISTORY = """
    SELECT asked_at_ms, price_cents FROM quote_fetches
    WHERE symbol = %s AND asked_at_ms >= %s AND asked_at_ms < %s AND price_cents IS NOT NULL
    ORDER BY asked_at_ms, quote_id LIMIT %s"""
