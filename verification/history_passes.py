"""Checks of the history: every row, every user's rows in order, every command once. SQL only."""

from verification.invariants import Invariant, Pass

_ROW = "format('history row %s of user %L', seq, user_id)"

_STILL = "cash_delta_cents = 0 AND reserved_delta_cents = 0 AND shares_delta = 0 AND reserved_shares_delta = 0"
_NO_CASH = "cash_delta_cents = 0 AND reserved_delta_cents = 0"
_NO_SHARES = "shares_delta = 0 AND reserved_shares_delta = 0"
_SHARES = "(amount_cents / nullif(price_cents, 0))"
_CASH_BACK = f"cash_delta_cents = amount_cents AND reserved_delta_cents = -amount_cents AND {_NO_SHARES}"
_SHARES_BACK = f"shares_delta = {_SHARES} AND reserved_shares_delta = -shares_delta AND {_NO_CASH}"

# True if the row moves what its kind, command, amount and price require (spec §3).
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

# A command rejected because it did not name the newest order must record that one: of its side, placed before it.
_NAMES_AN_ORDER = """EXISTS (SELECT FROM history AS o WHERE o.user_id = rows.user_id AND o.seq = rows.newest_order_seq
    AND o.seq < rows.seq AND o.kind = 'command' AND o.outcome = 'done'
    AND o.command::text = substring(rows.command::text FROM '_(BUY|SELL)$'))"""

EVERY_ROW = "each row changes what its command, amount and price say"

EACH_ROW = Pass(
    "each history row",
    f"""
    SELECT *, 1 AS looked, newest_order_seq IS NULL OR {_NAMES_AN_ORDER} AS names_an_order FROM history AS rows""",
    _ROW,
    "user_id, seq",
    (
        Invariant(
            "rejected commands change nothing and have a reason",
            f"(outcome = 'rejected') = (reason IS NOT NULL) AND (outcome = 'done' OR {_STILL})",
        ),
        Invariant(EVERY_ROW, _MOVES),
        Invariant(
            "orders by shares are worth their shares at their price",
            "shares IS NULL OR command IN ('BUY', 'SELL')"
            " AND (outcome = 'rejected' OR amount_cents = shares * price_cents)",
        ),
        Invariant(
            "commits and cancels that name an order that is not the newest are rejected, and record the newest",
            "(newest_order_seq IS NOT NULL) = (reason IS NOT DISTINCT FROM 'not_newest_order')"
            " AND (newest_order_seq IS NULL OR newest_order_seq IS DISTINCT FROM order_seq AND names_an_order)",
        ),
    ),
)

# The cheapest way to read the rows of many users, each user's in order: gather each user's rows in arrays, which takes
# one scan and no sort; then sort each user's arrays, which are short and nearly in order. One sort of all rows by user
# and number takes twice the time. Reading along the key's index takes three times, as it visits a million places of the
# table one by one. All arrays of one query are filled from the same rows in the same order.
CASH_IN_ORDER = Pass(
    "users' cash in order",
    """
    SELECT user_id, seq, 1 AS looked, cash, reserved
    FROM (
        SELECT user_id, array_agg(seq) AS seqs, array_agg(cash_delta_cents) AS of_cash,
            array_agg(reserved_delta_cents) AS of_reserved
        FROM history WHERE cash_delta_cents <> 0 OR reserved_delta_cents <> 0 GROUP BY user_id) AS users,
    LATERAL (
        SELECT seq, sum(cash_delta) OVER in_order AS cash, sum(reserved_delta) OVER in_order AS reserved
        FROM (SELECT unnest(seqs) AS seq, unnest(of_cash) AS cash_delta, unnest(of_reserved) AS reserved_delta)
            AS changes
        WINDOW in_order AS (ORDER BY seq ROWS UNBOUNDED PRECEDING)) AS sums""",
    _ROW,
    "user_id, seq",
    (
        Invariant("no cash was ever negative", "cash >= 0"),
        Invariant("no reserved cash was ever negative", "reserved >= 0"),
    ),
    hashed=True,
)

# The first 8 bytes of a command's id are its publisher, the last 8 the publisher's number for it.
PUBLISH_ORDER = Pass(
    "publish order",
    """
    SELECT user_id, seq, 1 AS looked, command_id, before
    FROM (
        SELECT user_id, array_agg(seq) AS seqs, array_agg(command_id) AS command_ids
        FROM history WHERE kind = 'command' GROUP BY user_id, substring(command_id FOR 8)) AS publishers,
    LATERAL (
        SELECT seq, command_id, lag(command_id) OVER (ORDER BY seq) AS before
        FROM (SELECT unnest(seqs) AS seq, unnest(command_ids) AS command_id) AS commands) AS in_order""",
    _ROW,
    "user_id, seq",
    (Invariant("each user's commands took effect in each publisher's order", "before IS NULL OR before < command_id"),),
    hashed=True,
)

# An expiry's id names its order, and the pass over pending orders judges it; all other ids are unique in the whole
# system. The publisher in the ids of a run's commands is the run's source. Publishers number their commands one by one,
# so different ids are counted by setting bits, 64 ids a word. That takes a quarter of the time of looking up each id.
# An id has 16 bytes; with a shorter one Postgres raises an error, and the finding says that it cannot be computed.
COMMAND_IDS = Pass(
    "command ids",
    """
    WITH words AS (
        SELECT substring(command_id FOR 15) AS prefix, count(*) AS n,
            bit_or(1::bigint << (get_byte(command_id, 15) & 63)) AS ids,
            coalesce(bit_or(1::bigint << (get_byte(command_id, 15) & 63)) FILTER (WHERE kind = 'command'), 0)
                AS commands
        FROM history WHERE kind <> 'expiry' GROUP BY 1, get_byte(command_id, 15) >> 6),
    publishers AS (
        SELECT CASE WHEN commands <> 0 THEN substring(prefix FOR 8) END AS publisher, sum(n) AS n,
            sum(bit_count(ids::bit(64))) AS different, sum(bit_count(commands::bit(64))) AS commands
        FROM words GROUP BY 1)
    SELECT coalesce(p.n, 0)::int AS looked, coalesce(p.n, 0) AS n, coalesce(p.different, 0) AS different,
        coalesce(p.commands, 0) AS commands, r.source, r.workload, r.published
    FROM publishers AS p FULL JOIN runs AS r ON int8send(r.source) = p.publisher""",
    "format('run %s of %s: %s commands confirmed, %s in the history', source, workload, published, commands)",
    "source",
    (
        Invariant(
            "each command took effect once",
            "n = different",
            named="""(SELECT format('history row %s of user %L', seq, user_id) FROM history WHERE command_id = (
                SELECT command_id FROM history WHERE kind <> 'expiry'
                GROUP BY command_id HAVING count(*) > 1 ORDER BY command_id LIMIT 1)
            ORDER BY at_ms DESC, user_id DESC, seq DESC LIMIT 1)""",
        ),
        Invariant("each confirmed command of a run has a history row", "published IS NULL OR published = commands"),
    ),
    hashed=True,
)

PASSES = (PUBLISH_ORDER, COMMAND_IDS, CASH_IN_ORDER, EACH_ROW)
