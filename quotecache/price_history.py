"""The prices that were paid for, per symbol and range, for charts: `python -m quotecache.price_history SYMBOL`.

Reads only: nothing here buys a quote, or says what a price is now.
"""

import argparse
import os
import sys
from collections.abc import Iterator

import psycopg

from database import postgres
from runtime import entry_point
from runtime.price_file import HEADING, PricePoint, format_time, parse_time
from schema.bounds import INT64_MAX
from schema.commands import is_symbol
from schema.errors import DayTradeError, SettingsError
from schema.money import format_cents

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


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m quotecache.price_history",
        description="Writes a symbol's paid prices as CSV, which QUOTE_SOURCE and what-if can read.",
    )
    parser.add_argument("symbol")
    parser.add_argument("--from", dest="begin", default="1970-01-01", help="ISO 8601 (UTC) or ms since the epoch")
    parser.add_argument("--to", dest="end", default="9999-12-31", help="the same; itself no longer included")
    asked = parser.parse_args()
    try:
        _write(asked.symbol.upper(), asked.begin, asked.end)
    except SettingsError as error:
        print(f"price-history: {error}", file=sys.stderr)
        return 2
    except DayTradeError as error:
        print(f"price-history: {error}", file=sys.stderr)
        return 1
    return 0


def _write(symbol: str, begin: str, end: str) -> None:
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise SettingsError("DATABASE_URL is not set: run `export $(make env)`")
    if not is_symbol(symbol):
        raise SettingsError(f"{symbol!r} is not a symbol: 1 to 3 letters")
    try:
        bounds = parse_time(begin), parse_time(end)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    connection = postgres.connect(url, "price-history")
    try:
        print(",".join(HEADING))
        for point in price_history(connection, symbol, *bounds):
            print(f"{format_time(point.at_ms)},{symbol},{format_cents(point.price_cents)}")
    finally:
        connection.close()


# By the index on (symbol, asked_at_ms).
_HISTORY = """
    SELECT asked_at_ms, price_cents FROM quote_fetches
    WHERE symbol = %s AND asked_at_ms >= %s AND asked_at_ms < %s AND price_cents IS NOT NULL
    ORDER BY asked_at_ms, quote_id LIMIT %s"""

if __name__ == "__main__":
    entry_point.run("price history", main)
