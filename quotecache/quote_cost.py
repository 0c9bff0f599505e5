"""Counts of the quotes needed, the quotes paid for, and the least that would have sufficed (spec §4). Pure.

The SQL is for SQLAlchemy's `text`; the caller runs it on its own connection.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from quotecache.quote_floor import QuoteFloor

NEEDS = """
    SELECT symbol, needed_at_ms, at_ms, served_by FROM quote_lookups WHERE {commands}
    UNION ALL SELECT symbol, asked_at_ms, asked_at_ms, 'trigger' FROM quote_fetches
    WHERE for_trigger AND paid AND {fetches}
    ORDER BY needed_at_ms"""
"""Needs of a price: one for each command that used a price, and one for each paid request for armed triggers."""

FETCHES = """
    SELECT count(*), count(failure) FROM quote_fetches WHERE paid AND {fetches}"""
"""Numbers of all paid requests and of those that brought no price."""

SINCE = {"commands": "at_ms >= :since_ms", "fetches": "asked_at_ms >= :since_ms"}
"""Conditions for `NEEDS` and `FETCHES` that select everything from `:since_ms` on."""


@dataclass(frozen=True, slots=True)
class QuoteCost:
    """Numbers of lookups and of quotes.

    `lookups` are the commands whose outcome depended on a price, and the refreshes for armed triggers. Each lookup of
    a command was a hit, joined a request under way, or caused one itself. `fetches` are the paid requests;
    `abandoned` counts those of them that brought no price. `floor` is the least number of quotes that could have served
    the lookups.
    """

    lookups: int
    hits: int
    joined: int
    fetches: int
    abandoned: int
    floor: int


def quote_cost(needs: Iterable[tuple[str, int, int, str]], fetches: tuple[int, int]) -> QuoteCost:
    """Computes the figures from the rows of `NEEDS`, which may come from a cursor, and the one row of `FETCHES`."""
    floor = QuoteFloor()
    served: Counter[str] = Counter()
    for symbol, needed_at_ms, _, served_by in needs:
        floor.need(symbol, needed_at_ms)
        served[served_by] += 1
    paid, abandoned = fetches
    return QuoteCost(served.total(), served["hit"], served["joined"], paid, abandoned, floor.quotes)
