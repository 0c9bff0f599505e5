"""Waiting at the end of a round until everything has had its effect, as the database shows."""

import time
from collections.abc import Callable

from schema.events import QUOTE_LIFETIME_MS, QUOTECACHE_SOURCE
from tests.chaos.database_view import DatabaseView
from tests.chaos.dumps import Dumps
from tests.chaos.invariants import Case
from tests.chaos.prober import PIPELINE, Prober
from tests.chaos.publisher_process import PublisherProcess

SETTLE_SECONDS_MAX = 30.0
"""Longest wait for triggers to fire: workers request a symbol without a price again after 10 s."""

Wait = Callable[..., None]
"""`wait(condition, what, seconds_max)`; raises Stuck."""


def wait_until_settled(
    case: Case, database: DatabaseView, prober: Prober, dumps: Dumps, publisher: PublisherProcess, wait: Wait
) -> None:
    """Waits until everything has had its effect, publishes the last DUMPLOG, and waits until all dumps are written."""
    probe = prober.probe(PIPELINE)  # follows everything else in every partition
    wait(lambda: probe.done_at is not None, "commands at the end of every partition are done and logged")
    wait(lambda: database.value(_DONE, case.ids) == len(case.lines) - 1, "every command is in the history")
    wait(
        lambda: database.value(_UNSETTLED, (time.time_ns() // 1_000_000 - QUOTE_LIFETIME_MS,)) == 0,
        "every trigger order that a price satisfies has fired",
        SETTLE_SECONDS_MAX,
    )
    publisher.publish_last()
    wait(lambda: publisher.done, "the last DUMPLOG is confirmed")
    dump_ids = [dump.dump_id for dump in (*dumps.given, case.last_dump)]
    wait(lambda: database.value(_DUMPED, (dump_ids,)) == len(dump_ids), "every dump is written")


def logged(database: DatabaseView) -> bool:
    """Whether the log of record holds every entry that was emitted."""
    return database.value(_UNLOGGED) == 0


_DONE = """
    SELECT count(DISTINCT command_id) FROM history WHERE kind = 'command' AND command_id BETWEEN %(low)s AND %(high)s"""

_DUMPED = "SELECT count(*) FROM dumps WHERE dump_id = ANY(%s) AND state <> 'waiting'"

# A partition is the audit source of the same number; the quote cache is a source of its own.
_UNLOGGED = f"""
    SELECT count(*) FROM partitions p LEFT JOIN audit_sources s
        ON s.source = CASE p.consumer_group WHEN 'quotecache' THEN {QUOTECACHE_SOURCE} ELSE p.partition END
    WHERE p.consumer_group IN ('transactions', 'quotecache') AND p.audit_number <> coalesce(s.stored, 0)"""

# Armed orders that the newest unexpired price satisfies, or whose symbol has no unexpired price.
_UNSETTLED = """
    SELECT count(*) FROM trigger_orders t LEFT JOIN LATERAL (
        SELECT price_cents FROM quote_fetches f
        WHERE f.symbol = t.symbol AND f.price_cents IS NOT NULL AND f.asked_at_ms > %s
        ORDER BY f.quote_id DESC LIMIT 1) quote ON true
    WHERE t.trigger_cents IS NOT NULL AND (
        quote.price_cents IS NULL
        OR t.side = 'buy' AND quote.price_cents <= t.trigger_cents AND t.reserved_cents >= quote.price_cents
        OR t.side = 'sell' AND quote.price_cents >= t.trigger_cents AND t.reserved_shares > 0)"""
