"""The least number of paid quotes that could serve a run (spec §4). Pure."""

from collections.abc import Iterable
from operator import itemgetter

from schema.events import QUOTE_LIFETIME_MS


class QuoteFloor:
    """Counter of the quotes that must be paid for, fed with needs in the order of their time.

    Greedy is least: the first need not yet served must be bought at the latest when it arises, and buying it then
    serves the most of what follows. A quote serves what is less than its lifetime later.
    """

    def __init__(self, lifetime_ms: int = QUOTE_LIFETIME_MS):
        self.quotes = 0
        self._lifetime_ms = lifetime_ms
        self._served_until_ms: dict[str, int] = {}

    def need(self, symbol: str, at_ms: int) -> None:
        """Counts a quote if none bought so far serves this need. `at_ms` is never before that of an earlier call."""
        if at_ms >= self._served_until_ms.get(symbol, at_ms):
            self._served_until_ms[symbol] = at_ms + self._lifetime_ms
            self.quotes += 1


def quote_floor(needs: Iterable[tuple[str, int]], lifetime_ms: int = QUOTE_LIFETIME_MS) -> int:
    """The floor of these needs: a symbol and a time in ms at which a price was truly needed, in any order."""
    floor = QuoteFloor(lifetime_ms)
    for symbol, at_ms in sorted(needs, key=itemgetter(1)):
        floor.need(symbol, at_ms)
    return floor.quotes
