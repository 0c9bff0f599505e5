"""Effect of hedging: a second request after QUOTE_HEDGE ms makes a quote cost more and arrive earlier."""

import json
import os
import time
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bench.bench_system import BenchSystem, load_average, percentile, table, wait_until
from bench.processes import ROOT
from bench.quotes_plot import Point, plot
from quotecache.client import Prices
from quotecache.market import Market
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Publisher
from schema.events import Quote

HEDGES = ("off", "20", "50", "1000")
QUOTES = int(os.environ.get("FETCHES") or 3_000)
PER_SECOND = 150
ALONE = ("alone: per quote", "alone: p50", "alone: p95", "alone: p99", "alone: mean")
"""Columns with the same figures computed from the simulated server's delays alone, without the running system."""

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
RESULT = ROOT / "docs" / "hedging.svg"


def measure(folder: Path) -> None:
    rows, points = [], []
    for hedge in HEDGES:
        with BenchSystem(folder, QUOTE_HEDGE=hedge) as system:
            system.start("quote-server", "quotecache")
            system.await_owners("quotecache")
            waits = _ask(system)
            wait_until(partial(_none_is_open, system), 10, "late answers")
            fetches, hits = system.value("SELECT count(*) FROM quote_fetches"), system.hits()
            assert fetches == hits, (fetches, hits)
            system.stop()
        shares = [percentile(waits, share) for share in (0.5, 0.95, 0.99)]
        cost = fetches / QUOTES
        mean = sum(waits) / len(waits)
        alone = _by_the_server_alone(hedge)
        rows.append((hedge, fetches, f"{cost:.3f}", *(f"{ms:.0f}" for ms in (*shares, mean)), *alone))
        points.append(Point(hedge, cost, dict(zip(("p50", "p95", "p99"), shares, strict=True))))
    settings = (
        f"make bench-quotes PARTS=hedging: {QUOTES} cold symbols, {PER_SECOND}/s, QUOTES=realistic, QUOTE_SEED=1; "
        f"from the request to the price, ms, {load_average()}"
    )
    header = ("QUOTE_HEDGE (ms)", "paid requests", "per quote", "p50", "p95", "p99", "mean", *ALONE)
    table("A second request", settings, header, rows)
    if os.environ.get("PLOT"):
        RESULT.write_text(plot(points))
        print(json.dumps([asdict(point) for point in points]))


def _none_is_open(system: BenchSystem) -> bool:
    return bool(system.value(_OPEN) == 0)


def _ask(system: BenchSystem) -> list[float]:
    """Requests QUOTES symbols from the quote cache; returns the ms until each price arrived, as its client sees it."""
    connection = open_connection(system.url_of("transactions"), "bench")
    prices = Prices(connection, Publisher(connection))
    symbols = _symbols()
    asked: dict[str, float] = {}
    waits: list[float] = []
    began = time.monotonic()
    while len(waits) < QUOTES:
        while len(asked) < QUOTES and time.monotonic() >= began + len(asked) / PER_SECOND:
            symbol = symbols[len(asked)]
            asked[symbol] = time.monotonic()
            prices.request(symbol, "bench", 1, time.time_ns() // 1_000_000)
        connection.pump(0.002)
        prices.tick(time.time_ns() // 1_000_000)
        for answer in prices.take_answers():
            assert isinstance(answer, Quote), answer
            waits.append((time.monotonic() - asked[answer.symbol]) * 1_000)
    connection.close()
    return waits


def _by_the_server_alone(hedge: str) -> tuple[str, ...]:
    market, waits, paid = Market(seed=1), [], 0
    for symbol in _symbols():
        wait = market.hit(symbol).delay_seconds * 1_000
        paid += 1
        if hedge != "off" and wait > int(hedge):
            wait = min(wait, int(hedge) + market.hit(symbol).delay_seconds * 1_000)
            paid += 1
        waits.append(wait)
    shares = (*(percentile(waits, share) for share in (0.5, 0.95, 0.99)), sum(waits) / len(waits))
    return f"{paid / QUOTES:.3f}", *(f"{ms:.0f}" for ms in shares)


def _symbols() -> list[str]:
    return [a + b + c for a in LETTERS for b in LETTERS for c in LETTERS][:QUOTES]


_OPEN = "SELECT count(*) FROM quote_fetches WHERE answered_at_ms IS NULL AND failure IS NULL"
