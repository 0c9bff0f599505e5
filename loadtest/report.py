"""Report of a load test: compiled from the database, written as JSON. `report_screen.py` formats it for a terminal."""

import json
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, TypedDict

import msgspec

from database.retrying import RetryingDatabase
from loadtest import dump_figures, figures, quote_figures
from loadtest.checks import check
from loadtest.quote_figures import QuoteFigures
from loadtest.run import Run
from runtime import interpreter
from runtime.output_file import written_whole
from schema.errors import SettingsError
from schema.settings import Settings

LIBRARIES = ("pika", "psycopg", "msgspec", "SQLAlchemy")


DumpCounts = dict[str, int | list[dict[str, object]]]
"""Number of a run's dumps by state, and under `unwritten` those without a file."""


class RunQuotes(QuoteFigures):
    """Figures of a run's quotes. `mode`: QUOTES of the simulated quote server."""

    mode: str


class ComparedFigures(TypedDict):
    """Figures of a report that are compared with those of another run."""

    commands: int
    outcomes: dict[str, int]
    seconds: dict[str, float]
    commands_per_second: int
    latency_ms: dict[str, int | None]
    audit_entries: int
    replicas: int


class LoadReport(ComparedFigures):
    """Report of a run, as its JSON file has it. `findings` are sentences; each figure of `checks` must be 0."""

    workload: str
    rejections: dict[str, int]
    started_at_ms: int
    slowed_seconds: float
    timed_by: str
    quote_waits_ms: dict[str, int | None]
    quotes: RunQuotes
    triggers: dict[str, int]
    dumps: DumpCounts
    checks: dict[str, int]
    findings: list[str]
    unreadable: list[dict[str, object]]
    input_fault: str | None
    durability: dict[str, str]
    cpu_seconds: dict[str, float]
    versions: dict[str, str]


def make_report(database: RetryingDatabase, run: Run, settings: Settings, replicas: int, rabbitmq: str) -> LoadReport:
    """Compiles everything known about a finished run. Raises StoreError."""
    seconds = figures.seconds(database, run)
    ended_at_ms = run.started_at_ms + int(seconds["audited"] * 1000)
    checks = check(database, run)
    quotes = quote_figures.of_run(database, run, ended_at_ms, settings.quote_cost_cents)
    return {
        "workload": run.workload,
        "commands": run.published,
        "outcomes": figures.outcomes(database, run),
        "rejections": figures.rejections(database, run),
        "started_at_ms": run.started_at_ms,
        "seconds": seconds,
        "timed_by": "commit timestamps" if figures.timed_by_database(database) else "the driver",
        "slowed_seconds": round(run.slowed_seconds, 3),
        "commands_per_second": round(run.published / max(seconds["audited"], 0.001)),
        "latency_ms": figures.latency_ms(database, run),
        "quote_waits_ms": figures.quote_waits_ms(database, run),
        "quotes": {**quotes, "mode": settings.quotes},
        "triggers": figures.triggers(database, run),
        "audit_entries": _audit_entries(run),
        "dumps": _dumps(database, run),
        "checks": checks.numbers(),
        "findings": checks.findings,
        "unreadable": [line._asdict() for line in run.unreadable_shown],
        "input_fault": run.input_fault,
        "durability": {name: database.value(f"SHOW {name}") for name in ("fsync", "synchronous_commit")},
        "replicas": replicas,
        "cpu_seconds": dict(run.cpu_seconds),
        "versions": _versions(database, rabbitmq),
    }


class CpuFigures(NamedTuple):
    """CPU time of all processes of a run: in seconds, as cores kept busy, and in microseconds a command."""

    seconds: float
    cores: float
    us_per_command: float


def cpu_figures(report: LoadReport) -> CpuFigures:
    """Sums the CPU time up; all 0 if the processes are unknown."""
    total = sum(report["cpu_seconds"].values())
    run_seconds = max(report["seconds"]["audited"], 0.001)
    return CpuFigures(total, total / run_seconds, total / max(report["commands"], 1) * 1e6)


def passed(report: LoadReport) -> bool:
    """Whether every check is 0 and the workload was read to its end."""
    return not any(report["checks"].values()) and report["input_fault"] is None


def write_json(report: LoadReport, path: Path) -> None:
    """Writes the report, as a whole file or not at all. Raises OSError."""
    with written_whole(path) as file:
        file.write((json.dumps(report, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> ComparedFigures:
    """Reads the figures of an earlier run's report, whichever version wrote it.

    Raises SettingsError if the file holds none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ComparedFigures)
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"EARLIER={path}: is no report of a load test: {error}") from error


def _dumps(database: RetryingDatabase, run: Run) -> DumpCounts:
    unwritten = [asdict(dump) for dump in dump_figures.unwritten(database, run)]
    return {**dump_figures.counts(database, run), "unwritten": unwritten}


def _audit_entries(run: Run) -> int:
    return sum(number - run.baseline.stored.get(source, 0) for source, number in run.audit_targets.items())


def _versions(database: RetryingDatabase, rabbitmq: str) -> dict[str, str]:
    servers = {"rabbitmq": rabbitmq, "postgres": database.value("SHOW server_version").split()[0]}
    return {"python": interpreter.described()} | servers | {name.lower(): version(name) for name in LIBRARIES}
