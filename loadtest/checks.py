"""Checks of a run, computed from the database after it. Each check is a query that finds offending rows.

Nothing here may rely on what the driver or the engine believes, except the number of commands the broker confirmed.
"""

import time
from dataclasses import dataclass, field

from database.retrying import RetryingDatabase
from loadtest import dump_figures
from loadtest.run import Run

EXAMPLES_MAX = 5

LOOKS = 4
LOOK_PAUSE_SECONDS = 0.5
"""Pause between two of the `LOOKS`. Orders expire and triggers fire during the check, and their audit entries arrive a
moment after the accounts change. So a user counts as unbalanced only if every look finds the same fault."""


@dataclass
class Checks:
    """Numbers of offending rows and users, with some examples to show."""

    lost: int
    duplicated: int
    out_of_order: int
    unbalanced_users: int
    unwritten_dumps: int
    """DUMPLOGs that were done, but whose file failed or is not written yet."""
    findings: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not any(self.numbers().values())

    def numbers(self) -> dict[str, int]:
        """Returns the number of offenders by the name of the check."""
        return {
            "lost": self.lost,
            "duplicated": self.duplicated,
            "out_of_order": self.out_of_order,
            "unbalanced_users": self.unbalanced_users,
            "unwritten_dumps": self.unwritten_dumps,
        }


def check(database: RetryingDatabase, run: Run, look_pause_seconds: float = LOOK_PAUSE_SECONDS) -> Checks:
    """Runs every check on a finished run. Raises StoreError."""
    findings: list[str] = []
    commands, distinct = database.row(_COMMANDS, **run.ids)
    absent = run.published - distinct
    repeated = commands - distinct
    gaps = database.value(_GAPS)
    unlogged, logged_twice = database.row(_USER_COMMANDS)
    for number, what in (
        (absent, "commands were published, but are missing in the history"),
        (gaps, "numbers are missing in users' histories"),
        (unlogged, "commands are in the history, but have no userCommand in the log"),
        (repeated, "commands are in the history more than once"),
        (logged_twice, "userCommands are in the log more than once, or belong to no command"),
    ):
        if number:
            findings.append(f"{number} {what}")
    disordered = database.rows(_OUT_OF_ORDER, **run.ids)
    findings += [f"{user or 'no user'}: history row {seq} is out of order" for user, seq in disordered[:EXAMPLES_MAX]]
    unbalanced = _unbalanced(database, look_pause_seconds)
    findings += [f"{user or 'no user'}: {what}" for user, what in sorted(unbalanced)[:EXAMPLES_MAX]]
    of_dumps = dump_figures.counts(database, run)
    findings += [dump.sentence() for dump in dump_figures.unwritten(database, run, EXAMPLES_MAX)]
    return Checks(
        lost=max(absent, gaps, unlogged),
        duplicated=max(repeated, logged_twice),
        out_of_order=len(disordered),
        unbalanced_users=len({user for user, _ in unbalanced}),
        unwritten_dumps=sum(of_dumps[state] for state in dump_figures.WITHOUT_FILE),
        findings=findings,
    )


def _unbalanced(database: RetryingDatabase, pause_seconds: float) -> set[tuple[str, str]]:
    """Returns pairs of a user and what is wrong, found at every look."""
    found = _look(database)
    for _ in range(LOOKS - 1):
        if not found:
            break
        time.sleep(pause_seconds)
        found &= _look(database)
    return found


def _look(database: RetryingDatabase) -> set[tuple[str, str]]:
    answers = database.snapshot(_UNBALANCED)
    return {(user, what) for what, rows in answers.items() for (user,) in rows}


# Number of history rows for commands of the run, and number of distinct commands among them.
_COMMANDS = """
    SELECT coalesce(sum(n), 0)::bigint, count(*) FROM (
        SELECT count(*) AS n FROM history
        WHERE kind = 'command' AND command_id BETWEEN :low AND :high GROUP BY command_id) AS each"""

# A user's rows are numbered 1, 2, 3, … up to the account's newest: any missing number was lost.
_GAPS = """
    SELECT coalesce(sum(greatest(a.history_seq, h.newest) - h.n), 0)::bigint
    FROM (SELECT user_id, count(*) AS n, max(seq) AS newest FROM history GROUP BY user_id) AS h
    FULL JOIN accounts AS a USING (user_id)"""

# Each command has one userCommand in the log. The log has no command ids, so number, user and name identify it.
_USER_COMMANDS = """
    SELECT coalesce(sum(greatest(done - logged, 0)), 0)::bigint, coalesce(sum(greatest(logged - done, 0)), 0)::bigint
    FROM (
        SELECT coalesce(h.n, 0) AS done, coalesce(e.n, 0) AS logged
        FROM (
            SELECT transaction_number, user_id, command, count(*) AS n
            FROM history WHERE kind = 'command' GROUP BY 1, 2, 3) AS h
        FULL JOIN (
            SELECT transaction_number, coalesce(user_id, '') AS user_id, command, count(*) AS n
            FROM audit_events WHERE kind = 'userCommand' GROUP BY 1, 2, 3) AS e
        USING (transaction_number, user_id, command)) AS both_sides"""

# Rows of the run that took effect after a later line of the same user. The ids of a run sort by line.
_OUT_OF_ORDER = """
    SELECT user_id, seq FROM (
        SELECT user_id, seq, command_id, lag(command_id) OVER (PARTITION BY user_id ORDER BY seq) AS before
        FROM history WHERE kind = 'command' AND command_id BETWEEN :low AND :high) AS in_effect
    WHERE command_id < before"""

_UNBALANCED = {
    # The sum of the history must be the account.
    "cash and reserve are not the sum of the history": """
        SELECT user_id FROM accounts AS a FULL JOIN (
            SELECT user_id, sum(cash_delta_cents) AS cash, sum(reserved_delta_cents) AS reserved
            FROM history GROUP BY user_id) AS h USING (user_id)
        WHERE coalesce(a.cash_cents, 0) <> coalesce(h.cash, 0)
           OR coalesce(a.reserved_cents, 0) <> coalesce(h.reserved, 0)""",
    # The same for shares, by symbol.
    "shares are not the sum of the history": """
        SELECT DISTINCT user_id FROM positions AS p FULL JOIN (
            SELECT user_id, symbol, sum(shares_delta) AS shares, sum(reserved_shares_delta) AS reserved
            FROM history WHERE shares_delta <> 0 OR reserved_shares_delta <> 0 GROUP BY user_id, symbol) AS h
        USING (user_id, symbol)
        WHERE coalesce(p.shares, 0) <> coalesce(h.shares, 0)
           OR coalesce(p.reserved_shares, 0) <> coalesce(h.reserved, 0)""",
    # Every reserved cent must belong to a pending or trigger order.
    "reserve is not what pending and trigger orders hold": """
        SELECT user_id FROM accounts AS a FULL JOIN (
            SELECT user_id, sum(cents) AS cents FROM (
                SELECT user_id, shares * price_cents AS cents FROM pending_orders WHERE side = 'buy'
                UNION ALL SELECT user_id, reserved_cents FROM trigger_orders) AS held
            GROUP BY user_id) AS h USING (user_id)
        WHERE coalesce(a.reserved_cents, 0) <> coalesce(h.cents, 0)""",
    # The same for shares, by symbol.
    "reserved shares are not what pending and trigger orders hold": """
        SELECT DISTINCT user_id FROM positions AS p FULL JOIN (
            SELECT user_id, symbol, sum(shares) AS shares FROM (
                SELECT user_id, symbol, shares FROM pending_orders WHERE side = 'sell'
                UNION ALL SELECT user_id, symbol, reserved_shares FROM trigger_orders) AS held
            GROUP BY user_id, symbol) AS h USING (user_id, symbol)
        WHERE coalesce(p.reserved_shares, 0) <> coalesce(h.shares, 0)""",
    # The audit log must agree (spec §6: Σ add − Σ remove = available cash).
    "cash is not the sum of the log's account transactions": """
        SELECT user_id FROM accounts AS a FULL JOIN (
            SELECT user_id, sum(funds_cents) AS funds
            FROM audit_events WHERE kind = 'accountTransaction' GROUP BY user_id) AS e USING (user_id)
        WHERE coalesce(a.cash_cents, 0) <> coalesce(e.funds, 0)""",
    # Table constraints forbid this too; this check covers a table that somebody altered.
    "something is negative": """
        SELECT user_id FROM accounts WHERE cash_cents < 0 OR reserved_cents < 0
        UNION SELECT user_id FROM positions WHERE shares < 0 OR reserved_shares < 0
        UNION SELECT user_id FROM trigger_orders WHERE reserved_cents < 0 OR reserved_shares < 0""",
}
