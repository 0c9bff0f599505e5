"""Checks of dumps: each ends at its markers in the chained log, has the right user, and was written.

SQL only.
"""

from schema.commands import PARTITIONS
from schema.events import QUOTECACHE_SOURCE
from verification.invariants import Invariant, Pass

# A DUMPLOG leaves a marker in its user's source, or, for the whole log, in each partition's source. A DUMPLOG that was
# published twice may have left two markers in a source; the first counts. The last marker completes the dump. With it
# the audit worker writes the dump's row for the quote cache: the number of the cache's entries that were stored by the
# end of that transaction. A link of the chain ends with each transaction. Only the first link may cover many
# transactions: those of a log from before the chain. A dump that was given up because its marker cannot be stored has
# no marker.
MARKERS = Pass(
    "markers of dumps",
    f"""
    WITH logged AS (
        SELECT message AS dump_id, source, min(number) AS number, (array_agg(user_id ORDER BY number))[1] AS user_id,
            (array_agg(filename ORDER BY number))[1] AS filename
        FROM audit_events WHERE kind = 'marker' GROUP BY message, source),
    completed AS (SELECT dump_id, number FROM dump_markers WHERE source = {QUOTECACHE_SOURCE}),
    markers AS (
        SELECT dump_id, source, l.number AS logged, m.number AS marked, l.user_id, l.filename
        FROM logged AS l FULL JOIN (SELECT * FROM dump_markers WHERE source <> {QUOTECACHE_SOURCE}) AS m
            USING (dump_id, source)),
    dumped AS (
        SELECT coalesce(d.dump_id, c.dump_id) AS dump_id, d.dump_id IS NOT NULL AS noted, d.user_id, d.filename,
            c.dump_id IS NOT NULL AS complete, c.number AS quotes
        FROM (
            SELECT * FROM dumps
            WHERE state <> 'failed' OR EXISTS (SELECT FROM markers AS n WHERE n.dump_id = dumps.dump_id)) AS d
        FULL JOIN completed AS c USING (dump_id))
    SELECT coalesce(m.dump_id, d.dump_id) AS dump_id, m.source, 1 AS looked, m.logged, m.marked, d.noted,
        m.user_id IS NOT DISTINCT FROM d.user_id AND m.filename IS NOT DISTINCT FROM d.filename AS same,
        d.complete, count(m.logged) OVER (PARTITION BY coalesce(m.dump_id, d.dump_id)) AS markers,
        CASE WHEN m.user_id IS NULL THEN {PARTITIONS} ELSE 1 END AS markers_due,
        d.quotes IS NULL OR d.quotes = 0
            OR EXISTS (SELECT FROM audit_chain WHERE source = {QUOTECACHE_SOURCE} AND last_number = d.quotes)
            OR d.quotes BETWEEN 1 AND (
                SELECT last_number FROM audit_chain WHERE source = {QUOTECACHE_SOURCE} AND first_number = 1)
            AS ends_with_link
    FROM markers AS m FULL JOIN dumped AS d USING (dump_id)""",
    "format('dump %s, source %s: audit entry %s, noted as %s', dump_id, source, logged, marked)",
    "dump_id, source",
    (
        Invariant("each dump ends at its markers in the log, and no marker is missing", "logged = marked"),
        Invariant("each dump has the user and the file name of its markers", "noted AND same"),
        Invariant(
            "each dump is complete once its last marker is there, not before",
            "complete = (markers = markers_due) AND markers <= markers_due AND ends_with_link",
            named="""format('dump %s: %s markers of %s, %s entries of the quote cache', dump_id, markers, markers_due,
                coalesce((SELECT number::text FROM dump_markers AS m
                    WHERE m.dump_id = found.dump_id AND source = 64), 'no'))""",
        ),
    ),
)

# A DUMPLOG that is done promised a file. A dump that is not written yet is a violation too, since verification judges a
# system at rest; only its text differs. The file of a replaced dump is that of the later dump with its name.
FILES = Pass(
    "files of dumps",
    """
    SELECT dump_id, filename, user_id, state::text, failure, 1 AS looked,
        bool_or(state = 'written') OVER (PARTITION BY filename) AS has_file
    FROM dumps""",
    """format('dump %s of %s %s', filename, coalesce(user_id, 'all users'), CASE state
        WHEN 'failed' THEN 'was not written: ' || failure
        WHEN 'waiting' THEN 'is not written yet' || coalesce(': ' || failure, '')
        ELSE 'was replaced, but no later one exists' END)""",
    "filename, dump_id",
    (
        Invariant(
            "each dump is written, or a later dump with its name is", "state IN ('written', 'replaced') AND has_file"
        ),
    ),
)

PASSES = (MARKERS, FILES)
