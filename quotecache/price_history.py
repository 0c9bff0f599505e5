"""Paid prices of a symbol in a time range, for charts.

Reads only: nothing here buys a quote or returns a current price.
"""

from collections.abc import Iterator

import psycopg

from database import postgres
from runtime.price_file import PricePoint
from schema.bounds import INT64_MAX

POINTS_MAX = 1_000_000
"""Maximum points per request: about two years of a symbol whose quote is bought again whenever it expires."""

ROWS_PER_PAGE = 10_000


def price_history(
    connection: psycopg.Connection,
    symbol: str,
    from_ms: int = 0,
    to_ms: int = INT64_MAX,
    most: int = POINTS_MAX,
) -> Iterator[PricePoint]:
    """Yields the symbol's paid prices requested in [from_ms, to_ms), oldest first, at most `most` of them.

    Uses a server-side cursor, so memory is bounded. Raises StoreError.
    """
    with postgres.translated(), connection.transaction(), connection.cursor("price_history") as cursor:
        cursor.itersize = ROWS_PER_PAGE
        cursor.execute(_HISTORY, (symbol, from_ms, to_ms, most))
        for at_ms, price_cents in cursor:
            yield PricePoint(at_ms, symbol, price_cents)


# Uses the index on (symbol, asked_at_ms).
_HISTORY = """
    SELECT asked_at_ms, price_cents FROM quote_fetches
    WHERE symbol = %s AND asked_at_ms >= %s AND asked_at_ms < %s AND price_cents IS NOT NULL
    ORDER BY asked_at_ms, quote_id LIMIT %s"""
