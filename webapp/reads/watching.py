"""The watch list of a person. The site writes it itself, without a command, because it moves no money or shares."""

from webapp.store import store

SYMBOLS_MAX = 50
"""Maximum symbols per person: each is a live price on the page."""


def watched_symbols(user: str) -> list[str]:
    """The person's watched symbols, in the order in which they were added."""
    return [symbol for (symbol,) in store().rows(_WATCHED, user=user)]


def watch(user: str, symbol: str) -> bool:
    """Adds a symbol; returns False if the list is full. Adding one twice changes nothing."""
    store().write(_WATCH, user=user, symbol=symbol, symbols_max=SYMBOLS_MAX)
    return symbol in watched_symbols(user)


def unwatch(user: str, symbol: str) -> None:
    """Removes a symbol from the list, if it is on it."""
    store().write(_UNWATCH, user=user, symbol=symbol)


_WATCHED = "SELECT symbol FROM watched_symbols WHERE user_id = :user ORDER BY added_at_ms, symbol"

_WATCH = """
    INSERT INTO watched_symbols (user_id, symbol, added_at_ms)
    SELECT :user, :symbol, extract(epoch FROM clock_timestamp()) * 1000
    WHERE (SELECT count(*) FROM watched_symbols WHERE user_id = :user) < :symbols_max
    ON CONFLICT DO NOTHING"""

_UNWATCH = "DELETE FROM watched_symbols WHERE user_id = :user AND symbol = :symbol"
