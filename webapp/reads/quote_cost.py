"""What quotes cost today (UTC), against the least that could have served (spec §4). A minute old at most."""

import math
import time
from datetime import UTC, datetime

import msgspec

from schema.events import QUOTE_LIFETIME_MS
from webapp.site import site
from webapp.store import store

FRESH_SECONDS = 60
"""It reads the whole day's history: once a minute is often enough for a meter."""


class QuoteCost(msgspec.Struct, frozen=True):
    """Paid hits, the least number that could have served, and those that brought no price; and their cost."""

    fetches: int
    floor: int
    abandoned: int
    cost_cents: int
    floor_cost_cents: int


def quote_cost() -> QuoteCost:
    """Of this day so far."""
    here = site()
    with here.keeping:
        at, cost = here.kept.get("quote cost", (-math.inf, None))
        if cost is None or time.monotonic() - at > FRESH_SECONDS:
            cost = _look()
            here.kept["quote cost"] = (time.monotonic(), cost)
        return cost


def _look() -> QuoteCost:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight_ms = int(midnight.timestamp() * 1000)
    each = site().settings.base.quote_cost_cents
    fetches, abandoned = store().row(_FETCHES, midnight_ms=midnight_ms)
    floor = _floor(midnight_ms)
    return QuoteCost(fetches, floor, abandoned, fetches * each, floor * each)


def _floor(midnight_ms: int) -> int:
    """The first need that nothing serves must be bought when it arises, and then serves the most of what follows."""
    floor = 0
    served_until: dict[str, int] = {}
    for symbol, at_ms in store().stream(_NEEDS, midnight_ms=midnight_ms):
        if at_ms >= served_until.get(symbol, at_ms):
            served_until[symbol] = at_ms + QUOTE_LIFETIME_MS
            floor += 1
    return floor


_FETCHES = """
    SELECT count(*), count(*) FILTER (WHERE failure IS NOT NULL) FROM quote_fetches
    WHERE asked_at_ms >= :midnight_ms"""

# A price was needed by commands that used one, and by armed triggers, whose needs are their fetches.
_NEEDS = """
    SELECT symbol, at_ms FROM history WHERE kind = 'command' AND quote_id IS NOT NULL AND at_ms >= :midnight_ms
    UNION SELECT symbol, asked_at_ms FROM quote_fetches WHERE for_trigger AND asked_at_ms >= :midnight_ms
    ORDER BY 2"""
