"""The count of quotes needed, quotes paid for, and the least that would have served (spec §4). Pure.

The SQL is for SQLAlchemy's `text`; whoever asks runs it over a connection of its own.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from quotecache.quote_floor import QuoteFloor

NEEDS = """
    SELECT symbol, needed_at_ms, at_ms, served_by FROM quote_lookups WHERE {commands}
    UNION ALL SELECT symbol, asked_at_ms, asked_at_ms, 'trigger' FROM quote_fetches
    WHERE for_trigger AND paid AND {fetches}
    ORDER BY needed_at_ms"""
"""Needs of a price: those of commands that used one, and those of armed triggers, which are their paid requests."""

FETCHES = """
    SELECT count(*), count(failure) FROM quote_fetches WHERE paid AND {fetches}"""
"""Paid requests, and those of them that brought no price."""

SINCE = {"commands": "at_ms >= :since_ms", "fetches": "asked_at_ms >= :since_ms"}
"""The conditions in `NEEDS` and `FETCHES` for everything from `:since_ms` on."""


@dataclass(frozen=True, slots=True)
class QuoteCost:
    """Numbers of lookups and of quotes.

    `lookups` are the commands whose price decided, and the refreshes of armed triggers: each lookup of a command
    was a hit, joined a request under way, or caused one itself. `fetches` are paid; the `abandoned` of them brought no
    price. `floor` is the least number of quotes that could have served the lookups.
    """

    lookups: int
    hits: int
    joined: int
    fetches: int
    abandoned: int
    floor: int


def quote_cost(needs: Iterable[Sequence[Any]], fetches: Sequence[Any]) -> QuoteCost:
    """The figures from the rows of `NEEDS`, which may come from a cursor, and from the row of `FETCHES`."""
    floor = QuoteFloor()
    served: Counter[str] = Counter()
    for symbol, needed_at_ms, _, served_by in needs:
        floor.need(symbol, needed_at_ms)
        served[served_by] += 1
    paid, abandoned = fetches
    return QuoteCost(served.total(), served["hit"], served["joined"], paid, abandoned, floor.quotes)
