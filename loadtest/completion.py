"""Progress of a run: what is executed, settled, audited and dumped, and which part holds up a run that has stalled.

The driver runs these queries many times a second, so each must be cheap; comments say why it is.
"""

import time
from collections.abc import Sequence

from database.retrying import RetryingDatabase
from loadtest.run import Baseline, Run
from runtime.wall_clock import now_ms
from schema.commands import PARTITIONS
from schema.events import QUOTE_LIFETIME_MS, QUOTECACHE_SOURCE

UNSURE_SECONDS = 1.0
"""Seconds until the first exact count if the offsets only allow that all is executed, but do not say so."""

COST_FACTOR = 20
"""Factor by which the time between two counts exceeds what the last one took, so that counting takes little from the
measured run. An estimate reads a row per user, an exact count all rows of the history."""


def baseline_of(database: RetryingDatabase) -> Baseline:
    """Returns the state of the database before a run."""
    return Baseline(
        history_rows=database.value(_HISTORY_ROWS),
        quote_id=database.value("SELECT coalesce(max(quote_id), 0) FROM quote_fetches"),
        next_offsets={partition: next_offset for partition, next_offset, _, _ in database.rows(_OFFSETS)},
        stored=dict(map(tuple, database.rows("SELECT source, stored FROM audit_sources"))),
    )


def unready(database: RetryingDatabase, replicas: int | None) -> str:
    """Returns what is missing before a run may start, or "". A run that waits for it does not measure process starts.

    Every partition of every group must have a live owner, and `replicas` workers must share the transactions group.
    """
    missing = []
    for group, unowned, owners in database.rows(_OWNED):
        if unowned:
            missing.append(f"{unowned} partitions of {group} have no owner")
        elif group == "transactions" and owners < min(replicas or 1, PARTITIONS):
            missing.append(f"{owners} of {replicas} replicas of {group} have partitions")
    return "; ".join(missing)


class Completion:
    """Progress of one run, read from the database.

    `sent`: messages published so far, by partition; `sent_ms`: the publishing time of the last one.
    """

    def __init__(self, database: RetryingDatabase, run: Run, sent: Sequence[int], sent_ms: Sequence[int]):
        self._database = database
        self._run = run
        self._sent = sent
        self._sent_ms = sent_ms
        self._executed = 0
        self._estimate = 0
        self._offsets = 0
        self._counted_at = -1
        self._next_estimate_at = 0.0
        self._next_count_at: float | None = None

    def executed(self) -> int:
        """Returns the last exact count of executed commands. Counts again once all may be executed."""
        if self._executed < self._run.published:
            passed, finished = self._look_at_logs()
            began = time.monotonic()
            if passed and self._next_count_at is None:
                self._next_count_at = began + UNSURE_SECONDS
            is_due = self._next_count_at is not None and began >= self._next_count_at
            if passed and (is_due or (finished and self._offsets != self._counted_at)):
                self._counted_at = self._offsets
                self._executed = self._database.value(_EXECUTED, **self._run.ids)
                self._next_count_at = _after(began)
        return self._executed

    def executed_about(self) -> int:
        """Returns an estimate of the number of executed commands, for displays. It never says too early that all are.

        It counts the users' rows, of which there is at least one for each executed command.
        """
        began = time.monotonic()
        if self._executed < self._run.published and began >= self._next_estimate_at:
            self._estimate = self._database.value(_HISTORY_ROWS) - self._run.baseline.history_rows
            self._next_estimate_at = _after(began)
        return max(self._executed, min(self._estimate, self._run.published - 1))

    def progress(self) -> tuple[int, int]:
        """Returns numbers that change only with progress: the last exact count, and the sum of the logs' offsets."""
        return self._executed, self._offsets

    def _look_at_logs(self) -> tuple[bool, bool]:
        """Whether the workers may have executed all that was sent, and whether their offsets and times say so.

        They may have once they have passed as many messages as were sent. But fills pass too, and the broker itself
        uses some offsets. All is executed if nothing that a worker has taken is unfinished, and it has taken the last
        message that was sent; a worker whose clock is behind never says so.
        """
        before, passed, finished, self._offsets = self._run.baseline.next_offsets, True, True, 0
        for partition, next_offset, high_offset, taken_ms in self._database.rows(_OFFSETS):
            self._offsets += next_offset + high_offset
            passed = passed and next_offset - before.get(partition, 0) >= self._sent[partition]
            finished = finished and next_offset == high_offset + 1 and taken_ms >= self._sent_ms[partition]
        return passed, finished

    def unsettled_triggers(self) -> int:
        """Returns the number of armed trigger orders that should fire, or whose symbol has no usable quote."""
        return int(self._database.value(_UNSETTLED, alive_since_ms=now_ms() - QUOTE_LIFETIME_MS))

    def audit_numbers(self) -> dict[int, int]:
        """Returns for each audit source the number of its newest entry, stored or on its way."""
        return dict(map(tuple, self._database.rows(_AUDIT_NUMBERS, quotecache=QUOTECACHE_SOURCE)))

    def stored(self) -> dict[int, int]:
        """Returns for each audit source the number of its newest stored entry."""
        return dict(map(tuple, self._database.rows("SELECT source, stored FROM audit_sources")))

    def dump_ids(self) -> list[str]:
        """Returns the ids of the run's accepted DUMPLOGs. Scans the history, so call it once."""
        return [dump_id for (dump_id,) in self._database.rows(_DUMP_IDS, **self._run.ids)]

    def dumps_left(self, dump_ids: list[str]) -> tuple[int, int]:
        """Counts the dumps that are still to be written, and those of them with a failed attempt."""
        ended, delayed = self._database.row(_DUMPS, dump_ids=dump_ids)
        return len(dump_ids) - ended, delayed

    def behind(self) -> str:
        """Describes the partitions, audit sources and dumps with a backlog."""
        found = []
        for partition, next_offset, owner in self._database.rows(_OWNERS):
            missing = self._run.baseline.next_offsets.get(partition, 0) + self._sent[partition] - next_offset
            if missing > 0:
                found.append(f"partition {partition} (owner: {owner or 'none'}) by {missing} messages")
        stored = self.stored()
        for source, number in self.audit_numbers().items():
            if stored.get(source, 0) < number:
                found.append(f"audit source {source} by {number - stored.get(source, 0)} entries")
        for source, number, reason in self._database.rows("SELECT source, number, reason FROM audit_stops"):
            found.append(f"audit source {source} has stopped at entry {number}: {reason}")
        unwritten, _ = self.dumps_left(self.dump_ids())
        if unwritten:
            found.append(f"{unwritten} dumps are not written")
        return "; ".join(found) or "nothing known"


def _after(began: float) -> float:
    """Time for the next count, after one that began then."""
    now = time.monotonic()
    return now + COST_FACTOR * (now - began)


# Reads one row per user, not the history. It also counts fills and expiries, so it is only an upper bound.
_HISTORY_ROWS = "SELECT coalesce(sum(history_seq), 0)::bigint FROM accounts"

_EXECUTED = "SELECT count(*) FROM history WHERE kind = 'command' AND command_id BETWEEN :low AND :high"

_OFFSETS = """
    SELECT partition, next_offset, high_offset, taken_ms FROM partitions WHERE consumer_group = 'transactions'"""

_OWNERS = """
    SELECT partition, next_offset, CASE WHEN lease_until > clock_timestamp() THEN owner END
    FROM partitions WHERE consumer_group = 'transactions' ORDER BY partition"""

_OWNED = """
    SELECT consumer_group, count(*) FILTER (WHERE lease_until IS NULL OR lease_until < clock_timestamp()),
           count(DISTINCT owner)
    FROM partitions GROUP BY 1 ORDER BY 1"""

# A partition's number is the number of its audit source.
_AUDIT_NUMBERS = """
    SELECT CASE consumer_group WHEN 'quotecache' THEN :quotecache ELSE partition END AS source, audit_number
    FROM partitions WHERE consumer_group IN ('transactions', 'quotecache') ORDER BY 1"""

# Armed symbols are few, and the newest quote of each comes from the index on (symbol, asked_at_ms). No price fills a
# sell of 0 shares, so no price is requested for it.
_UNSETTLED = """
    SELECT count(*) FROM trigger_orders t LEFT JOIN LATERAL (
        SELECT price_cents FROM quote_fetches f
        WHERE f.symbol = t.symbol AND f.price_cents IS NOT NULL AND f.asked_at_ms > :alive_since_ms
        ORDER BY f.asked_at_ms DESC LIMIT 1) quote ON true
    WHERE t.trigger_cents IS NOT NULL AND (t.side = 'buy' OR t.reserved_shares > 0) AND (
        quote.price_cents IS NULL
        OR t.side = 'buy' AND quote.price_cents <= t.trigger_cents AND t.reserved_cents >= quote.price_cents
        OR t.side = 'sell' AND quote.price_cents >= t.trigger_cents)"""

_DUMP_IDS = """
    SELECT encode(command_id, 'hex') FROM history
    WHERE command = 'DUMPLOG' AND kind = 'command' AND outcome = 'done' AND command_id BETWEEN :low AND :high"""

_DUMPS = """
    SELECT count(*) FILTER (WHERE state <> 'waiting'), count(*) FILTER (WHERE state = 'waiting' AND failure IS NOT NULL)
    FROM dumps WHERE dump_id = ANY(:dump_ids)"""
