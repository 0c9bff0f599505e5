"""Checks that compare current balances with the history and with live orders. SQL only."""

from verification.invariants import Invariant, Pass


def _lowest(deltas: str, total: str) -> str:
    """SQL for the minimum of an array's running sum in the order of `seqs`. Most positions have a single row."""
    return f"""CASE WHEN n = 1 THEN {total} ELSE (
        SELECT min(at_row) FROM (
            SELECT sum(delta) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS at_row
            FROM (SELECT unnest(seqs) AS seq, unnest({deltas}) AS delta) AS changes) AS sums) END"""


def _first_below(delta: str) -> str:
    """SQL that names the first row after which the running sum of a column was negative."""
    return f"""(
        SELECT format('history row %s of user %L', seq, found.user_id) FROM (
            SELECT seq, sum({delta}) OVER (ORDER BY seq ROWS UNBOUNDED PRECEDING) AS at_row FROM history AS h
            WHERE h.user_id = found.user_id AND h.symbol IS NOT DISTINCT FROM found.symbol) AS sums
        WHERE at_row < 0 ORDER BY seq LIMIT 1)"""


# `history_passes` explains why the rows are gathered in arrays.
POSITIONS = Pass(
    "positions",
    f"""
    SELECT user_id, symbol, coalesce(h.n, 0)::int AS looked,
        coalesce(p.shares, 0) AS shares, coalesce(p.reserved_shares, 0) AS reserved,
        coalesce(h.shares, 0) AS shares_due, coalesce(h.reserved, 0) AS reserved_due,
        coalesce(h.shares_lowest, 0) AS shares_lowest, coalesce(h.reserved_lowest, 0) AS reserved_lowest
    FROM positions AS p FULL JOIN (
        SELECT user_id, symbol, n, shares, reserved, {_lowest("of_shares", "shares")} AS shares_lowest,
            {_lowest("of_reserved", "reserved")} AS reserved_lowest
        FROM (
            SELECT user_id, symbol, count(*) AS n, sum(shares_delta) AS shares, sum(reserved_shares_delta) AS reserved,
                array_agg(seq) AS seqs, array_agg(shares_delta) AS of_shares,
                array_agg(reserved_shares_delta) AS of_reserved
            FROM history WHERE shares_delta <> 0 OR reserved_shares_delta <> 0 GROUP BY user_id, symbol) AS changed)
        AS h USING (user_id, symbol)""",
    "format('position of user %L in %s', user_id, symbol)",
    "user_id, symbol",
    (
        Invariant("shares are the sum of their changes", "shares = shares_due AND shares >= 0"),
        Invariant("reserved shares are the sum of their changes", "reserved = reserved_due AND reserved >= 0"),
        Invariant("no shares were ever negative", "shares_lowest >= 0", named=_first_below("shares_delta")),
        Invariant(
            "no reserved shares were ever negative",
            "reserved_lowest >= 0",
            named=_first_below("reserved_shares_delta"),
        ),
    ),
    hashed=True,
)

RESERVED_CASH = Pass(
    "what reserves cash",
    """
    SELECT user_id, 1 AS looked, coalesce(a.reserved_cents, 0) AS reserved, coalesce(h.cents, 0) AS held
    FROM accounts AS a FULL JOIN (
        SELECT user_id, sum(cents) AS cents FROM (
            SELECT user_id, shares::numeric * price_cents AS cents FROM pending_orders WHERE side = 'buy'
            UNION ALL SELECT user_id, reserved_cents FROM trigger_orders) AS orders
        GROUP BY user_id) AS h USING (user_id)""",
    "format('account %L', user_id)",
    "user_id",
    (Invariant("reserved cash is what live orders hold", "reserved = held"),),
)

RESERVED_SHARES = Pass(
    "what reserves shares",
    """
    SELECT user_id, symbol, 1 AS looked, coalesce(p.reserved_shares, 0) AS reserved, coalesce(h.shares, 0) AS held
    FROM positions AS p FULL JOIN (
        SELECT user_id, symbol, sum(shares) AS shares FROM (
            SELECT user_id, symbol, shares FROM pending_orders WHERE side = 'sell'
            UNION ALL SELECT user_id, symbol, reserved_shares FROM trigger_orders) AS orders
        GROUP BY user_id, symbol) AS h USING (user_id, symbol)""",
    "format('position of user %L in %s', user_id, symbol)",
    "user_id, symbol",
    (Invariant("reserved shares are what live orders hold", "reserved = held"),),
)

PASSES = (POSITIONS, RESERVED_CASH, RESERVED_SHARES)
