"""Progress of a run: what is executed, settled, audited and dumped, and which part holds up a run that has stalled.

The driver runs these queries many times a second, so each must be cheap; comments say why it is.
"""

import time

from database.retrying import RetryingDatabase
from loadtest.run import Baseline, Run
from runtime.wall_clock import now_ms
from schema.commands import PARTITIONS
from schema.events import QUOTE_LIFETIME_MS, QUOTECACHE_SOURCE

EXACT_SECONDS = 5.0
"""Maximum seconds between exact counts of the run's rows. The estimates between them also count rows that the run did
not publish, such as fills. One exact count of a million rows takes 0.1 s of Postgres's time; counting every 2 s took
4 % of a core from the measured run."""


def baseline_of(database: RetryingDatabase) -> Baseline:
    """Returns the state of the database before a run."""
    return Baseline(
        history_rows=database.value(_HISTORY_ROWS),
        quote_id=database.value("SELECT coalesce(max(quote_id), 0) FROM quote_fetches"),
        next_offsets=dict(map(tuple, database.rows(_NEXT_OFFSETS))),
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
    """Progress of one run, read from the database."""

    def __init__(self, database: RetryingDatabase, run: Run):
        self._database = database
        self._run = run
        self._executed = 0
        self._rows_counted = 0
        self._counted_at = 0.0

    def executed(self) -> int:
        """Returns how many published commands are executed: an estimate until all are, then the exact number."""
        if self._executed == self._run.published:
            return self._executed
        rows = self._database.value(_HISTORY_ROWS) - self._run.baseline.history_rows
        overdue = time.monotonic() - self._counted_at > EXACT_SECONDS
        # Each command adds at least one row: with fewer new rows than missing commands, the run cannot be done.
        if rows - self._rows_counted >= self._run.published - self._executed or overdue:
            self._executed = self._database.value(_EXECUTED, **self._run.ids)
            self._rows_counted = rows
            self._counted_at = time.monotonic()
            return self._executed
        return max(self._executed, min(int(rows), self._run.published - 1))

    def executed_exactly(self) -> int:
        """Returns the result of the last exact count."""
        return self._executed

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

    def behind(self, sent: list[int]) -> str:
        """Describes the partitions, audit sources and dumps with a backlog. `sent`: messages published by partition."""
        found = []
        for partition, next_offset, owner in self._database.rows(_OWNERS):
            missing = self._run.baseline.next_offsets.get(partition, 0) + sent[partition] - next_offset
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


# Reads one row per user, not the history. It also counts fills and expiries, so it is only an upper bound.
_HISTORY_ROWS = "SELECT coalesce(sum(history_seq), 0)::bigint FROM accounts"

_EXECUTED = "SELECT count(*) FROM history WHERE kind = 'command' AND command_id BETWEEN :low AND :high"

_NEXT_OFFSETS = "SELECT partition, next_offset FROM partitions WHERE consumer_group = 'transactions'"

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
