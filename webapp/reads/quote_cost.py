"""Cost of today's quotes (UTC), beside the least possible cost (spec §4). The figures are at most a minute old."""

import time
from datetime import UTC, datetime

import msgspec

from quotecache import quote_cost as counted
from quotecache.quote_cost import FETCHES, NEEDS, SINCE
from webapp.site import site
from webapp.store import store

FRESH_SECONDS = 60
"""Seconds for which the cost is reused: computing it reads the whole day's history."""


class QuoteCostView(msgspec.Struct, frozen=True):
    """Figures of a day's quotes. `lookups`: commands that needed a price. Of these, `hits` found one in the cache, and
    `joined` waited for a request that was under way. `fetches`: paid requests; `floor`: the least possible number of
    them; `abandoned`: those that brought no price.
    """

    lookups: int
    hits: int
    joined: int
    fetches: int
    floor: int
    abandoned: int
    cost_cents: int
    floor_cost_cents: int


def quote_cost() -> QuoteCostView:
    """Cost of this day so far."""
    here = site()
    with here.cache_lock:
        at, cost = here.cache.quote_cost
        if not isinstance(cost, QuoteCostView) or time.monotonic() - at > FRESH_SECONDS:
            cost = _look()
            here.cache.quote_cost = (time.monotonic(), cost)
        return cost


def _look() -> QuoteCostView:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since_ms = int(midnight.timestamp() * 1000)
    fetches = store().only(FETCHES.format(**SINCE), since_ms=since_ms)
    counts = counted.quote_cost(store().stream(NEEDS.format(**SINCE), since_ms=since_ms), fetches)
    each = site().settings.base.quote_cost_cents
    return QuoteCostView(
        counts.lookups,
        counts.hits,
        counts.joined,
        counts.fetches,
        counts.floor,
        counts.abandoned,
        cost_cents=counts.fetches * each,
        floor_cost_cents=counts.floor * each,
    )
