"""Passes over the history: every row, every user's rows in order, every command once. SQL of checks, nothing else."""

from consumers.verification.invariants import Invariant, Pass

_ROW = "format('history row %s of user %L', seq, user_id)"

_STILL = "cash_delta_cents = 0 AND reserved_delta_cents = 0 AND shares_delta = 0 AND reserved_shares_delta = 0"
_NO_CASH = "cash_delta_cents = 0 AND reserved_delta_cents = 0"
_NO_SHARES = "shares_delta = 0 AND reserved_shares_delta = 0"
_SHARES = "(amount_cents / nullif(price_cents, 0))"
_CASH_BACK = f"cash_delta_cents = amount_cents AND reserved_delta_cents = -amount_cents AND {_NO_SHARES}"
_SHARES_BACK = f"shares_delta = {_SHARES} AND reserved_shares_delta = -shares_delta AND {_NO_CASH}"

# What a row of each kind moves, from its own amount and price (spec §3).
_MOVES = f"""
    CASE
    WHEN outcome = 'rejected' THEN {_STILL}
    WHEN kind = 'command' THEN CASE command
        WHEN 'ADD' THEN amount_cents > 0 AND cash_delta_cents = amount_cents AND reserved_delta_cents = 0
            AND {_NO_SHARES}
        WHEN 'BUY' THEN reserved_delta_cents = {_SHARES} * price_cents AND reserved_delta_cents > 0
            AND cash_delta_cents = -reserved_delta_cents AND {_NO_SHARES}
        WHEN 'COMMIT_BUY' THEN reserved_delta_cents = -amount_cents AND cash_delta_cents = 0
            AND shares_delta * price_cents = amount_cents AND reserved_shares_delta = 0
        WHEN 'CANCEL_BUY' THEN {_CASH_BACK}
        WHEN 'SELL' THEN reserved_shares_delta = {_SHARES} AND reserved_shares_delta > 0
            AND shares_delta = -reserved_shares_delta AND {_NO_CASH}
        WHEN 'COMMIT_SELL' THEN cash_delta_cents = amount_cents AND reserved_delta_cents = 0
            AND -reserved_shares_delta * price_cents = amount_cents AND shares_delta = 0
        WHEN 'CANCEL_SELL' THEN {_SHARES_BACK}
        WHEN 'SET_BUY_AMOUNT' THEN cash_delta_cents = -reserved_delta_cents AND {_NO_SHARES}
        WHEN 'CANCEL_SET_BUY' THEN {_CASH_BACK}
        WHEN 'SET_SELL_AMOUNT' THEN shares_delta = -reserved_shares_delta AND {_NO_CASH}
        WHEN 'SET_SELL_TRIGGER' THEN shares_delta = -reserved_shares_delta AND {_NO_CASH}
        WHEN 'CANCEL_SET_SELL' THEN shares_delta = -reserved_shares_delta AND {_NO_CASH}
        ELSE {_STILL} END
    WHEN kind = 'expiry' THEN CASE command
        WHEN 'BUY' THEN {_CASH_BACK}
        WHEN 'SELL' THEN {_SHARES_BACK} END
    WHEN kind = 'fill' THEN CASE command
        WHEN 'SET_BUY_TRIGGER' THEN shares_delta > 0 AND shares_delta = -reserved_delta_cents / nullif(price_cents, 0)
            AND amount_cents = shares_delta * price_cents AND reserved_shares_delta = 0
            AND cash_delta_cents = -reserved_delta_cents - amount_cents
        WHEN 'SET_SELL_TRIGGER' THEN reserved_shares_delta < 0 AND amount_cents = -reserved_shares_delta * price_cents
            AND cash_delta_cents = amount_cents AND reserved_delta_cents = 0 AND shares_delta = 0 END
    END"""

EACH_ROW = Pass(
    "each history row",
    "SELECT *, 1 AS looked FROM history",
    _ROW,
    "user_id, seq",
    (
        Invariant(
            "rejected commands change nothing and have a reason",
            f"(outcome = 'rejected') = (reason IS NOT NULL) AND (outcome = 'done' OR {_STILL})",
        ),
        Invariant("each row moves what its command, amount and price say", _MOVES),
    ),
)

CASH_IN_ORDER = Pass(
    "users' cash in order",
    """
    SELECT user_id, seq, 1 AS looked,
        sum(cash_delta_cents) OVER in_order AS cash, sum(reserved_delta_cents) OVER in_order AS reserved
    FROM history WHERE cash_delta_cents <> 0 OR reserved_delta_cents <> 0
    WINDOW in_order AS (PARTITION BY user_id ORDER BY seq ROWS UNBOUNDED PRECEDING)""",
    _ROW,
    "user_id, seq",
    (
        Invariant("no cash was ever negative", "cash >= 0"),
        Invariant("no reserved cash was ever negative", "reserved >= 0"),
    ),
)

SHARES_IN_ORDER = Pass(
    "users' shares in order",
    """
    SELECT user_id, symbol, seq, 1 AS looked,
        sum(shares_delta) OVER in_order AS shares, sum(reserved_shares_delta) OVER in_order AS reserved
    FROM history WHERE shares_delta <> 0 OR reserved_shares_delta <> 0
    WINDOW in_order AS (PARTITION BY user_id, symbol ORDER BY seq ROWS UNBOUNDED PRECEDING)""",
    _ROW,
    "user_id, seq",
    (
        Invariant("no shares were ever negative", "shares >= 0"),
        Invariant("no reserved shares were ever negative", "reserved >= 0"),
    ),
)

_MISPLACED = """
    FROM (SELECT seq, row_number() OVER (ORDER BY seq) AS place FROM history AS h
        WHERE h.user_id = found.user_id) AS numbered
    WHERE seq <> place"""

# From 1 to n, n of them, none twice by the key's promise: there is no gap. Where somebody took the key away, each row
# is looked at.
GAPS = Pass(
    "users' rows",
    """
    SELECT user_id, count(*) AS n, min(seq) AS first, max(seq) AS newest, count(*)::int AS looked,
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = 'history'::regclass AND contype = 'p') AS has_key
    FROM history GROUP BY user_id""",
    f"""(SELECT format('history row %s of user %L %s', least(seq, place), found.user_id,
            CASE WHEN seq < place THEN 'should not be there' ELSE 'is missing' END)
        {_MISPLACED} ORDER BY place LIMIT 1)""",
    "user_id",
    (
        Invariant(
            "each user's rows are 1, 2, 3, … without a gap",
            f"first = 1 AND newest = n AND (has_key OR NOT EXISTS (SELECT {_MISPLACED}))",
        ),
    ),
)

# The leading 8 bytes of a command's id are its publisher, the last 8 the number that it gave.
PUBLISH_ORDER = Pass(
    "publish order",
    """
    SELECT user_id, seq, 1 AS looked, command_id,
        lag(command_id) OVER (PARTITION BY user_id, substring(command_id FOR 8) ORDER BY seq) AS before
    FROM history WHERE kind = 'command'""",
    _ROW,
    "user_id, seq",
    (Invariant("each user's commands took effect in each publisher's order", "before IS NULL OR before < command_id"),),
)

# An expiry has its order for an id, and is judged with it; all other ids are of the whole system. A run's commands
# have its source for a publisher.
COMMAND_IDS = Pass(
    "command ids",
    """
    WITH publishers AS (
        SELECT kind, substring(command_id FOR CASE kind WHEN 'command' THEN 8 ELSE 0 END) AS publisher,
            sum(n) AS n, count(*) AS different, min(encode(command_id, 'hex')) FILTER (WHERE n > 1) AS repeated
        FROM (
            SELECT command_id, min(kind) AS kind, count(*) AS n
            FROM history WHERE kind <> 'expiry' GROUP BY command_id) AS ids
        GROUP BY 1, 2)
    SELECT coalesce(p.n, 0)::int AS looked, coalesce(p.n, 0) AS n, coalesce(p.different, 0) AS different, p.repeated,
        r.source, r.workload, r.published
    FROM publishers AS p FULL JOIN runs AS r ON int8send(r.source) = p.publisher AND p.kind = 'command'""",
    """CASE WHEN repeated IS NULL
        THEN format('run %s of %s: %s commands confirmed, %s in the history', source, workload, published, different)
        ELSE (SELECT format('history row %s of user %L', seq, user_id) FROM history AS h
            WHERE h.command_id = decode(found.repeated, 'hex') ORDER BY at_ms DESC, user_id DESC, seq DESC LIMIT 1)
        END""",
    "repeated, source",
    (
        Invariant("each command took effect once", "n = different"),
        Invariant("each confirmed command of a run has a history row", "published IS NULL OR published = different"),
    ),
)

PASSES = (GAPS, EACH_ROW, PUBLISH_ORDER, COMMAND_IDS, CASH_IN_ORDER, SHARES_IN_ORDER)
