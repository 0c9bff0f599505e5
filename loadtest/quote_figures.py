"""Prices a run or a day needed: what was paid for them, and the least that could have been paid (spec §4)."""

from collections.abc import Mapping, Sequence
from typing import Any

from database.patient_reads import Ledger
from loadtest.run import Run
from quotecache.quote_cost import FETCHES, NEEDS, SINCE, quote_cost
from quotecache.quote_floor import quote_floor
from schema.money import format_cents


def of_run(ledger: Ledger, run: Run, until_ms: int, cost_cents: int) -> dict[str, Any]:
    """Armed triggers go on needing prices when the run is over, at `until_ms`; that is not the run's."""
    bounds = {"quote_id": run.baseline.quote_id, "until_ms": until_ms}
    answers = ledger.snapshot({name: query.format(**_OF_RUN) for name, query in _QUERIES.items()}, **bounds, **run.ids)
    return _figures(answers, cost_cents)


def since(ledger: Ledger, since_ms: int, cost_cents: int) -> dict[str, Any]:
    """The same figures, live: of everything from then on."""
    queries = {name: query.format(**SINCE) for name, query in _QUERIES.items()}
    return _figures(ledger.snapshot(queries, since_ms=since_ms), cost_cents)


def _figures(answers: Mapping[str, Sequence[Sequence[Any]]], cost_cents: int) -> dict[str, Any]:
    """The figures of `quote_cost`, and the cost in cents.

    `failed`: commands rejected because there was no quote. `floor_by_decision` takes each command's need as late as
    possible: when it was decided.
    """
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


def sentence(figures: dict[str, Any]) -> str:
    """For people, on one line."""
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
