"""Recorded prices as a CSV file: `time,symbol,price`, in any order of rows, with or without that heading.

Time is ISO 8601 (`2026-11-22T10:15:00.250Z`; without a zone it is UTC) or ms since the epoch, price is dollars. The
quote cache (QUOTE_SOURCE) and `./daytradectl what-if` use it. Pure: lines in, values out.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from schema.bounds import MILLISECONDS_MAX
from schema.commands import is_symbol
from schema.errors import DecodeError, MalformedMoney
from schema.money import parse_cents

HEADING = ["time", "symbol", "price"]
ROWS_MAX = 10_000_000
"""Maximum prices in a file; they take about 1 GB of memory."""


@dataclass(frozen=True, slots=True, order=True)
class PricePoint:
    """Price of a symbol from a moment on."""

    at_ms: int
    symbol: str
    price_cents: int


def read_prices(lines: Iterable[str]) -> list[PricePoint]:
    """Reads the points, sorted by time; points of the same time keep the order of the file.

    Raises DecodeError with the line's number for a line that is not a point. Skipping it could cost somebody money.
    """
    points: list[PricePoint] = []
    for number, row in enumerate(_rows(lines), start=1):
        fields = [field.strip() for field in row]
        if not any(fields) or (number == 1 and [f.lower().lstrip("\ufeff") for f in fields] == HEADING):
            continue
        if len(points) == ROWS_MAX:
            raise DecodeError(f"line {number}: more than {ROWS_MAX} prices")
        try:
            points.append(_point(fields))
        except ValueError as error:
            raise DecodeError(f"line {number}: {error}") from error
    points.sort(key=lambda point: point.at_ms)
    return points


def _rows(lines: Iterable[str]) -> Iterator[list[str]]:
    reader = csv.reader(lines)
    try:
        yield from reader
    except csv.Error as error:  # a field of more than 128 kB, for instance after an unclosed quotation mark
        raise DecodeError(f"line {reader.line_num}: {error}") from error


def _point(fields: list[str]) -> PricePoint:
    if len(fields) != len(HEADING):
        raise ValueError(f"{len(fields)} fields instead of {','.join(HEADING)}")
    symbol = fields[1].upper()
    if not is_symbol(symbol):
        raise ValueError(f"not a symbol: {fields[1]!r}")
    try:
        cents = parse_cents(fields[2])
    except MalformedMoney as error:
        raise ValueError(str(error)) from error
    if cents <= 0:
        raise ValueError(f"not a price: {fields[2]!r}")
    return PricePoint(parse_time(fields[0]), symbol, cents)


def parse_time(text: str) -> int:
    """Parses ISO 8601 or ms since the epoch into ms since the epoch. Raises ValueError."""
    if text.isascii() and text.isdecimal() and len(text) > 8:
        at_ms = int(text)
    else:
        moment = datetime.fromisoformat(text)
        at_ms = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1_000)
    if not 0 <= at_ms <= MILLISECONDS_MAX:
        raise ValueError(f"not a time from 1970 to 9999: {text!r}")
    return at_ms


def format_time(at_ms: int) -> str:
    """Formats a time for people and charts: ISO 8601 in UTC, with ms."""
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
