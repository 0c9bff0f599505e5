"""What each user's account, history and log entries say together, in one scan of each. SQL of checks, nothing else."""

from consumers.verification.invariants import Invariant, Pass

_MISPLACED = """
    FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM history AS h
        WHERE h.user_id = found.user_id) AS numbered
    WHERE seq <> place"""

_GAP = f"""
    (SELECT format('history row %s of user %L %s', least(seq, place), found.user_id,
        CASE WHEN seq < place THEN 'should not be there' ELSE 'is missing' END)
    {_MISPLACED} ORDER BY place LIMIT 1)"""

_TRANSACTION = """
    format('user %L, transaction %s', user_id, (
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
        ORDER BY transaction_number LIMIT 1))"""

# A user's rows go from 1 to n, n of them, none twice by the key's promise: there is no gap. Where somebody took the key
# away, each row is looked at.
#
# Which transaction something belongs to is compared by sums of 64-bit hashes per user: the same entries in any order
# give the same sum, and others give it by chance once in 2^64. So no transaction needs a place in memory. Who is bad
# is then looked at exactly, to name the transaction.
USERS = Pass(
    "accounts, history and log",
    """
    SELECT coalesce(a.user_id, h.user_id, e.user_id) AS user_id,
        (coalesce(h.n, 0) + coalesce(e.n, 0))::int AS looked,
        coalesce(h.n, 0) AS n, h.first, h.newest,
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'history'::regclass AND contype = 'p') AS has_key,
        coalesce(a.history_seq, 0) AS seq, coalesce(a.cash_cents, 0) AS cash, coalesce(a.reserved_cents, 0) AS reserved,
        coalesce(h.cash, 0) AS cash_due, coalesce(h.reserved, 0) AS reserved_due,
        coalesce(h.commands, 0) AS commands, coalesce(h.commands_mark, 0) AS commands_mark,
        coalesce(h.errors, 0) AS errors, coalesce(h.errors_mark, 0) AS errors_mark,
        coalesce(h.cash_mark, 0) AS cash_mark,
        coalesce(e.commands, 0) AS commands_logged, coalesce(e.commands_mark, 0) AS commands_logged_mark,
        coalesce(e.errors, 0) AS errors_logged, coalesce(e.errors_mark, 0) AS errors_logged_mark,
        coalesce(e.cash, 0) AS cash_logged, coalesce(e.cash_mark, 0) AS cash_logged_mark
    FROM accounts AS a
    FULL JOIN (
        SELECT user_id, count(*) AS n, min(seq) AS first, max(seq) AS newest,
            count(*) FILTER (WHERE kind = 'command') AS commands,
            sum(hashint8extended(transaction_number, at_ms)) FILTER (WHERE kind = 'command') AS commands_mark,
            count(*) FILTER (WHERE outcome = 'rejected') AS errors,
            sum(hashint8extended(transaction_number, at_ms)) FILTER (WHERE outcome = 'rejected') AS errors_mark,
            sum(cash_delta_cents) AS cash, sum(reserved_delta_cents) AS reserved,
            sum(hashint8extended(transaction_number, cash_delta_cents)) FILTER (WHERE cash_delta_cents <> 0)
                AS cash_mark
        FROM history GROUP BY user_id) AS h ON h.user_id = a.user_id
    FULL JOIN (
        SELECT user_id, count(*) AS n, count(*) FILTER (WHERE kind = 'userCommand') AS commands,
            sum(hashint8extended(transaction_number, at_ms)) FILTER (WHERE kind = 'userCommand') AS commands_mark,
            count(*) FILTER (WHERE kind = 'errorEvent') AS errors,
            sum(hashint8extended(transaction_number, at_ms)) FILTER (WHERE kind = 'errorEvent') AS errors_mark,
            sum(funds_cents) FILTER (WHERE kind = 'accountTransaction') AS cash,
            sum(hashint8extended(transaction_number, funds_cents)) FILTER (WHERE kind = 'accountTransaction')
                AS cash_mark
        FROM (
            SELECT coalesce(user_id, '') AS user_id, kind, transaction_number, at_ms, funds_cents FROM audit_events
            WHERE kind IN ('userCommand', 'errorEvent', 'accountTransaction')) AS entries
        GROUP BY user_id) AS e
    ON e.user_id = coalesce(a.user_id, h.user_id)""",
    "format('account %L', user_id)",
    "user_id",
    (
        Invariant(
            "each user's rows are 1, 2, 3, … without a gap",
            f"n = 0 OR first = 1 AND newest = n AND (has_key OR NOT EXISTS (SELECT {_MISPLACED}))",
            named=_GAP,
        ),
        Invariant("cash is the sum of its changes", "cash = cash_due AND cash >= 0"),
        Invariant("reserved cash is the sum of its changes", "reserved = reserved_due AND reserved >= 0"),
        Invariant("each account knows its newest row", "seq = n"),
        Invariant("per user, added less removed in the log is the available cash", "cash = cash_logged"),
        Invariant(
            "each command has one userCommand in the log, of its time",
            "commands = commands_logged AND commands_mark = commands_logged_mark",
            named=_TRANSACTION,
        ),
        Invariant(
            "each rejected command has one errorEvent in the log, of its time",
            "errors = errors_logged AND errors_mark = errors_logged_mark",
            named=_TRANSACTION,
        ),
        Invariant(
            "each change of cash is in the log, to the cent",
            "cash_due = cash_logged AND cash_mark = cash_logged_mark",
            named=_TRANSACTION,
        ),
    ),
    hashed=True,
)

PASSES = (USERS,)
