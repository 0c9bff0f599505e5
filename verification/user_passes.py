"""Checks that compare each user's account, history and log entries, with one scan of each. SQL only."""

from verification.due_entries import HISTORY, MARKS_OF_HISTORY, MARKS_OF_LOG, first_difference, in_order
from verification.invariants import Invariant, Pass

_MISPLACED = """
    FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM history AS h
        WHERE h.user_id = found.user_id) AS numbered
    WHERE seq <> place"""

_GAP = f"""
    (SELECT format('history row %s of user %L %s', least(seq, place), found.user_id,
        CASE WHEN seq < place THEN 'should not be there' ELSE 'is missing' END)
    {_MISPLACED} ORDER BY place LIMIT 1)"""

_ELSEWHERE = """
    (SELECT CASE WHEN seq IS NULL THEN format('user %L, transaction %s', found.user_id, e.transaction_number)
        ELSE format('history row %s of user %L', seq, found.user_id) END
    FROM (
        SELECT seq, at_ms, transaction_number, row_number() OVER (ORDER BY seq) AS place
        FROM history AS h WHERE h.user_id = found.user_id AND kind = 'command') AS h
    FULL JOIN (
        SELECT at_ms, transaction_number, row_number() OVER (ORDER BY number) AS place
        FROM audit_events AS a WHERE coalesce(a.user_id, '') = found.user_id AND kind = 'userCommand') AS e
    USING (place)
    WHERE (h.at_ms, h.transaction_number) IS DISTINCT FROM (e.at_ms, e.transaction_number)
    ORDER BY place LIMIT 1)"""

# If a user has n rows numbered from 1 to n and none occurs twice, there is no gap. The primary key guarantees that none
# occurs twice; if somebody dropped the key, each row is checked.
USERS = Pass(
    "accounts, history and log",
    f"""
    SELECT coalesce(a.user_id, h.user_id, e.user_id) AS user_id,
        (coalesce(h.n, 0) + coalesce(e.n, 0))::int AS looked,
        coalesce(h.n, 0) AS n, h.first, h.newest, coalesce(h.opens, false) AS opens,
        coalesce(a.opened, false) AS opened,
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'history'::regclass AND contype = 'p') AS has_key,
        coalesce(a.history_seq, 0) AS seq, coalesce(a.cash_cents, 0) AS cash, coalesce(a.reserved_cents, 0) AS reserved,
        coalesce(h.cash, 0) AS cash_due, coalesce(h.reserved, 0) AS reserved_due,
        coalesce(h.commands, 0) AS commands, coalesce(h.commands_mark, 0) AS commands_mark,
        coalesce(h.errors, 0) AS errors, coalesce(h.errors_mark, 0) AS errors_mark,
        coalesce(h.cash_mark, 0) AS cash_mark,
        coalesce(h.events, 0) AS events, coalesce(h.events_mark, 0) AS events_mark,
        coalesce(e.commands, 0) AS commands_logged, coalesce(e.commands_mark, 0) AS commands_logged_mark,
        coalesce(e.errors, 0) AS errors_logged, coalesce(e.errors_mark, 0) AS errors_logged_mark,
        coalesce(e.cash, 0) AS cash_logged, coalesce(e.cash_mark, 0) AS cash_logged_mark,
        coalesce(e.events, 0) AS events_logged, coalesce(e.events_mark, 0) AS events_logged_mark,
        coalesce({in_order("h.places")}, 0) AS order_mark, coalesce({in_order("e.places")}, 0) AS order_logged_mark
    FROM accounts AS a
    FULL JOIN (
        SELECT user_id, count(*) AS n, min(seq) AS first, max(seq) AS newest, sum(reserved_delta_cents) AS reserved,
            bool_or(kind = 'command' AND command = 'ADD' AND outcome = 'done') AS opens, {MARKS_OF_HISTORY}
        FROM {HISTORY} AS rows GROUP BY user_id) AS h ON h.user_id = a.user_id
    FULL JOIN (
        SELECT user_id, count(*) AS n, {MARKS_OF_LOG}
        FROM (
            SELECT coalesce(user_id, '') AS user_id, number, kind, transaction_number, at_ms, command, symbol,
                funds_cents, message
            FROM audit_events
            WHERE kind IN ('userCommand', 'errorEvent', 'accountTransaction', 'systemEvent')) AS entries
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
        Invariant("an account is open from its first ADD on, not before", "opened = opens"),
        Invariant("per user, added less removed in the log is the available cash", "cash = cash_logged"),
        Invariant(
            "each command has one userCommand in the log: its time, name, symbol and amount",
            "commands = commands_logged AND commands_mark = commands_logged_mark",
            named=first_difference("userCommand"),
        ),
        Invariant(
            "each rejected command has one errorEvent in the log: its time and reason",
            "errors = errors_logged AND errors_mark = errors_logged_mark",
            named=first_difference("errorEvent"),
        ),
        Invariant(
            "each change of cash is in the log, to the cent",
            "cash_due = cash_logged AND cash_mark = cash_logged_mark",
            named=first_difference("accountTransaction"),
        ),
        Invariant(
            "each use of a cached quote and each change of shares or orders is in the log",
            "events = events_logged AND events_mark = events_logged_mark",
            named=first_difference("systemEvent"),
        ),
        Invariant(
            "each user's commands took effect in the order in which the log has them",
            "order_mark = order_logged_mark",
            named=_ELSEWHERE,
        ),
    ),
    hashed=True,
)

PASSES = (USERS,)
