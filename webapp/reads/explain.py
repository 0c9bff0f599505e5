"""Explanation of a figure: the history rows that add up to it."""

import msgspec

from webapp.reads.history import COLUMNS, HistoryRowView
from webapp.reads.profit import bookings
from webapp.store import store

ROWS_MAX = 1_000
"""Maximum rows shown one by one; older ones are carried over as one sum."""

FIGURES = {
    "cash": "cash_delta_cents",
    "reserved": "reserved_delta_cents",
    "shares": "shares_delta",
    "reserved_shares": "reserved_shares_delta",
}
"""Figures and the columns that add up to them. The last two are per symbol: `shares:ABC`."""

BOOKED = {"cost": "cost_delta_cents", "realised": "realised_delta_cents"}
"""Figures that are the sum of no column, and the field of `Booking` that adds up to each: `cost:ABC`, `realised`,
`realised:ABC`."""

OF_SYMBOL = {"shares", "reserved_shares", "cost"}
OF_ALL = {"cash", "reserved"}


class Step(msgspec.Struct, frozen=True):
    """A row, what it added, and the figure after it."""

    row: HistoryRowView
    delta: int
    after: int


class Explanation(msgspec.Struct, frozen=True):
    """`carried` + the deltas of `steps` = `total`. Steps are the oldest first; `money`: in cents, else shares."""

    figure: str
    money: bool
    carried: int
    steps: list[Step]
    total: int


def explain(user: str, figure: str) -> Explanation | None:
    """The rows behind a figure: cash, reserved, realised, shares:SYM, reserved_shares:SYM, cost:SYM or realised:SYM.

    None for any other name.
    """
    name, _, symbol = figure.partition(":")
    if name not in FIGURES | BOOKED or (name in OF_SYMBOL and not symbol) or (name in OF_ALL and symbol):
        return None
    money = name not in ("shares", "reserved_shares")
    total, newest = (_booked if name in BOOKED else _summed)(user, name, symbol or None)
    steps: list[Step] = []
    after = total
    for delta, row in newest:
        steps.append(Step(row, delta, after))
        after -= delta
    return Explanation(figure, money, after, steps[::-1], total)


def _summed(user: str, name: str, symbol: str | None) -> tuple[int, list[tuple[int, HistoryRowView]]]:
    """A figure, and what its newest rows added to it, the newest first."""
    column = FIGURES[name]
    total = store().only(_TOTAL.format(column=column), user=user, symbol=symbol)[0]
    rows = store().rows(_ROWS.format(column=column), user=user, symbol=symbol, limit=ROWS_MAX)
    return total, [(delta, HistoryRowView(*fields)) for delta, *fields in rows]


def _booked(user: str, name: str, symbol: str | None) -> tuple[int, list[tuple[int, HistoryRowView]]]:
    deltas = {booking.seq: getattr(booking, BOOKED[name]) for booking in bookings(user, symbol)}
    moved = [seq for seq, delta in deltas.items() if delta]
    rows = store().rows(_THESE, user=user, seqs=moved[-ROWS_MAX:])
    return sum(deltas.values()), [(deltas[row.seq], HistoryRowView(*row)) for row in rows]


_TOTAL = """
    SELECT coalesce(sum({column}), 0)::bigint FROM history
    WHERE user_id = :user AND (CAST(:symbol AS text) IS NULL OR symbol = :symbol)"""

_ROWS = f"""
    SELECT {{column}}, {COLUMNS} FROM history
    WHERE user_id = :user AND {{column}} <> 0 AND (CAST(:symbol AS text) IS NULL OR symbol = :symbol)
    ORDER BY seq DESC LIMIT :limit"""

_THESE = f"""
    SELECT {COLUMNS} FROM history
    WHERE user_id = :user AND seq = ANY(CAST(:seqs AS bigint[])) ORDER BY seq DESC"""
