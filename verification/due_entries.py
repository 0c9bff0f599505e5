"""Log entries that history rows call for (spec §6), as SQL over `history` and `audit_events`. `user_passes.py` uses it.

Entries are compared by sums of 64-bit hashes per user. The same entries in any order give the same sum; different ones
give it by chance once in 2^64. So no entry is held in memory. For a user whose sums differ, the entries themselves are
then compared.
"""


def _mark(command: str, symbol: str, funds: str) -> str:
    """SQL for an entry's mark, a 64-bit hash. Money is in the seed: Postgres folds a hashed number to 32 bits."""
    number = f"hashenumextended({command}, hashint8extended(at_ms, transaction_number) # coalesce({funds}, -1))"
    return f"hashtextextended(coalesce({symbol}, ''), {number})"


def _mark_of_error(reason: str) -> str:
    return f"hashtextextended({reason}, hashenumextended(command, hashint8extended(at_ms, transaction_number)))"


# A partition's entries are in the order of its decisions, so a user's commands must have the same order in the log and
# in the history. If the orders differ, somebody has exchanged contents of rows. Times would not show that: they are
# equal within a batch, and a clock may be set back. A command's place and half of its hash are packed into one number:
# one array takes half the time of two.
def _place(number: str) -> str:
    return f"array_agg(({number} << 32) | (hashint8extended(at_ms, transaction_number) & x'ffffffff'::bigint))"


def in_order(places: str) -> str:
    """SQL for a hash over all of a user's commands in order, from `places` of MARKS_OF_HISTORY or MARKS_OF_LOG."""
    return f"""(SELECT hash_array_extended(array_agg(place & x'ffffffff'::bigint), 0)
        FROM (SELECT unnest({places}) AS place ORDER BY 1) AS commands)"""


# A commit or cancel command names no symbol and no amount; its history row has those of the order that it closed.
_CLOSES = "outcome = 'done' AND command IN ('COMMIT_BUY', 'CANCEL_BUY', 'COMMIT_SELL', 'CANCEL_SELL')"
_SYMBOL_GIVEN = f"CASE WHEN {_CLOSES} THEN NULL ELSE symbol END"
# An order by shares names no amount; its history row has the price of its shares (spec §3a).
_FUNDS_GIVEN = """CASE WHEN outcome = 'rejected' THEN amount_cents
    WHEN shares IS NOT NULL THEN NULL
    WHEN command IN ('SET_BUY_TRIGGER', 'SET_SELL_TRIGGER') THEN price_cents
    WHEN command IN ('COMMIT_BUY', 'CANCEL_BUY', 'COMMIT_SELL', 'CANCEL_SELL', 'CANCEL_SET_BUY', 'CANCEL_SET_SELL')
    THEN NULL ELSE amount_cents END"""

# For a command that caused its quote itself, the log has an entry for the paid quote, and none for a cached one.
_USES_CACHED = """(kind = 'command' AND quote_id IS NOT NULL AND (cause_user = user_id
    AND cause_number = transaction_number AND asked_at_ms >= published_at_ms) IS NOT TRUE)"""

_MOVES = """(kind <> 'command' OR outcome = 'done' AND (shares_delta <> 0 OR reserved_shares_delta <> 0
    OR command IN ('SET_BUY_AMOUNT', 'SET_BUY_TRIGGER', 'CANCEL_SET_BUY', 'SET_SELL_AMOUNT', 'SET_SELL_TRIGGER',
        'CANCEL_SET_SELL')))"""
_FUNDS_MOVED = "CASE WHEN kind = 'expiry' THEN amount_cents ELSE coalesce(price_cents, amount_cents) END"

HISTORY = """(
    SELECT h.*, q.user_id AS cause_user, q.transaction_number AS cause_number, q.asked_at_ms
    FROM history AS h LEFT JOIN quote_fetches AS q USING (quote_id))"""
"""History rows, each with the user and number of the command that caused its quote, and the time of that request."""

MARKS_OF_HISTORY = f"""
    count(*) FILTER (WHERE kind = 'command') AS commands,
    sum({_mark("command", _SYMBOL_GIVEN, _FUNDS_GIVEN)}) FILTER (WHERE kind = 'command') AS commands_mark,
    count(*) FILTER (WHERE outcome = 'rejected') AS errors,
    sum({_mark_of_error("reason::text")}) FILTER (WHERE outcome = 'rejected') AS errors_mark,
    sum(cash_delta_cents) AS cash,
    sum({_mark("command", "symbol", "cash_delta_cents")}) FILTER (WHERE cash_delta_cents <> 0) AS cash_mark,
    count(*) FILTER (WHERE {_USES_CACHED}) + count(*) FILTER (WHERE {_MOVES}) AS events,
    coalesce(sum({_mark("command", "symbol", "price_cents")}) FILTER (WHERE {_USES_CACHED}), 0)
        + coalesce(sum({_mark("command", "symbol", _FUNDS_MOVED)}) FILTER (WHERE {_MOVES}), 0) AS events_mark,
    {_place("seq")} FILTER (WHERE kind = 'command') AS places"""
"""Counts and sums of hashes of the entries that a user's rows of HISTORY call for."""

_LOGGED = _mark("command", "symbol", "funds_cents")

MARKS_OF_LOG = f"""
    count(*) FILTER (WHERE kind = 'userCommand') AS commands,
    sum({_LOGGED}) FILTER (WHERE kind = 'userCommand') AS commands_mark,
    count(*) FILTER (WHERE kind = 'errorEvent') AS errors,
    sum({_mark_of_error("split_part(message, ':', 1)")}) FILTER (WHERE kind = 'errorEvent') AS errors_mark,
    sum(funds_cents) FILTER (WHERE kind = 'accountTransaction') AS cash,
    sum({_LOGGED}) FILTER (WHERE kind = 'accountTransaction') AS cash_mark,
    count(*) FILTER (WHERE kind = 'systemEvent') AS events,
    coalesce(sum({_LOGGED}) FILTER (WHERE kind = 'systemEvent'), 0) AS events_mark,
    {_place("number")} FILTER (WHERE kind = 'userCommand') AS places"""
"""Counts and sums of hashes of a user's entries in the log."""


def _due(symbol: str, funds: str, condition: str, reason: str = "NULL") -> str:
    """SQL for the entries that a user's rows call for, one row each."""
    return f"""
        SELECT seq, transaction_number, at_ms, command, {symbol} AS symbol, {funds} AS funds, {reason} AS reason,
            1 AS n FROM {HISTORY} AS rows WHERE user_id = found.user_id AND {condition}"""


_DUE = {
    "userCommand": _due(_SYMBOL_GIVEN, _FUNDS_GIVEN, "kind = 'command'"),
    "errorEvent": _due("NULL", "NULL", "outcome = 'rejected'", "reason::text"),
    "accountTransaction": _due("symbol", "cash_delta_cents", "cash_delta_cents <> 0"),
    "systemEvent": _due("symbol", "price_cents", _USES_CACHED) + " UNION ALL" + _due("symbol", _FUNDS_MOVED, _MOVES),
}


def first_difference(kind: str) -> str:
    """SQL that names the first transaction of `found.user_id` whose entries of this kind differ from the due ones."""
    fields = "NULL, NULL, split_part(message, ':', 1)" if kind == "errorEvent" else "symbol, funds_cents, NULL"
    return f"""(
        SELECT format('user %L, transaction %s%s', found.user_id, transaction_number, ', history row ' || min(seq))
        FROM ({_DUE[kind]} UNION ALL
            SELECT NULL, transaction_number, at_ms, command, {fields}, -1 FROM audit_events AS a
            WHERE coalesce(a.user_id, '') = found.user_id AND kind = '{kind}') AS entries
        GROUP BY transaction_number, at_ms, command, symbol, funds, reason HAVING sum(n) <> 0
        ORDER BY transaction_number, min(seq) LIMIT 1)"""
