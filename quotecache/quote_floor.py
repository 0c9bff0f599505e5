"""The least number of paid quotes that could serve a run (spec §4). Pure."""

from collections.abc import Iterable

from schema.events import QUOTE_LIFETIME_MS


def quote_floor(needs: Iterable[tuple[str, int]], lifetime_ms: int = QUOTE_LIFETIME_MS) -> int:
    """`needs`: a symbol and a time in ms at which a price was truly needed, in any order.

    Greedy is least: the first need not yet served must be bought at the latest when it arises, and buying it then
    serves the most of what follows. A quote serves what is less than its lifetime later.
    """
    floor = 0
    served_until: dict[str, int] = {}
    for symbol, at_ms in sorted(needs, key=lambda need: need[1]):
        if at_ms >= served_until.get(symbol, at_ms):
            served_until[symbol] = at_ms + lifetime_ms
            floor += 1
    return floor
