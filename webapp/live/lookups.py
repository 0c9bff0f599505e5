"""Queries of the live updates: sessions, newest rows of accounts, own symbols, prices. Blocking SQL."""

from collections.abc import Sequence

from schema.events import Quote
from webapp import sessions, tokens
from webapp.reads.history import COLUMNS, HistoryRowView
from webapp.store import Store

ROWS_MAX = 200
"""Maximum history rows of a look-up; bounds the memory of a stream that resumes from long ago."""


def user_of(store: Store, session_id: str | None) -> str | None:
    """The user whose session this is; None if it is not valid. Raises Unavailable."""
    person = sessions.person_of(store, session_id)
    return person.user_id if person else None


def user_of_token(store: Store, text: str) -> str | None:
    """The user whose API token this is; None if it is not valid. Raises Unavailable."""
    return tokens.user_of(store, text)


def rows_after(store: Store, user: str, seq: int) -> list[HistoryRowView]:
    """The user's oldest history rows after this one, ROWS_MAX at most. Raises Unavailable."""
    return [HistoryRowView(*row) for row in store.rows(_ROWS, user=user, seq=seq, limit=ROWS_MAX)]


def newest_seqs(store: Store, users: Sequence[str]) -> list[tuple[str, int]]:
    """Number of each user's newest history row; 0 if there is none. Raises Unavailable."""
    found = dict(map(tuple, store.rows(_SEQS, users=list(users))))
    return [(user, found.get(user, 0)) for user in users]


def own_symbols(store: Store, user: str) -> list[str]:
    """Every symbol that the user holds, watches, or has a trigger order on. Raises Unavailable."""
    return [symbol for (symbol,) in store.rows(_OWN_SYMBOLS, user=user)]


def latest_quotes(store: Store, symbols: Sequence[str]) -> list[Quote]:
    """The newest price of each symbol that ever had one. Raises Unavailable."""
    return [Quote(*row) for row in store.rows(_QUOTES, symbols=list(symbols))]


_SEQS = "SELECT user_id, history_seq FROM accounts WHERE user_id = ANY(CAST(:users AS text[]))"

_ROWS = f"SELECT {COLUMNS} FROM history WHERE user_id = :user AND seq > :seq ORDER BY seq LIMIT :limit"

_OWN_SYMBOLS = """
    SELECT symbol FROM positions WHERE user_id = :user
    UNION SELECT symbol FROM trigger_orders WHERE user_id = :user
    UNION SELECT symbol FROM watched_symbols WHERE user_id = :user"""

_QUOTES = """
    SELECT q.quote_id, s.symbol, q.price_cents, q.asked_at_ms, q.transaction_number, q.user_id
    FROM unnest(CAST(:symbols AS text[])) AS s(symbol)
    CROSS JOIN LATERAL (
        SELECT * FROM quote_fetches WHERE symbol = s.symbol AND price_cents IS NOT NULL
        ORDER BY asked_at_ms DESC LIMIT 1) AS q"""
