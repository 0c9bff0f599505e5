"""Checks of pending orders and trigger orders, which it replays from the history alone. SQL only."""

from functools import partial

from verification.invariants import Invariant, Pass
from verification.ownership import weigh_lateness

LIFETIME_MS = 60_000
"""Time for which a pending order may be committed (spec §3)."""

CLOCKS_APART_MS = 2_000
"""Maximum difference between clocks.

An order that was made further in the future than this was made before a clock was set back. It expires at once.
"""

LATE_MS = 5_000
"""Time after the end of an order's life within which its reserve must be returned (spec §3)."""

LATE = "no reserve outlives its order by more than 5 s in which its partition is owned"

# The stack of a user and side: an order's level is the height of the stack including it, and the next commit or cancel
# on that level closes it. Orders that expire are left out of the stack, because no commit takes them. Mostly the lowest
# order expires, but after a clock was set back it may be any. `history_passes` explains why there are arrays.
PENDING = Pass(
    "pending orders",
    """
    WITH expiries AS (
        SELECT user_id, ('x' || encode(substring(command_id FROM 9), 'hex'))::bit(64)::bigint AS order_seq, at_ms,
            seq, transaction_number, symbol, reserved_delta_cents AS cents, reserved_shares_delta AS shares,
            (count(*) OVER (PARTITION BY user_id, command_id))::int AS times
        FROM history WHERE kind = 'expiry'),
    stacks AS (
        SELECT user_id, command IN ('BUY', 'COMMIT_BUY', 'CANCEL_BUY') AS buys,
            array_agg(seq) AS seqs, array_agg(at_ms) AS times, array_agg(symbol) AS symbols,
            array_agg(price_cents) AS prices, array_agg(reserved_delta_cents) AS of_cents,
            array_agg(reserved_shares_delta) AS of_shares, array_agg(command IN ('BUY', 'SELL')) AS of_opens,
            array_agg(transaction_number) AS numbers, array_agg(order_seq) AS named,
            array_agg(gone.seq IS NOT NULL) AS of_expired
        FROM history LEFT JOIN (SELECT DISTINCT user_id, order_seq AS seq FROM expiries) AS gone USING (user_id, seq)
        WHERE kind = 'command' AND outcome = 'done'
          AND command IN ('BUY', 'COMMIT_BUY', 'CANCEL_BUY', 'SELL', 'COMMIT_SELL', 'CANCEL_SELL')
        GROUP BY 1, 2),
    pairs AS (
        SELECT user_id, buys, of_stack.*
        FROM stacks, LATERAL (
            SELECT *, lag(opens) OVER on_level AS has_opener, lead(opens) OVER on_level AS open_again,
                lead(seq) OVER on_level AS end_seq, lead(at_ms) OVER on_level AS end_ms,
                lead(cents) OVER on_level AS end_cents, lead(shares) OVER on_level AS end_shares,
                lead(order_seq) OVER on_level AS end_names, lead(symbol) OVER on_level AS end_symbol,
                lead(price_cents) OVER on_level AS end_price
            FROM (
                SELECT *, CASE WHEN expires THEN -seq ELSE
                    sum(CASE WHEN expires THEN 0 WHEN opens THEN 1 ELSE -1 END) OVER (ORDER BY seq)
                    + CASE WHEN opens THEN 0 ELSE 1 END END AS level
                FROM (
                    SELECT unnest(seqs) AS seq, unnest(times) AS at_ms, unnest(symbols) AS symbol,
                        unnest(prices) AS price_cents, unnest(of_cents) AS cents, unnest(of_shares) AS shares,
                        unnest(of_opens) AS opens, unnest(numbers) AS transaction_number,
                        unnest(named) AS order_seq, unnest(of_expired) AS expires) AS moves) AS levels
            WINDOW on_level AS (PARTITION BY level ORDER BY seq)) AS of_stack)
    SELECT coalesce(o.user_id, e.user_id, p.user_id) AS user_id, coalesce(o.seq, e.order_seq, p.seq) AS seq,
        1 AS looked, o.opens, o.open_again IS FALSE AS closed, e.user_id IS NOT NULL AS expired,
        p.user_id IS NOT NULL AS pending, o.at_ms, o.symbol, o.price_cents, o.cents, o.shares, o.buys,
        o.end_seq, o.end_ms, o.end_cents, o.end_shares, o.end_symbol, o.end_price, o.end_names,
        e.seq AS expired_seq, e.at_ms AS expired_ms, e.cents AS expired_cents, e.shares AS expired_shares,
        e.symbol AS expired_symbol, e.transaction_number AS expired_number,
        coalesce(e.times, 0) AS expiries,
        p.side = 'buy' AS pending_buys, p.symbol AS pending_symbol, p.shares AS pending_shares,
        p.price_cents AS pending_price, p.expires_at_ms, p.transaction_number AS pending_number, o.transaction_number,
        CASE WHEN p.user_id IS NOT NULL THEN (SELECT max(at_ms) FROM history) END AS newest_ms
    FROM (SELECT * FROM pairs WHERE opens OR has_opener IS NOT TRUE) AS o
    FULL JOIN expiries AS e ON e.user_id = o.user_id AND e.order_seq = o.seq
    FULL JOIN pending_orders AS p
        ON p.user_id = coalesce(o.user_id, e.user_id) AND p.seq = coalesce(o.seq, e.order_seq)""",
    """format('history row %s of user %L%s', seq, user_id, CASE
        WHEN opens AND closed THEN format(', closed by row %s', end_seq)
        WHEN opens AND expired THEN format(', expired by row %s', expired_seq) END)""",
    "user_id, seq",
    (
        Invariant(
            "each pending order is committed, cancelled, expired or pending: one of these",
            "opens AND closed::int + expiries + pending::int = 1",
        ),
        Invariant(
            "commits and cancels close the newest order, whole",
            "NOT (opens AND closed) OR (end_symbol = symbol AND end_price = price_cents AND end_cents = -cents"
            " AND end_shares = -shares AND (end_names IS NULL OR end_names = seq))",
        ),
        Invariant(
            "commits and cancels act on orders younger than 60 s",
            f"NOT (opens AND closed) OR end_ms - at_ms >= -{CLOCKS_APART_MS} AND end_ms - at_ms < {LIFETIME_MS}",
        ),
        Invariant(
            "expiries give back what the order reserved, not before 60 s",
            "NOT expired OR (expired_symbol = symbol AND expired_cents = -cents AND expired_shares = -shares"
            " AND expired_number = transaction_number"
            f" AND (expired_ms - at_ms >= {LIFETIME_MS} OR expired_ms - at_ms < -{CLOCKS_APART_MS}))",
        ),
        Invariant(
            "pending orders are what the history says",
            "NOT pending OR (pending_buys = buys AND pending_symbol = symbol AND pending_price = price_cents"
            " AND pending_number = transaction_number"
            f" AND expires_at_ms = at_ms + {LIFETIME_MS}"
            " AND pending_shares = CASE WHEN buys THEN cents / nullif(price_cents, 0) ELSE shares END)",
        ),
        Invariant(
            LATE,
            f"CASE WHEN expired THEN expired_ms - at_ms <= {LIFETIME_MS + LATE_MS}"
            f" WHEN pending THEN newest_ms - expires_at_ms <= {LATE_MS} ELSE true END",
            weigh=partial(weigh_lateness, late_ms=LATE_MS),
            weighed=f"""user_id, CASE WHEN expired THEN at_ms + {LIFETIME_MS} ELSE expires_at_ms END,
                CASE WHEN expired THEN expired_ms ELSE newest_ms END""",
        ),
    ),
    hashed=True,
)

# A trigger order lives from its first SET_*_AMOUNT until a fill or a cancel; one row here is one life. Its transaction
# number is that of the command that armed it last; a new amount does not change it.
TRIGGERS = Pass(
    "trigger orders",
    """
    WITH steps AS (
        SELECT user_id, symbol, seq, kind, command, transaction_number, price_cents, amount_cents,
            reserved_delta_cents, reserved_shares_delta,
            command IN ('SET_BUY_AMOUNT', 'SET_BUY_TRIGGER', 'CANCEL_SET_BUY') AS buys,
            kind = 'command' AND command IN ('SET_BUY_AMOUNT', 'SET_SELL_AMOUNT') AS sets,
            kind = 'command' AND command IN ('SET_BUY_TRIGGER', 'SET_SELL_TRIGGER') AS arms,
            kind = 'fill' OR command IN ('CANCEL_SET_BUY', 'CANCEL_SET_SELL') AS ends
        FROM history
        WHERE outcome = 'done' AND command IN ('SET_BUY_AMOUNT', 'SET_BUY_TRIGGER', 'CANCEL_SET_BUY',
            'SET_SELL_AMOUNT', 'SET_SELL_TRIGGER', 'CANCEL_SET_SELL')),
    numbered AS (
        SELECT *,
            count(*) FILTER (WHERE ends) OVER (PARTITION BY user_id, symbol, buys ORDER BY seq) - ends::int AS life
        FROM steps),
    lives AS (
        SELECT user_id, symbol, buys, life, count(*) AS n, max(seq) AS last_seq,
            (array_agg(sets ORDER BY seq))[1] AS begins_with_amount,
            (array_agg(amount_cents ORDER BY seq DESC) FILTER (WHERE sets))[1] AS amount,
            (array_agg(price_cents ORDER BY seq DESC) FILTER (WHERE arms))[1] AS armed,
            coalesce((array_agg(transaction_number ORDER BY seq DESC) FILTER (WHERE arms))[1],
                (array_agg(transaction_number ORDER BY seq DESC) FILTER (WHERE sets))[1]) AS set_by,
            max(transaction_number) FILTER (WHERE kind = 'fill') AS filled_for,
            sum(reserved_delta_cents) AS cents, sum(reserved_shares_delta) AS shares,
            bool_or(ends) AS ended, bool_or(kind = 'fill') AS filled,
            max(price_cents) FILTER (WHERE kind = 'fill') AS fill_price
        FROM numbered GROUP BY user_id, symbol, buys, life)
    SELECT coalesce(l.user_id, t.user_id) AS user_id, coalesce(l.symbol, t.symbol) AS symbol,
        coalesce(l.last_seq, t.version) AS seq, coalesce(l.n, 0)::int AS looked, l.buys, l.begins_with_amount, l.amount,
        l.armed, l.cents, l.shares, l.ended, l.filled, l.fill_price, l.last_seq, t.user_id IS NOT NULL AS stands,
        t.amount_cents, t.trigger_cents, t.reserved_cents, t.reserved_shares, t.version,
        l.set_by, l.filled_for, t.transaction_number
    FROM lives AS l FULL JOIN trigger_orders AS t
        ON t.user_id = l.user_id AND t.symbol = l.symbol AND (t.side = 'buy') = l.buys AND NOT l.ended""",
    "format('history row %s of user %L, trigger order on %s', seq, user_id, symbol)",
    "user_id, seq",
    (
        Invariant(
            "each trigger order fired at most once per arming",
            "ended IS NULL OR (begins_with_amount AND (NOT filled OR armed IS NOT NULL))",
        ),
        Invariant(
            "triggers fired only on a satisfying price",
            "filled IS NOT TRUE OR CASE WHEN buys THEN fill_price <= armed ELSE fill_price >= armed END",
        ),
        Invariant(
            "fills have the number of the command that armed their order", "filled IS NOT TRUE OR filled_for = set_by"
        ),
        Invariant("a trigger order that is gone reserves nothing", "ended IS NOT TRUE OR (cents = 0 AND shares = 0)"),
        Invariant(
            "trigger orders are what the history says",
            "CASE WHEN ended THEN NOT stands ELSE stands AND amount_cents = amount AND reserved_cents = cents"
            " AND trigger_cents IS NOT DISTINCT FROM armed AND reserved_shares = shares AND version = last_seq"
            " AND transaction_number = set_by"
            " AND cents = CASE WHEN buys THEN amount ELSE 0 END"
            " AND shares = CASE WHEN buys THEN 0 ELSE coalesce(amount / armed, 0) END END",
        ),
    ),
)

PASSES = (PENDING, TRIGGERS)
