"""Figures of the quotes that a run or a day needed: the cost, and the least possible cost (spec §4)."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from database.engines import UntypedRow
from database.retrying import RetryingDatabase
from loadtest.run import Run
from quotecache.quote_cost import FETCHES, NEEDS, SINCE, quote_cost
from quotecache.quote_floor import quote_floor
from schema.money import format_cents


class QuoteFigures(TypedDict):
    """Quotes that commands needed, those that were paid for, and the cost beside the least possible one.

    `failed`: commands rejected because no quote was available. `floor_by_decision`: the floor if each command needs
    its price only when it is decided, as late as possible. `cost_ratio` is None if there is no floor.
    """

    lookups: int
    hits: int
    joined: int
    fetches: int
    abandoned: int
    failed: int
    cost_cents: int
    floor: int
    cost_ratio: float | None
    floor_by_decision: int


def of_run(database: RetryingDatabase, run: Run, until_ms: int, cost_cents: int) -> QuoteFigures:
    """Returns the figures of a run, which ended at `until_ms`. Later prices for armed triggers are not the run's."""
    bounds = {"quote_id": run.baseline.quote_id, "until_ms": until_ms}
    answers = database.snapshot(
        {name: query.format(**_OF_RUN) for name, query in _QUERIES.items()}, **bounds, **run.ids
    )
    return _figures(answers, cost_cents)


def since(database: RetryingDatabase, since_ms: int, cost_cents: int) -> QuoteFigures:
    """Returns the same figures for everything since `since_ms`."""
    queries = {name: query.format(**SINCE) for name, query in _QUERIES.items()}
    return _figures(database.snapshot(queries, since_ms=since_ms), cost_cents)


def _figures(answers: Mapping[str, Sequence[UntypedRow]], cost_cents: int) -> QuoteFigures:
    """Adds the cost in cents and other figures to those of `quote_cost`."""
    cost = quote_cost(answers["needs"], answers["fetches"][0])
    return {
        "lookups": cost.lookups,
        "hits": cost.hits,
        "joined": cost.joined,
        "fetches": cost.fetches,
        "abandoned": cost.abandoned,
        "failed": answers["failed"][0][0],
        "cost_cents": cost.fetches * cost_cents,
        "floor": cost.floor,
        "cost_ratio": round(cost.fetches / cost.floor, 4) if cost.floor else None,
        "floor_by_decision": quote_floor((symbol, at_ms) for symbol, _, at_ms, _ in answers["needs"]),
    }


def sentence(figures: QuoteFigures) -> str:
    """Formats the figures as one line of text."""
    ratio = figures["cost_ratio"]
    return (
        f"{figures['lookups']:,} lookups, {figures['hits']:,} hits, {figures['joined']:,} joined; "
        f"{figures['fetches']:,} paid ({format_cents(figures['cost_cents'])} $), "
        f"{'no floor' if ratio is None else f'{ratio} × the least'}; "
        f"{figures['abandoned']:,} abandoned, {figures['failed']:,} commands without a quote"
    )


_QUERIES = {
    "needs": NEEDS,
    "fetches": FETCHES,
    "failed": "SELECT count(*) FROM history WHERE reason = 'no_quote' AND {commands}",
}

_OF_RUN = {
    "commands": "command_id BETWEEN :low AND :high",
    "fetches": "quote_id > :quote_id AND asked_at_ms <= :until_ms",
}
