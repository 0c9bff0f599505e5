"""Replay on the screen: a progress bar while it runs, then its findings.

Reads the live database and RabbitMQ, and changes neither. Writes to a database of its own beside the live one.
"""

import gc
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consumers.transactions.replay.findings import Findings
from consumers.transactions.replay.fresh import fresh_name
from consumers.transactions.replay.run import ReplayResult, replay
from database import postgres
from rabbitmq.connection import open_connection
from runtime.log_setup import set_up_logging
from schema.settings import Settings

SAME, DIFFERENT, NOT_DONE = 0, 1, 2


def replay_and_show(chosen: Settings) -> int:
    """Replays, and prints what it found. Raises DayTradeError.

    Exit code: 0 if the states are the same, 1 if they differ or anything disagrees, 2 if nothing has run.
    """
    # Rows and commands are made and freed by the ten thousand. They hold no reference cycles for the collector to find.
    gc.set_threshold(100_000, 50, 100)
    set_up_logging(chosen.log_level, "replay")
    started = time.monotonic()
    result = _replay(chosen.amqp_url, chosen.database_url)
    if result.passed and not result.findings.rows:
        print(
            "replay: nothing has run on this database, so there is nothing to replay",
            file=sys.stderr,
        )
        return NOT_DONE
    _report(result, fresh_name(chosen.database_url), time.monotonic() - started)
    return SAME if result.passed else DIFFERENT


def _replay(amqp_url: str, database_url: str) -> ReplayResult:
    columns = (
        TextColumn("Replaying"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("history rows"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    broker = open_connection(amqp_url, "replay")
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("", total=None)
            with postgres.translated():
                return replay(broker, database_url, lambda done, total: bar.update(task, completed=done, total=total))
    finally:
        broker.close()


def _report(result: ReplayResult, rebuilt: str, seconds: float) -> None:
    found = result.findings
    print(f"Replayed {_counts(found)} in {seconds:.1f} s ({found.commands / seconds:,.0f} commands/s)")
    print(f"  not yet executed: {found.not_yet_executed:,}")
    print(f"  duplicates without effect: {found.duplicates:,} · undecodable messages: {found.undecodable:,}")
    print(f"  void fills: {found.void_fills:,}; void only if their quote was too old: {found.void_by_age:,}")
    for kind, count in found.violations.items():
        print(f"  {count:,} {kind}; the first: {found.first[kind]}")
    if not found.violations:
        print("  every outcome, reason and delta equals the recorded one")
    print(f"live      sha256 {result.live_hash}")
    print(f"replayed  sha256 {result.rebuilt_hash}")
    print("equal" if result.equal else f"different: {result.difference}")
    print(f"The rebuilt state is in the database {rebuilt}.")


def _counts(found: Findings) -> str:
    return f"{found.commands:,} commands, {found.fills:,} fills, {found.expiries:,} expiries"
