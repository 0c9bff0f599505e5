"""Least number of paid quotes that could have served a run (spec §4). Pure."""

from collections.abc import Iterable
from operator import itemgetter

from schema.events import QUOTE_LIFETIME_MS


class QuoteFloor:
    """Counter of the quotes that must be paid for. It takes the needs in the order of their time.

    The greedy choice is optimal: a quote for the first unserved need must be bought no later than that need arises,
    and bought at that moment it serves the most later needs. A quote serves needs less than its lifetime later.
    """

    def __init__(self, lifetime_ms: int = QUOTE_LIFETIME_MS):
        self.quotes = 0
        self._lifetime_ms = lifetime_ms
        self._served_until_ms: dict[str, int] = {}

    def need(self, symbol: str, at_ms: int) -> None:
        """Counts a quote if none bought so far serves this need. `at_ms` must not decrease from call to call."""
        if at_ms >= self._served_until_ms.get(symbol, at_ms):
            self._served_until_ms[symbol] = at_ms + self._lifetime_ms
            self.quotes += 1


def quote_floor(needs: Iterable[tuple[str, int]], lifetime_ms: int = QUOTE_LIFETIME_MS) -> int:
    """Returns the floor of these needs, in any order: symbols and the times in ms at which a price was truly needed."""
    floor = QuoteFloor(lifetime_ms)
    for symbol, at_ms in sorted(needs, key=itemgetter(1)):
        floor.need(symbol, at_ms)
    return floor.quotes
