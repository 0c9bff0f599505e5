"""Runs all checks on one state of the database, several at once, and collects their findings. Contains no check."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import psycopg

from database.postgres import only_row
from verification.invariants import Finding, Invariant, Pass, Weighed
from verification.snapshot import Snapshot

AT_ONCE = min(max(2, os.cpu_count() or 2), 8)
"""Connections that work at once. Each keeps one processor of Postgres busy, and may take 256 MB of memory or more."""


@dataclass(frozen=True)
class Job:
    """A named piece of work on its own connection. It may report how many more rows it has checked."""

    name: str
    run: Callable[[psycopg.Connection, Callable[[int], None]], list[Finding]]


class Watcher:
    """Receiver of progress reports; this one ignores them. Several threads call it."""

    def started(self, name: str) -> None:
        pass

    def advanced(self, name: str, rows: int) -> None:
        """Reports the number of rows checked since the last report."""

    def ended(self, name: str, findings: list[Finding]) -> None:
        pass


def run(snapshot: Snapshot, jobs: list[Job], watcher: Watcher) -> Iterator[list[Finding]]:
    """Runs the jobs, started in their order, and yields the findings of each in the same order. Raises StoreError."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(_run_job, snapshot, job, watcher) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        for future in futures:
            yield future.result()


def _run_job(snapshot: Snapshot, job: Job, watcher: Watcher) -> list[Finding]:
    watcher.started(job.name)
    with snapshot.connection() as connection:
        findings = job.run(connection, lambda rows: watcher.advanced(job.name, rows))
    watcher.ended(job.name, findings)
    return findings


def of_pass(one: Pass) -> Job:
    """Makes a job of a pass."""
    return Job(one.name, lambda connection, advanced: judge(connection, one, advanced))


def judge(connection: psycopg.Connection, one: Pass, advanced: Callable[[int], None]) -> list[Finding]:
    """Returns a finding for each invariant of a pass. A violated one costs a second query, for the first row's name."""
    started = time.monotonic()
    if one.hashed:
        for method in ("sort", "incremental_sort", "indexscan"):
            connection.execute(f"SET LOCAL enable_{method} = off")
    bad = [f"({invariant.holds}) IS NOT TRUE" for invariant in one.invariants]
    counts = ", ".join(f"count(*) FILTER (WHERE {condition})" for condition in bad)
    query = f"SELECT coalesce(sum(looked), 0)::bigint, {counts} FROM ({one.rows}) AS found"
    try:
        looked, *violations = only_row(connection.execute(query))
    except psycopg.DataError as error:
        # Only forged numbers exceed 64 bits, or divide by zero. It is then unknown which of the invariants hold.
        return [
            Finding(invariant.sentence, 0, 1, time.monotonic() - started, f"could not be computed: {error}")
            for invariant in one.invariants
        ]
    advanced(looked)
    seconds = time.monotonic() - started
    findings = []
    for invariant, condition, number in zip(one.invariants, bad, violations, strict=True):
        if not number:
            found = Weighed(0)
        elif invariant.weigh:
            found = _weigh(connection, one, invariant, condition)
        else:
            found = Weighed(number, _first(connection, one, invariant.named or one.named, condition))
        findings.append(Finding(invariant.sentence, looked, found.violations, seconds, found.first, found.note))
    return findings


def _weigh(connection: psycopg.Connection, one: Pass, invariant: Invariant, condition: str) -> Weighed:
    """Judges the rows for which the invariant's expression is not true; a server-side cursor bounds the memory."""
    assert invariant.weigh is not None
    columns = f"{invariant.named or one.named}, {invariant.weighed}"
    query = f"SELECT {columns} FROM ({one.rows}) AS found WHERE {condition} ORDER BY {one.order}"
    with connection.cursor(name="weighed") as cursor:
        cursor.execute(query)
        return invariant.weigh(connection, cursor)


def _first(connection: psycopg.Connection, one: Pass, named: str, condition: str) -> str:
    query = f"SELECT {named} FROM ({one.rows}) AS found WHERE {condition} ORDER BY {one.order} LIMIT 1"
    try:
        with connection.transaction():  # a savepoint, so that other invariants' rows can be named after an error
            return str(only_row(connection.execute(query))[0])
    except psycopg.DataError as error:
        return f"could not be found: {error}"
