"""Puts a verification together: its checks, their order, and the state they judge. No check itself, no display."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verification import (
    audit_chain,
    balance_passes,
    dump_file,
    dump_passes,
    history_passes,
    log_passes,
    order_passes,
    ownership,
    quote_passes,
    runner,
    snapshot,
    user_passes,
)
from verification.heads import Head
from verification.invariants import Finding
from verification.runner import Job, Watcher

# Passes in the order in which they start and are shown. Short ones are last, so that no processor waits for a long one
# at the end.
PASSES = (
    *user_passes.PASSES,
    *history_passes.PASSES,
    *order_passes.PASSES,
    *balance_passes.PASSES,
    *quote_passes.PASSES,
    *dump_passes.PASSES,
    *log_passes.PASSES,
    *ownership.PASSES,
)


@dataclass(frozen=True)
class VerificationResult:
    """Findings in the order in which people read them, and the numbers of rows and entries checked."""

    findings: list[Finding]
    history_rows: int
    audit_entries: int
    seconds: float


def verify(
    database_url: str,
    dump: Path | None = None,
    saved: Sequence[Head] = (),
    watcher: Watcher | None = None,
) -> VerificationResult:
    """Judges one state of the database. Raises StoreError, and for a dump DecodeError and OSError."""
    started = time.monotonic()
    # The chain starts first: it takes the longest, and leaves a core to the others.
    jobs = [Job("hash chain", lambda connection, advanced: audit_chain.verify(connection, saved, advanced))]
    if dump is not None:
        jobs.append(Job("dump file", lambda connection, advanced: dump_file.verify(connection, dump, advanced)))
    jobs += map(runner.of_pass, PASSES)
    with snapshot.take(database_url, runner.AT_ONCE) as state:
        of_jobs = list(runner.run(state, jobs, watcher or Watcher()))
    extra = len(jobs) - len(PASSES)
    findings = [finding for found in (*of_jobs[extra:], *of_jobs[:extra]) for finding in found]
    looked = {finding.sentence: finding.looked for finding in findings}
    seconds = time.monotonic() - started
    return VerificationResult(findings, looked[history_passes.EVERY_ROW], looked[audit_chain.CHAIN], seconds)
