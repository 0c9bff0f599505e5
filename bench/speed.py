"""Benchmark of the whole system (`make bench`): load tests of several sizes and rates, each result beside its target.

Each case runs RUNS times, and the cases alternate, because a machine's speed changes from minute to minute. With
BARE_PATH, a folder with a `run.sh` that moves commands along the same path without any checks, that program runs in
alternation too, and the first case is given as a share of its speed. CASES chooses some. JSON names a file for all
figures.
"""

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.bench_system import NotMeasured, load_average, table
from bench.speed_run import Figures, bare_path, load_test
from runtime import entry_point, interpreter
from workloads.generator import workload_lines

SYMBOLS, SEED = 981, 1
"""Settings of the generated workloads: the defaults of `./daytradectl workload`."""

RUNS = int(os.environ.get("RUNS") or 3)

Figure = Callable[[Figures], float]


@dataclass(frozen=True)
class Target:
    """Figure of a case with its bound. `least`: whether the bound is the least allowed value, not the greatest."""

    name: str
    figure: Figure
    bound: float
    least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.bound if self.least else value <= self.bound


@dataclass(frozen=True)
class SpeedCase:
    """Load test of a generated workload: `seconds` of it at a `rate`, or `commands` as fast as possible."""

    name: str
    users: int
    commands: int
    targets: tuple[Target, ...]
    rate: int | None = None

    def run(self, workload: Path) -> Figures:
        return load_test(workload, replicas=2, rate=self.rate)


def _throughput(least: float) -> Target:
    return Target("commands/s", lambda figures: figures["commands_per_second"], least, least=True)


def _p50(ms: float) -> Target:
    return Target("p50 ms", lambda figures: figures["p50"], ms)


def _p99(ms: float) -> Target:
    return Target("p99 ms", lambda figures: figures["p99"], ms)


_CPU = Target("µs of CPU a command", lambda figures: figures["cpu_us"], 35)
_CORES = Target("cores", lambda figures: figures["cores"], 0.5)

CASES = (
    SpeedCase("million", 1_000, 1_000_000, (_throughput(66_000), _CPU)),
    SpeedCase("many-users", 100_000, 1_000_000, (_throughput(45_000), _CPU)),
    SpeedCase("five-million", 1_000, 5_000_000, (_throughput(60_000), _CPU)),
    SpeedCase("short", 100, 100_000, (_throughput(50_000),)),
    SpeedCase("low-rate", 1_000, 20_000, (_p50(5), _p99(20), _CORES), rate=1_000),
    SpeedCase("high-rate", 1_000, 400_000, (_p50(20), _p99(100)), rate=20_000),
)

USUAL = ("million", "many-users", "low-rate", "high-rate")
"""Cases without CASES: together about four minutes a round."""

SHARE_OF_BARE_PATH = 0.8


def main() -> int:
    names = (os.environ.get("CASES") or " ".join(USUAL)).split()
    known = {case.name: case for case in CASES}
    if unknown := [name for name in names if name not in known]:
        raise NotMeasured(f"CASES={unknown[0]}: choose among {', '.join(known)}")
    bare = Path(os.environ["BARE_PATH"]) / "run.sh" if os.environ.get("BARE_PATH") else None
    if bare is not None and not bare.is_file():
        raise NotMeasured(f"BARE_PATH: there is no file {bare}")
    results: dict[str, list[Figures]] = {name: [] for name in names}
    bare_rates: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        workloads = {name: _workload(known[name], Path(folder)) for name in names}
        for number in range(1, RUNS + 1):
            for name in names:
                _say(f"round {number} of {RUNS}: {name}")
                results[name].append(known[name].run(workloads[name]))
                if bare is not None and name == names[0]:
                    _say(f"round {number} of {RUNS}: bare path")
                    bare_rates.append(bare_path(bare, workloads[name]))
    _print([known[name] for name in names], results, bare_rates)
    if file := os.environ.get("JSON"):
        Path(file).write_text(json.dumps({"runs": results, "bare_path": bare_rates}, indent=1))
    return 0


def _workload(case: SpeedCase, folder: Path) -> Path:
    file = folder / f"{case.name}.txt"
    with file.open("w") as out:
        out.writelines(f"{line}\n" for line in workload_lines(case.users, case.commands, SYMBOLS, SEED))
    return file


def _print(cases: list[SpeedCase], results: dict[str, list[Figures]], bare_rates: list[float]) -> None:
    rows: list[tuple[str, ...]] = []
    for case in cases:
        for target in case.targets:
            values = [target.figure(figures) for figures in results[case.name]]
            rows.append((case.name, target.name, *_cells(values, target)))
    if bare_rates:
        shares = [
            figures["commands_per_second"] / rate
            for figures, rate in zip(results[cases[0].name], bare_rates, strict=True)
        ]
        target = Target("share of the bare path", lambda figures: 0.0, SHARE_OF_BARE_PATH, least=True)
        rows.append((cases[0].name, target.name, *_cells(shares, target)))
    settings = f"medians of {RUNS}, 2 workers, instant quotes, Python {interpreter.described()}, {load_average()}"
    table("Load tests", settings, ("case", "figure", "median", "lowest to highest", "target", ""), rows)
    _print_cpu(cases, results)


def _cells(values: list[float], target: Target) -> tuple[str, ...]:
    middle = statistics.median(values)
    sign = "≥" if target.least else "≤"
    return (
        _number(middle),
        f"{_number(min(values))} to {_number(max(values))}",
        f"{sign} {_number(target.bound)}",
        "met" if target.met(middle) else "missed",
    )


def _print_cpu(cases: list[SpeedCase], results: dict[str, list[Figures]]) -> None:
    kinds = sorted({kind for case in cases for figures in results[case.name] for kind in figures["cpu_us_by_kind"]})
    medians = {
        kind: [
            statistics.median(figures["cpu_us_by_kind"].get(kind, 0.0) for figures in results[case.name])
            for case in cases
        ]
        for kind in kinds
    }
    rows = [
        (kind, *(f"{value:.2f}" for value in values))
        for kind, values in sorted(medians.items(), key=lambda item: -item[1][0])
        if max(values) >= 0.05
    ]
    table("CPU a command, by process (µs)", "medians", ("process", *(case.name for case in cases)), rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    entry_point.run("bench", main)
