"""Runs for `make bench`: one load test, as `make loadtest` does it, or one run of a bare path. Returns its figures."""

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import msgspec

from bench import processes
from bench.bench_system import NotMeasured
from bench.processes import ROOT
from loadtest.report import LoadReport, cpu_figures

REPETITIONS, BATCH, MESSAGE = "10", "2000", "100"
"""Arguments of a bare path's run.sh: repetitions of the workload, commands a transaction, commands a message."""


class Figures(TypedDict):
    """Figures of a load test. Latencies in ms; `cores`: CPU time of all processes per second of the run."""

    commands_per_second: float
    p50: float
    p99: float
    cores: float
    cpu_us: float
    cpu_us_by_kind: dict[str, float]


def load_test(workload: Path, replicas: int, rate: int | None) -> Figures:
    """Runs a load test from nothing. Raises NotMeasured if it fails, or if one of its checks is not 0."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        settings = {"WORKLOAD": str(workload), "REPLICAS": str(replicas), "QUOTES": "instant", "REPORT": str(file)}
        _run("loadtest", settings | {"DUMP_DIR": folder} | ({"RATE": str(rate)} if rate else {}))
        report = msgspec.json.decode(file.read_bytes(), type=LoadReport)
    spent: dict[str, float] = defaultdict(float)
    for name, used in report["cpu_seconds"].items():
        spent[processes.kind_of(name)] += used
    cpu, latency = cpu_figures(report), report["latency_ms"]
    return {
        "commands_per_second": report["commands_per_second"],
        "p50": latency["p50"] or 0,
        "p99": latency["p99"] or 0,
        "cores": cpu.cores,
        "cpu_us": cpu.us_per_command,
        "cpu_us_by_kind": {kind: used / report["commands"] * 1e6 for kind, used in spent.items()},
    }


def bare_path(script: Path, workload: Path) -> float:
    """Runs the bare path on the stack's servers. Returns its commands per second to the last audit row.

    Raises NotMeasured if it fails, or prints no figures.
    """
    _run("servers", {})
    try:
        printed = subprocess.run(
            [sys.executable, "-m", "deploy", "env"],
            cwd=ROOT,
            env=_environment({"PROFILE": "test", "ROLE": "setup"}),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        urls = dict(line.split("=", 1) for line in printed.split())
        part = workload.with_suffix(".part")
        with workload.open() as lines, part.open("w") as out:
            out.writelines(line for line, _ in zip(lines, range(100_000), strict=False))
        run = subprocess.run(
            [str(script), REPETITIONS, BATCH, MESSAGE],
            env={**os.environ, **urls, "WORKLOAD": str(part), "PYTHON": sys.executable},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        _run("down", {})
    produced = re.search(r"produced (\d+)", run.stdout)
    audited = re.search(r"audit \d+ rows in ([\d.]+)s", run.stdout)
    if run.returncode or not produced or not audited:
        raise NotMeasured(f"the bare path failed: {_last_line([run.stderr, run.stdout])}")
    return int(produced[1]) / float(audited[1])


def _run(command: str, settings: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy", command],
        cwd=ROOT,
        env=_environment(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotMeasured(f"`make {command}` failed: {_last_line([done.stderr, done.stdout])}")


def _environment(settings: dict[str, str]) -> dict[str, str]:
    # The stack's own servers are measured, whatever servers the caller uses otherwise.
    return {name: value for name, value in os.environ.items() if name not in ("AMQP_URL", "DATABASE_URL")} | settings


def _last_line(texts: Sequence[str]) -> str:
    return next((lines[-1] for text in texts if (lines := text.strip().splitlines())), "it printed nothing")
