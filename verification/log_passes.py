"""Checks of the log of record alone: its numbers, and whether all of it is stored. SQL only."""

from schema.events import QUOTECACHE_SOURCE
from verification.invariants import Invariant, Pass

_MISPLACED = """
    FROM (SELECT number, row_number() OVER (ORDER BY number) AS place FROM audit_events AS a
        WHERE a.source = found.source) AS numbered
    WHERE number <> place"""

# If there are n numbers from 1 to n and none occurs twice, there is no gap. The primary key guarantees that none occurs
# twice; if somebody dropped the key, each number is checked. In the end the log must hold exactly the entries that the
# transactions of the batches announced.
SOURCES = Pass(
    "numbers of the log",
    f"""
    SELECT coalesce(p.source, s.source, e.source) AS source, coalesce(p.due, 0) AS due, coalesce(s.stored, 0) AS stored,
        coalesce(e.newest, 0) AS newest, coalesce(e.first, 1) AS first, coalesce(e.n, 0) AS n,
        coalesce(e.n, 0)::int AS looked,
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'audit_events'::regclass AND contype = 'p') AS has_key
    FROM (
        SELECT CASE consumer_group WHEN 'quotecache' THEN {QUOTECACHE_SOURCE} ELSE partition END AS source,
            audit_number AS due
        FROM partitions WHERE consumer_group IN ('transactions', 'quotecache')) AS p
    FULL JOIN audit_sources AS s ON s.source = p.source
    FULL JOIN (
        SELECT source, min(number) AS first, max(number) AS newest, count(*) AS n
        FROM audit_events GROUP BY source) AS e
    ON e.source = coalesce(p.source, s.source)""",
    f"""format('source %s: %s, of %s announced and %s noted as stored', source, coalesce(
        (SELECT format('audit entry %s %s', least(number, place),
            CASE WHEN number < place THEN 'should not be there' ELSE 'is missing' END)
        {_MISPLACED} ORDER BY place LIMIT 1), format('there are %s audit entries', n)), due, stored)""",
    "source",
    (
        Invariant(
            "each source's entries are 1, 2, 3, … without a gap, each once",
            f"first = 1 AND newest = n AND (has_key OR NOT EXISTS (SELECT {_MISPLACED}))",
        ),
        Invariant("every announced entry is in the log, and no more", "due = stored AND stored = newest"),
    ),
)

# The audit worker notes each source whose entries it cannot store (schema/log_tables.py); any such row is a violation.
STOPS = Pass(
    "sources of the log that have stopped",
    "SELECT source, number, reason, 1 AS looked FROM audit_stops",
    "format('source %s has stopped at entry %s: %s', source, number, reason)",
    "source",
    (Invariant("no source of the log has stopped", "false"),),
)

PASSES = (SOURCES, STOPS)
