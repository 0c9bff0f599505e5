"""Benchmark of quotes (`make bench-quotes`): cost, time, and delay of other users. docs/quotes.md has the tables.

PARTS selects the measurements: cold, rate, virtual, waiting, hedging, takeover (default: all). WORKLOAD is a file, such
as the official 100users.txt; without it, a file with the same statistics is generated. REPLICAS and RATE are those of
`make loadtest`; ROUNDS is the number of runs from cold.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import quotes_cost, quotes_hedging, quotes_takeover, quotes_virtual, quotes_waiting
from bench.processes import ROOT
from runtime import entry_point

PARTS: dict[str, Callable[[Path, Path], None]] = {
    "cold": quotes_cost.measure_cold,
    "rate": quotes_cost.measure_rate,
    "virtual": lambda _folder, workload: quotes_virtual.measure(workload),
    "waiting": lambda folder, _workload: quotes_waiting.measure(folder),
    "hedging": lambda folder, _workload: quotes_hedging.measure(folder),
    "takeover": lambda folder, _workload: quotes_takeover.measure(folder),
}


def main() -> int:
    chosen = (os.environ.get("PARTS") or " ".join(PARTS)).replace(",", " ").split()
    if unknown := set(chosen) - PARTS.keys():
        print(f"bench-quotes: unknown part {sorted(unknown)[0]}: choose from {', '.join(PARTS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        given = os.environ.get("WORKLOAD")
        workload = Path(given).resolve() if given else Path(folder) / "100users-like.txt"
        if not given:
            subprocess.run([sys.executable, "-m", "operators", "workload", "--output", workload], cwd=ROOT, check=True)
        for part in chosen:
            PARTS[part](Path(folder), workload)
    return 0


if __name__ == "__main__":
    entry_point.run("bench-quotes", main)
