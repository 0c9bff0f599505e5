"""Growth of the history, read from Postgres's own counter of rows. This scans no table, and costs workers nothing.

A rate needs two readings of the counter, so it is known only when an administrator has had the page open for the rate's
span.
"""

import time
from collections import deque

from webapp.site import site
from webapp.store import store

SPANS_SECONDS = (10, 60)
SECONDS_BETWEEN_LOOKS = 0.5


def rates() -> dict[int, float | None]:
    """History rows a second over each span in seconds; None while a rate is not known yet."""
    now, count = time.monotonic(), store().only(_COUNT)[0]
    here = site()
    with here.cache_lock:
        looks = here.cache.row_counts
        if not looks or now - looks[-1][0] >= SECONDS_BETWEEN_LOOKS:
            looks.append((now, count))
        return {span: _rate(looks, now, count, span) for span in SPANS_SECONDS}


def _rate(looks: deque[tuple[float, int]], now: float, count: int, span: int) -> float | None:
    # Takes the newest reading that is old enough; a much older one would give the rate of another time.
    for at, count_then in reversed(looks):
        if now - at >= span:
            return round((count - count_then) / (now - at), 1) if now - at < 1.5 * span else None
    return None


_COUNT = "SELECT pg_stat_get_tuples_inserted('history'::regclass)"
