"""Figures of a run, read from the database when it has ended: outcomes, times, latencies. quote_figures.py has the
figures about quotes, and checks.py judges the run.

A row's commit time comes from its xmin (track_commit_timestamp = on). Rows of one transaction share their xmin, so the
queries look up each xmin once.
"""

from database.retrying import RetryingDatabase
from loadtest.run import Run


def timed_by_database(database: RetryingDatabase) -> bool:
    """Whether Postgres records commit timestamps."""
    return bool(database.value("SHOW track_commit_timestamp") == "on")


def outcomes(database: RetryingDatabase, run: Run) -> dict[str, int]:
    """Counts commands by outcome, and the unreadable lines."""
    counts = {"done": 0, "rejected": 0} | dict(map(tuple, database.rows(_OUTCOMES, **run.ids)))
    return counts | {"unreadable": run.unreadable}


def rejections(database: RetryingDatabase, run: Run) -> dict[str, int]:
    """Counts rejected commands by reason, the most frequent first."""
    return dict(map(tuple, database.rows(_REJECTIONS, **run.ids)))


def seconds(database: RetryingDatabase, run: Run) -> dict[str, float]:
    """Returns the seconds from just before the first publish to the last confirm, history row and audit row."""
    ends = {"published": run.published_at_ms, "executed": run.executed_at_ms, "audited": run.audited_at_ms}
    if timed_by_database(database):
        targets = run.audit_targets
        ends["executed"] = database.value(_EXECUTED_AT, **run.ids) or run.executed_at_ms
        ends["audited"] = (
            database.value(
                _AUDITED_AT,
                sources=list(targets),
                after=[run.baseline.stored.get(source, 0) for source in targets],
                upto=list(targets.values()),
            )
            or run.audited_at_ms
        )
    return {name: round((end - run.started_at_ms) / 1000, 3) for name, end in ends.items()}


def latency_ms(database: RetryingDatabase, run: Run) -> dict[str, int | None]:
    """Returns percentiles of the time from publishing to commit (to the decision if commit times are unknown)."""
    query = _LATENCY_TO_COMMIT if timed_by_database(database) else _LATENCY_TO_DECISION
    return dict(database.row(query, **run.ids)._mapping)


def quote_waits_ms(database: RetryingDatabase, run: Run) -> dict[str, int | None]:
    """Returns the number of commands that waited for a quote, and percentiles of their waiting time."""
    return dict(database.row(_QUOTE_WAITS, **run.ids)._mapping)


def triggers(database: RetryingDatabase, run: Run) -> dict[str, int]:
    """Counts trigger orders: armed now, fired in the run, and not settled before the last DUMPLOG."""
    armed, fired = database.row(_TRIGGERS, started_at_ms=run.started_at_ms)
    return {"armed": armed, "fired": fired, "unsettled": run.triggers_unsettled}


_OUTCOMES = """
    SELECT outcome::text, count(*) FROM history
    WHERE kind = 'command' AND command_id BETWEEN :low AND :high GROUP BY 1"""

_REJECTIONS = """
    SELECT reason::text, count(*) FROM history
    WHERE kind = 'command' AND command_id BETWEEN :low AND :high AND reason IS NOT NULL
    GROUP BY 1 ORDER BY 2 DESC, 1"""

_EXECUTED_AT = """
    SELECT max(extract(epoch FROM pg_xact_commit_timestamp(xid)) * 1000)::bigint FROM (
        SELECT xmin AS xid FROM history
        WHERE kind = 'command' AND command_id BETWEEN :low AND :high GROUP BY xmin) AS batches"""

_AUDITED_AT = """
    SELECT max(extract(epoch FROM pg_xact_commit_timestamp(xid)) * 1000)::bigint FROM (
        SELECT e.xmin AS xid FROM audit_events AS e
        JOIN unnest(CAST(:sources AS smallint[]), CAST(:after AS bigint[]), CAST(:upto AS bigint[]))
            AS s(source, after, upto) ON e.source = s.source AND e.number > s.after AND e.number <= s.upto
        GROUP BY e.xmin) AS batches"""

# Percentiles as percentile_disc defines them, computed from counts, because many commands share a latency: all those
# of the same message in the same batch.
_PERCENTILES = """
    , ranked AS (
        SELECT ms, sum(n) OVER (ORDER BY ms) AS upto, sum(n) OVER () AS total
        FROM (SELECT ms, sum(n) AS n FROM latencies GROUP BY ms) AS counted)
    SELECT min(ms) FILTER (WHERE upto >= 0.50 * total) AS p50, min(ms) FILTER (WHERE upto >= 0.95 * total) AS p95,
           min(ms) FILTER (WHERE upto >= 0.99 * total) AS p99, max(ms) AS max
    FROM ranked"""

_LATENCY_TO_COMMIT = f"""
    WITH messages AS (
        SELECT xmin AS xid, published_at_ms, count(*) AS n FROM history
        WHERE kind = 'command' AND command_id BETWEEN :low AND :high GROUP BY xmin, published_at_ms),
    latencies AS (
        SELECT (extract(epoch FROM pg_xact_commit_timestamp(xid)) * 1000)::bigint - published_at_ms AS ms, n
        FROM messages)
    {_PERCENTILES}"""

_LATENCY_TO_DECISION = f"""
    WITH latencies AS (
        SELECT at_ms - published_at_ms AS ms, count(*) AS n FROM history
        WHERE kind = 'command' AND command_id BETWEEN :low AND :high GROUP BY ms)
    {_PERCENTILES}"""

_QUOTE_WAITS = """
    SELECT count(*) AS commands, percentile_disc(0.5) WITHIN GROUP (ORDER BY at_ms - waited_since_ms) AS p50,
           percentile_disc(0.99) WITHIN GROUP (ORDER BY at_ms - waited_since_ms) AS p99
    FROM history
    WHERE kind = 'command' AND command_id BETWEEN :low AND :high AND waited_since_ms IS NOT NULL"""

_TRIGGERS = """
    SELECT (SELECT count(*) FROM trigger_orders WHERE trigger_cents IS NOT NULL),
           (SELECT count(*) FROM history WHERE kind = 'fill' AND outcome = 'done' AND at_ms >= :started_at_ms)"""
