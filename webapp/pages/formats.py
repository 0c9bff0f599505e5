"""How values look to people: money, counts, percentages, times. Pure; no value is computed here, only written."""

import time
from datetime import UTC, datetime

from schema.bounds import MILLISECONDS_MAX

MINUS = "\u2212"
NOTHING = "–"
NO_DATE = "no valid date"


def dollars(cents: int | None) -> str:
    """$1,234.56; a dash where there is nothing to say."""
    if cents is None:
        return NOTHING
    whole, fraction = divmod(abs(cents), 100)
    return f"{MINUS if cents < 0 else ''}${whole:,}.{fraction:02d}"


def signed_dollars(cents: int) -> str:
    """+$1.00, −$1.00, $0.00: colour is never the only sign."""
    return f"+{dollars(cents)}" if cents > 0 else dollars(cents)


def count(number: int) -> str:
    """12,345."""
    return f"{number:,}".replace("-", MINUS)


def count_or_dash(number: int | None) -> str:
    return NOTHING if number is None else count(number)


def signed_count(number: int) -> str:
    return f"+{count(number)}" if number > 0 else count(number)


def figure(number: int, money: bool) -> str:
    """Cents or shares, whichever they are."""
    return dollars(number) if money else count(number)


def percent(value: float) -> str:
    """+1.2 %."""
    return f"{value:+.1f} %".replace("-", MINUS)


def plain_percent(value: float) -> str:
    return f"{value:.1f} %"


def rate(per_second: float | None) -> str:
    return NOTHING if per_second is None else f"{per_second:,.1f}" if per_second < 100 else f"{per_second:,.0f}"


def moment(at_ms: int) -> str:
    """Nov 22, 10:23:49; with the year where it is another one. A time that is none says so."""
    if not is_date(at_ms):
        return NO_DATE
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    year = "" if at.year == datetime.now(UTC).year else f" {at.year}"
    return f"{at:%b} {at.day}{year}, {at:%H:%M:%S}"


def is_date(at_ms: int) -> bool:
    """Whether a time is one: rows of before times were bounded may hold any 64-bit number."""
    return 0 <= at_ms <= MILLISECONDS_MAX


def time_of_day(at_ms: int) -> str:
    return NOTHING if not is_date(at_ms) else f"{datetime.fromtimestamp(at_ms / 1000, UTC):%H:%M:%S}"


def iso(at_ms: int) -> str:
    """The same time for programs; only of what is a date."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def age(asked_at_ms: int) -> str:
    """How old a quote is now; the same words as ageText in ticking.js, which goes on from here."""
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
