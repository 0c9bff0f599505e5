"""Cost of a workload's quotes compared to the least possible cost, and the time of a run that begins without quotes."""

import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

from bench.bench_system import BenchSystem, NotMeasured, load_average, table
from bench.processes import ROOT
from loadtest.quote_figures import QuoteFigures

RATE_DEFAULT = "500"
ROUNDS_DEFAULT = 3
HEADER = (
    "run", "s in all", "CPU s of transactions", "p99 ms", "lookups", "hits", "joined", "asked of the cache",
    "of these joined", "of these hits", "fetches", "the server's count", "abandoned", "failed", "floor", "cost ratio",
)  # fmt: skip


class ReportPart(TypedDict):
    """The part of a load test's report that the table needs."""

    seconds: dict[str, float]
    latency_ms: dict[str, int]
    quotes: QuoteFigures
    triggers: dict[str, int]
    checks: dict[str, object]


def measure_cold(folder: Path, workload: Path) -> None:
    """Runs as fast as possible, with no quote known at the beginning. Each round has its own delays and prices."""
    rounds = int(os.environ.get("ROUNDS") or ROUNDS_DEFAULT)
    rows = [_run(folder, workload, seed, rate=None) for seed in range(1, rounds + 1)]
    rows.append(("median", f"{statistics.median(float(row[1]) for row in rows):.2f}", *[""] * (len(HEADER) - 2)))
    table("From cold, as fast as it goes", _settings(workload), HEADER, rows)


def measure_rate(folder: Path, workload: Path) -> None:
    """Runs at a fixed rate for minutes, so that quotes expire meanwhile."""
    rate = os.environ.get("RATE") or RATE_DEFAULT
    table("At a fixed rate", f"{_settings(workload)}, RATE={rate}", HEADER, [_run(folder, workload, 1, rate)])


def _run(folder: Path, workload: Path, seed: int, rate: str | None) -> tuple[str | int, ...]:
    replicas = int(os.environ.get("REPLICAS") or 1)
    workers = [f"transactions-{n}" for n in range(1, replicas + 1)]
    with BenchSystem(folder, QUOTES="realistic", QUOTE_SEED=str(seed)) as system:
        system.start("quote-server", "quotecache", "triggers", "audit", *workers)
        system.await_owners("quotecache", "triggers", "transactions", "audit")
        report = _load(system, workload, rate, replicas)
        cpu = sum(map(system.cpu_seconds, workers))
        quotes = report["quotes"]
        system.stop("quote-server")  # until they end, processes refresh armed symbols
        fetches, server_count = system.value("SELECT count(*) FROM quote_fetches"), system.hits()
        counts = _counts(system)
    if os.environ.get("DETAIL"):
        print(quotes, report["seconds"], report["latency_ms"], report["triggers"], report["checks"])
    return (
        f"seed {seed}",
        f"{report['seconds']['audited']:.2f}",
        f"{cpu:.2f}",
        report["latency_ms"]["p99"],
        quotes["lookups"],
        quotes["hits"],
        quotes["joined"],
        counts["requests"],
        counts["joined"],
        counts["hits"],
        fetches,
        server_count,
        quotes["abandoned"],
        quotes["failed"],
        f"{quotes['floor']} (by decision: {quotes['floor_by_decision']})",
        f"{quotes['cost_ratio']:.4f} (by decision: {quotes['fetches'] / quotes['floor_by_decision']:.4f})",
    )


def _load(system: BenchSystem, workload: Path, rate: str | None, replicas: int) -> ReportPart:
    report = system.folder / "report.json"
    asked = {"WORKLOAD": str(workload), "REPORT": str(report), "REPLICAS": str(replicas), "RATE": rate or ""}
    with (system.folder / "loadtest.log").open("w") as log:
        done = subprocess.run(
            [sys.executable, "-m", "operators", "load"],
            cwd=ROOT,
            env=system.environment | asked,
            stdout=log,
            stderr=log,
        )
    if done.returncode:
        last = (system.folder / "loadtest.log").read_text(errors="replace").strip().rpartition("\n")[2]
        raise NotMeasured(f"the load test failed: {last}")
    figures: ReportPart = json.loads(report.read_text())
    return figures


def _counts(system: BenchSystem) -> dict[str, int]:
    """Returns the quote cache's own counts from the last line of its log."""
    line = (system.folder / "quotecache.log").read_text().splitlines()[-1]
    return {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}


def _settings(workload: Path) -> str:
    return (
        f"make bench-quotes: WORKLOAD={workload.name}, QUOTES=realistic, REPLICAS={os.environ.get('REPLICAS') or 1}, "
        f"fsync on, {os.cpu_count()} cores, {load_average()}"
    )
