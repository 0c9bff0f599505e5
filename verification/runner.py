"""Runs all checks on one state of the database, some at once, and collects what they find. Knows no check's content."""

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
"""Connections at work: a processor of Postgres's each, and for each up to 256 MB of its memory or more."""


@dataclass(frozen=True)
class Job:
    """A named piece of work on a connection of its own. It may tell how many rows it has looked at so far."""

    name: str
    run: Callable[[psycopg.Connection, Callable[[int], None]], list[Finding]]


class Watcher:
    """Who wants to know how it goes; this one does not. Called from several threads."""

    def started(self, name: str) -> None:
        pass

    def advanced(self, name: str, rows: int) -> None:
        """`rows` looked at since this was last said."""

    def ended(self, name: str, findings: list[Finding]) -> None:
        pass


def run(snapshot: Snapshot, jobs: list[Job], watcher: Watcher) -> Iterator[list[Finding]]:
    """The findings of each job, in the order of the jobs, which is also that in which they start. Raises StoreError."""
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
    """A pass as a job."""
    return Job(one.name, lambda connection, advanced: judge(connection, one, advanced))


def judge(connection: psycopg.Connection, one: Pass, advanced: Callable[[int], None]) -> list[Finding]:
    """A finding for each invariant of a pass; a violated one costs a second look, for the first bad row's name."""
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
        # Only forged numbers leave 64 bits, or divide by nothing. Nobody can tell which of the invariants holds then.
        return [
            Finding(invariant.sentence, 0, 1, time.monotonic() - started, f"cannot be computed: {error}")
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
    """Of the rows that do not hold at first sight, however many. A cursor of the server's gives some at a time."""
    assert invariant.weigh is not None
    columns = f"{invariant.named or one.named}, {invariant.weighed}"
    query = f"SELECT {columns} FROM ({one.rows}) AS found WHERE {condition} ORDER BY {one.order}"
    with connection.cursor(name="weighed") as cursor:
        cursor.execute(query)
        return invariant.weigh(connection, cursor)


def _first(connection: psycopg.Connection, one: Pass, named: str, condition: str) -> str:
    query = f"SELECT {named} FROM ({one.rows}) AS found WHERE {condition} ORDER BY {one.order} LIMIT 1"
    try:
        with connection.transaction():  # a savepoint: other invariants' first rows are still to be named
            return str(only_row(connection.execute(query))[0])
    except psycopg.DataError as error:
        return f"cannot be named: {error}"
