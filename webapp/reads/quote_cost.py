"""What quotes cost today (UTC), against the least that could have served (spec §4). A minute old at most."""

import math
import time
from collections import Counter
from datetime import UTC, datetime

import msgspec

from schema.events import NOT_SENT, QUOTE_LIFETIME_MS
from webapp.site import site
from webapp.store import store

FRESH_SECONDS = 60
"""It reads the whole day's history: once a minute is often enough for a meter."""


class QuoteCost(msgspec.Struct, frozen=True):
    """Commands that needed a price, those of them that had one from the cache, or joined a request under way; paid
    requests, the least number that could have served, those that brought no price; and the cost.
    """

    lookups: int
    hits: int
    joined: int
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
    fetches, abandoned = store().row(_FETCHES, midnight_ms=midnight_ms, not_sent=NOT_SENT)
    floor, served = _floor(midnight_ms)
    counts = (served.total(), served["hit"], served["joined"])
    return QuoteCost(*counts, fetches, floor, abandoned, fetches * each, floor * each)


def _floor(midnight_ms: int) -> tuple[int, Counter[str]]:
    """The first need that nothing serves must be bought when it arises, and then serves the most of what follows.

    And how many needs there were, by what served them.
    """
    floor = 0
    served: Counter[str] = Counter()
    served_until: dict[str, int] = {}
    for symbol, at_ms, served_by in store().stream(_NEEDS, midnight_ms=midnight_ms, not_sent=NOT_SENT):
        served[served_by] += 1
        if at_ms >= served_until.get(symbol, at_ms):
            served_until[symbol] = at_ms + QUOTE_LIFETIME_MS
            floor += 1
    return floor, served


_FETCHES = """
    SELECT count(*), count(failure) FROM quote_fetches
    WHERE asked_at_ms >= :midnight_ms AND NOT starts_with(coalesce(failure, ''), :not_sent)"""

# A price was needed by commands that used one, and by armed triggers, whose needs are their fetches.
_NEEDS = """
    SELECT symbol, needed_at_ms, served_by FROM quote_lookups WHERE at_ms >= :midnight_ms
    UNION ALL SELECT symbol, asked_at_ms, 'trigger' FROM quote_fetches
    WHERE for_trigger AND asked_at_ms >= :midnight_ms AND NOT starts_with(coalesce(failure, ''), :not_sent)
    ORDER BY 2"""
