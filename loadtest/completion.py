"""How far a run is: executed, settled, audited, dumped; and, when it does not move, what is behind.

Every query here is asked many times a second, so each says why it is cheap.
"""

import time

from database.patient_reads import Ledger
from loadtest.run import Baseline, Run
from runtime.wall_clock import now_ms
from schema.commands import PARTITIONS
from schema.events import QUOTE_LIFETIME_MS, QUOTECACHE_SOURCE

EXACT_SECONDS = 5.0
"""At least so often the run's rows are really counted: only they tell progress from other rows' coming. One count of a
million rows takes 0.1 s of Postgres's time, so counts every 2 s took 4 % of a core from the run that they watch."""


def baseline_of(ledger: Ledger) -> Baseline:
    """What is in the database now, before a run."""
    return Baseline(
        history_rows=ledger.value(_HISTORY_ROWS),
        quote_id=ledger.value("SELECT coalesce(max(quote_id), 0) FROM quote_fetches"),
        positions=dict(map(tuple, ledger.rows(_POSITIONS))),
        stored=dict(map(tuple, ledger.rows("SELECT source, stored FROM audit_sources"))),
    )


def unready(ledger: Ledger, replicas: int | None) -> str:
    """What is missing before a run may start, so that no process's start is measured; empty when nothing is.

    Every partition of every group must have a live owner; as many as `replicas` must share the transactions'.
    """
    missing = []
    for group, unowned, owners in ledger.rows(_OWNED):
        if unowned:
            missing.append(f"{unowned} partitions of {group} have no owner")
        elif group == "transactions" and owners < min(replicas or 1, PARTITIONS):
            missing.append(f"{owners} of {replicas} replicas of {group} have partitions")
    return "; ".join(missing)


class Completion:
    """Watches one run."""

    def __init__(self, ledger: Ledger, run: Run):
        self._ledger = ledger
        self._run = run
        self._executed = 0
        self._rows_counted = 0
        self._counted_at = 0.0

    def executed(self) -> int:
        """How many of the commands published so far are executed; exact when it says all."""
        if self._executed == self._run.published:
            return self._executed
        rows = self._ledger.value(_HISTORY_ROWS) - self._run.baseline.history_rows
        overdue = time.monotonic() - self._counted_at > EXACT_SECONDS
        # Each command brings a row at least: before so many more there is nothing to be learned by counting.
        if rows - self._rows_counted >= self._run.published - self._executed or overdue:
            self._executed = self._ledger.value(_EXECUTED, **self._run.ids)
            self._rows_counted = rows
            self._counted_at = time.monotonic()
            return self._executed
        return max(self._executed, min(int(rows), self._run.published - 1))

    def executed_exactly(self) -> int:
        """As of the last real count."""
        return self._executed

    def unsettled_triggers(self) -> int:
        """Armed trigger orders that ought to fire, or whose symbol has no quote that could tell."""
        return int(self._ledger.value(_UNSETTLED, alive_since_ms=now_ms() - QUOTE_LIFETIME_MS))

    def audit_numbers(self) -> dict[int, int]:
        """Source → number of its newest entry, stored or on its way."""
        return dict(map(tuple, self._ledger.rows(_AUDIT_NUMBERS, quotecache=QUOTECACHE_SOURCE)))

    def stored(self) -> dict[int, int]:
        """Source → number of its newest stored entry."""
        return dict(map(tuple, self._ledger.rows("SELECT source, stored FROM audit_sources")))

    def dump_ids(self) -> list[str]:
        """Of the dumps that the run asked for and is to get. Scans the history: ask once."""
        return [dump_id for (dump_id,) in self._ledger.rows(_DUMP_IDS, **self._run.ids)]

    def dumps_left(self, dump_ids: list[str]) -> tuple[int, int]:
        """How many of these are neither written nor given up, and of how many of those an attempt has failed."""
        ended, delayed = self._ledger.row(_DUMPS, dump_ids=dump_ids)
        return len(dump_ids) - ended, delayed

    def behind(self, sent: list[int]) -> str:
        """For people: which partitions, sources and dumps are behind. `sent`: messages published, per partition."""
        found = []
        for partition, position, owner in self._ledger.rows(_OWNERS):
            missing = self._run.baseline.positions.get(partition, 0) + sent[partition] - position
            if missing > 0:
                found.append(f"partition {partition} of {owner or 'nobody'} by {missing} messages")
        stored = self.stored()
        for source, number in self.audit_numbers().items():
            if stored.get(source, 0) < number:
                found.append(f"audit source {source} by {number - stored.get(source, 0)} entries")
        for source, number, reason in self._ledger.rows("SELECT source, number, reason FROM audit_stops"):
            found.append(f"audit source {source} has stopped at entry {number}: {reason}")
        unwritten, _ = self.dumps_left(self.dump_ids())
        if unwritten:
            found.append(f"{unwritten} dumps are not written")
        return "; ".join(found) or "nothing that is known"


# One row per user: no scan of the history. Fills and expiries count too, so it only bounds what may be done.
_HISTORY_ROWS = "SELECT coalesce(sum(history_seq), 0)::bigint FROM accounts"

_EXECUTED = "SELECT count(*) FROM history WHERE kind = 'command' AND command_id BETWEEN :low AND :high"

_POSITIONS = "SELECT partition, position FROM partitions WHERE consumer_group = 'transactions'"

_OWNERS = """
    SELECT partition, position, CASE WHEN lease_until > clock_timestamp() THEN owner END
    FROM partitions WHERE consumer_group = 'transactions' ORDER BY partition"""

_OWNED = """
    SELECT consumer_group, count(*) FILTER (WHERE lease_until IS NULL OR lease_until < clock_timestamp()),
           count(DISTINCT owner)
    FROM partitions GROUP BY 1 ORDER BY 1"""

# A partition is the source of its number.
_AUDIT_NUMBERS = """
    SELECT CASE consumer_group WHEN 'quotecache' THEN :quotecache ELSE partition END AS source, audit_number
    FROM partitions WHERE consumer_group IN ('transactions', 'quotecache') ORDER BY 1"""

# Armed symbols are few, and the newest quote of each comes from the index on (symbol, asked_at_ms). A sell of 0 shares
# is filled by no price, and no price is asked for on its account.
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
