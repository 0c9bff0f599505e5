"""Formats of values for people: money, counts, percentages, times. Pure; values are only formatted, not computed."""

import time
from datetime import UTC, datetime

from schema.bounds import MILLISECONDS_MAX

MINUS = "\u2212"
NOTHING = "–"
NO_DATE = "invalid date"


def dollars(cents: int | None) -> str:
    """$1,234.56; a dash for None."""
    if cents is None:
        return NOTHING
    whole, fraction = divmod(abs(cents), 100)
    return f"{MINUS if cents < 0 else ''}${whole:,}.{fraction:02d}"


def signed_dollars(cents: int) -> str:
    """+$1.00, −$1.00, $0.00: a gain or loss shows not by colour alone."""
    return f"+{dollars(cents)}" if cents > 0 else dollars(cents)


def count(number: int) -> str:
    """12,345."""
    return f"{number:,}".replace("-", MINUS)


def count_or_dash(number: int | None) -> str:
    return NOTHING if number is None else count(number)


def signed_count(number: int) -> str:
    return f"+{count(number)}" if number > 0 else count(number)


def figure(number: int, money: bool) -> str:
    """Cents as dollars, or a number of shares."""
    return dollars(number) if money else count(number)


def percent(value: float) -> str:
    """+1.2 %."""
    return f"{value:+.1f} %".replace("-", MINUS)


def plain_percent(value: float) -> str:
    return f"{value:.1f} %"


def rate(per_second: float | None) -> str:
    return NOTHING if per_second is None else f"{per_second:,.1f}" if per_second < 100 else f"{per_second:,.0f}"


def moment(at_ms: int) -> str:
    """Nov 22, 10:23:49, with the year unless it is the current one (UTC); NO_DATE if it is no valid time."""
    if not is_date(at_ms):
        return NO_DATE
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    year = "" if at.year == datetime.now(UTC).year else f" {at.year}"
    return f"{at:%b} {at.day}{year}, {at:%H:%M:%S}"


def is_date(at_ms: int) -> bool:
    """Whether a time is valid: rows written before times had bounds may hold any 64-bit number."""
    return 0 <= at_ms <= MILLISECONDS_MAX


def time_of_day(at_ms: int) -> str:
    return NOTHING if not is_date(at_ms) else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}"


def iso(at_ms: int) -> str:
    """ISO 8601 form of a time for which `is_date` holds."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def age(asked_at_ms: int) -> str:
    """Age of a quote now, in the same words as ageText in ticking.js, which keeps updating it."""
    seconds = max(0, int(time.time() - asked_at_ms / 1000))
    if seconds < 120:
        return f"{seconds} s ago"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} min ago"
    hours = minutes // 60
    return f"{hours} h ago" if hours < 48 else f"{hours // 24} days ago"


def sentence(words: str | None) -> str:
    """A reason as a sentence of its own."""
    return f"{words[0].upper()}{words[1:]}." if words else ""
