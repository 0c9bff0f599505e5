"""Checks of prices: of those that trades used, and of those that were paid for. SQL only."""

from verification.invariants import Invariant, Pass

LIFETIME_MS = 60_000
"""Time for which a quote may be used, from the moment it was asked for (spec §1)."""

CLOCKS_APART_MS = 2_000
"""Maximum time by which the quote cache's clock may be ahead of the clock of the worker that uses a quote."""

REQUEST_MS_MAX = 60_000
"""Maximum time of a request to the quote server: the largest allowed value of `QUOTE_TIMEOUT_MS`."""

USED = Pass(
    "prices used",
    """
    SELECT h.user_id, h.seq, 1 AS looked, h.symbol, h.price_cents, h.at_ms,
        q.symbol AS answered_symbol, q.price_cents AS answered_price, q.asked_at_ms
    FROM history AS h LEFT JOIN quote_fetches AS q USING (quote_id)
    WHERE h.quote_id IS NOT NULL
       OR h.outcome = 'done' AND (h.kind = 'fill' OR h.kind = 'command' AND h.command IN ('QUOTE', 'BUY', 'SELL'))""",
    "format('history row %s of user %L', seq, user_id)",
    "user_id, seq",
    (
        Invariant(
            "each price was really answered by the quote server",
            "symbol = answered_symbol AND price_cents = answered_price",
        ),
        Invariant(
            "each price was less than 60 s old when used",
            f"at_ms - asked_at_ms >= -{CLOCKS_APART_MS} AND at_ms - asked_at_ms < {LIFETIME_MS}",
        ),
    ),
)

# The quote server requires a user. If no user caused a request, the quote cache sends and logs the name `quotecache`.
LOGGED = Pass(
    "paid quotes and the log",
    """
    SELECT sum(n)::int AS looked, coalesce(sum(n) FILTER (WHERE answers), 0) AS answered,
        coalesce(sum(n) FILTER (WHERE NOT answers), 0) AS logged,
        min(id) FILTER (WHERE answers) AS quote_id, min(id) FILTER (WHERE NOT answers) AS number,
        min(source) AS source
    FROM (
        SELECT true AS answers, count(*) AS n, min(quote_id) AS id, NULL::int AS source, answered_at_ms AS at_ms,
            transaction_number, coalesce(nullif(user_id, ''), 'quotecache') AS user_id, symbol, price_cents,
            quote_server_time, cryptokey
        FROM quote_fetches WHERE price_cents IS NOT NULL GROUP BY 5, 6, 7, 8, 9, 10, 11
        UNION ALL
        SELECT false, count(*), min(number), min(source), at_ms, transaction_number, user_id, symbol, funds_cents,
            quote_server_time, cryptokey
        FROM audit_events WHERE kind = 'quoteServer' GROUP BY 5, 6, 7, 8, 9, 10, 11) AS either
    GROUP BY at_ms, transaction_number, user_id, symbol, price_cents, quote_server_time, cryptokey""",
    """CASE WHEN quote_id IS NOT NULL THEN format('quote %s', quote_id)
        ELSE format('audit entry %s of source %s', number, source) END""",
    "quote_id, number",
    (Invariant("each paid quote is in the log once, exactly as answered, and no other", "answered = logged"),),
)

FAILED = Pass(
    "failed quote requests and the log",
    """
    SELECT coalesce(q.quote_id, e.quote_id) AS quote_id, 1 AS looked, q.quote_id IS NOT NULL AS failed,
        coalesce(e.n, 0) AS logged, q.asked_at_ms, e.asked_at_ms AS logged_asked_at_ms
    FROM (SELECT quote_id, asked_at_ms FROM quote_fetches WHERE failure IS NOT NULL) AS q FULL JOIN (
        SELECT substring(message FROM '^quote request ([0-9]{1,18}) of ')::bigint AS quote_id, count(*) AS n,
            max(substring(message FROM '^quote request [0-9]{1,18} of ([0-9]{1,18}) ')::bigint) AS asked_at_ms
        FROM audit_events WHERE kind = 'debugEvent' GROUP BY 1) AS e USING (quote_id)""",
    "format('quote %s', quote_id)",
    "quote_id",
    (
        Invariant(
            "each quote request that failed is in the log once, as of when it was made",
            "failed AND logged = 1 AND asked_at_ms = logged_asked_at_ms",
        ),
    ),
)

# A request counts as paid from its start, so it must have ended: with a price, or as failed. Only while the quote cache
# has an owner may a request be under way. After the death of an owner, the next owner ends its open requests.
BOUGHT = Pass(
    "quotes bought",
    f"""
    SELECT quote_id, 1 AS looked, asked_at_ms, price_cents IS NOT NULL OR failure IS NOT NULL AS ended,
        CASE WHEN price_cents IS NULL AND failure IS NULL THEN EXISTS (
            SELECT FROM partitions WHERE consumer_group = 'quotecache' AND owner IS NOT NULL AND lease_until > now())
            AND extract(epoch FROM now()) * 1000 - asked_at_ms
                BETWEEN -{CLOCKS_APART_MS} AND {REQUEST_MS_MAX + CLOCKS_APART_MS} END AS under_way,
        max(asked_at_ms) FILTER (WHERE price_cents IS NOT NULL)
        OVER (PARTITION BY symbol ORDER BY quote_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before_ms
    FROM quote_fetches""",
    "format('quote %s', quote_id)",
    "quote_id",
    (
        Invariant("each quote request has ended", "ended OR under_way"),
        Invariant(
            "no quote was bought while one was usable",
            f"before_ms IS NULL OR asked_at_ms - before_ms NOT BETWEEN -{CLOCKS_APART_MS} AND {LIFETIME_MS - 1}",
        ),
    ),
)

PASSES = (USED, LOGGED, FAILED, BOUGHT)
