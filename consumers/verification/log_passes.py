"""Passes over the log of record: its numbers, and what it says against what happened. SQL of checks, nothing else."""

from consumers.verification.invariants import Invariant, Pass
from schema.events import QUOTECACHE_SOURCE

_MISPLACED = """
    FROM (SELECT number, row_number() OVER (ORDER BY number) AS place FROM audit_events AS a
        WHERE a.source = found.source) AS numbered
    WHERE number <> place"""

# Numbers from 1 to n, n of them, none twice: there is no gap. That none is there twice is the key's promise; where
# somebody took the key away, each number is looked at. What a batch's transaction announced is what the log must hold
# in the end.
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

CASH = Pass(
    "cash by the log",
    """
    SELECT user_id, coalesce(e.n, 0)::int AS looked, coalesce(a.cash_cents, 0) AS cash, coalesce(e.funds, 0) AS funds
    FROM accounts AS a FULL JOIN (
        SELECT coalesce(user_id, '') AS user_id, count(*) AS n, sum(funds_cents) AS funds
        FROM audit_events WHERE kind = 'accountTransaction' GROUP BY 1) AS e USING (user_id)""",
    "format('account %L', user_id)",
    "user_id",
    (Invariant("per user, added less removed in the log is the available cash", "cash = funds"),),
)

# Which transaction something belongs to is compared by sums of 64-bit hashes per user: the same entries in any order
# give the same sum, and others give it by chance once in 2^64. So no transaction needs a place in memory. Who is bad
# is then looked at exactly, to name the transaction.
TOLD = Pass(
    "history and log",
    """
    SELECT coalesce(h.user_id, e.user_id) AS user_id, (coalesce(h.n, 0) + coalesce(e.n, 0))::int AS looked,
        coalesce(h.commands, 0) AS commands, coalesce(h.commands_mark, 0) AS commands_mark,
        coalesce(h.errors, 0) AS errors, coalesce(h.errors_mark, 0) AS errors_mark,
        coalesce(h.funds, 0) AS funds, coalesce(h.funds_mark, 0) AS funds_mark,
        coalesce(e.commands, 0) AS commands_logged, coalesce(e.commands_mark, 0) AS commands_logged_mark,
        coalesce(e.errors, 0) AS errors_logged, coalesce(e.errors_mark, 0) AS errors_logged_mark,
        coalesce(e.funds, 0) AS funds_logged, coalesce(e.funds_mark, 0) AS funds_logged_mark
    FROM (
        SELECT user_id, count(*) AS n, count(*) FILTER (WHERE kind = 'command') AS commands,
            sum(hashint8extended(transaction_number, at_ms)) FILTER (WHERE kind = 'command') AS commands_mark,
            count(*) FILTER (WHERE outcome = 'rejected') AS errors,
            sum(hashint8extended(transaction_number, at_ms)) FILTER (WHERE outcome = 'rejected') AS errors_mark,
            sum(cash_delta_cents) AS funds,
            sum(hashint8extended(transaction_number, cash_delta_cents)) FILTER (WHERE cash_delta_cents <> 0)
                AS funds_mark
        FROM history GROUP BY user_id) AS h
    FULL JOIN (
        SELECT user_id, count(*) AS n, count(*) FILTER (WHERE kind = 'userCommand') AS commands,
            sum(hashint8extended(transaction_number, at_ms)) FILTER (WHERE kind = 'userCommand') AS commands_mark,
            count(*) FILTER (WHERE kind = 'errorEvent') AS errors,
            sum(hashint8extended(transaction_number, at_ms)) FILTER (WHERE kind = 'errorEvent') AS errors_mark,
            sum(funds_cents) FILTER (WHERE kind = 'accountTransaction') AS funds,
            sum(hashint8extended(transaction_number, funds_cents)) FILTER (WHERE kind = 'accountTransaction')
                AS funds_mark
        FROM (
            SELECT coalesce(user_id, '') AS user_id, kind, transaction_number, at_ms, funds_cents FROM audit_events
            WHERE kind IN ('userCommand', 'errorEvent', 'accountTransaction')) AS entries
        GROUP BY user_id) AS e
    ON e.user_id = h.user_id""",
    """format('user %L, transaction %s', user_id, (
        SELECT transaction_number FROM (
            SELECT transaction_number, at_ms AS value, (kind = 'command')::int AS n,
                (outcome = 'rejected')::int AS rejected, cash_delta_cents AS cash
            FROM history AS h WHERE h.user_id = found.user_id
            UNION ALL
            SELECT transaction_number, at_ms, -(kind = 'userCommand')::int, -(kind = 'errorEvent')::int,
                CASE WHEN kind = 'accountTransaction' THEN -funds_cents ELSE 0 END
            FROM audit_events AS a WHERE coalesce(a.user_id, '') = found.user_id
                AND kind IN ('userCommand', 'errorEvent', 'accountTransaction')) AS either
        GROUP BY transaction_number
        HAVING sum(n) <> 0 OR sum(rejected) <> 0 OR sum(cash) <> 0 OR sum(n * value) <> 0
        ORDER BY transaction_number LIMIT 1))""",
    "user_id",
    (
        Invariant(
            "each command has one userCommand in the log, of its time",
            "commands = commands_logged AND commands_mark = commands_logged_mark",
        ),
        Invariant(
            "each rejected command has one errorEvent in the log, of its time",
            "errors = errors_logged AND errors_mark = errors_logged_mark",
        ),
        Invariant(
            "each change of cash is in the log, to the cent", "funds = funds_logged AND funds_mark = funds_logged_mark"
        ),
    ),
)

PASSES = (SOURCES, CASH, TOLD)
