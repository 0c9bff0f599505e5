"""Metrics of the quote cache, read from the counts that it keeps. docs/operations.md explains them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from quotecache.cache import Counts
from runtime.metrics import Gauge, collect_counters

PREFIX = "daytrade_quote_"

TEXTS = {
    "requests": "Requests for a quote that reached the quote cache",
    "hits": "Requests that a quote at hand answered",
    "joined": "Requests that joined a fetch under way",
    "fetches": "Requests to the legacy quote server",
    "failed": "Fetches that brought no price",
    "unsent": "Fetches that did not reach the legacy quote server, and are not paid",
    "abandoned": "Fetches that a previous owner of the quote cache left open",
    "hedges": "Second requests, sent because the first took long",
    "no_quotes": "Answers that there is no quote",
    "refused": "Requests refused because a person's allowance was used up",
    "malformed": "Undecodable requests",
    "paid": "Fetches that are paid",
    "cost_cents": "Cost of the paid fetches in cents",
}

IN_FLIGHT = Gauge(f"{PREFIX}in_flight", "Requests on their way to the legacy quote server and back")
REFRESHES_LEFT = Gauge(f"{PREFIX}refreshes_left", "Paid requests for armed triggers that the budget still allows now")


@dataclass
class _Exposed:
    """Counts of this process, with the price of one paid fetch."""

    counts: Counts | None = None
    cost_cents: int = 0


_exposed = _Exposed()


def expose(counts: Counts, cost_cents: int) -> None:
    """Exposes the counts of this process. `cost_cents`: price of one paid fetch."""
    _exposed.counts, _exposed.cost_cents = counts, cost_cents


def _values() -> Mapping[str, float]:
    counts = _exposed.counts
    if counts is None:
        return {}
    paid = counts.fetches - counts.unsent
    figures = asdict(counts) | {"paid": paid, "cost_cents": paid * _exposed.cost_cents}
    return {f"{PREFIX}{name}": value for name, value in figures.items()}


collect_counters({f"{PREFIX}{name}": text for name, text in TEXTS.items()}, _values)
