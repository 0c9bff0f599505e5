"""Why a figure is what it is: the history rows that add up to it."""

import msgspec

from webapp.reads.history import COLUMNS, HistoryRow
from webapp.store import store

ROWS_MAX = 1_000
"""Shown one by one; what is older is carried over as one sum."""

FIGURES = {
    "cash": "cash_delta_cents",
    "reserved": "reserved_delta_cents",
    "shares": "shares_delta",
    "reserved_shares": "reserved_shares_delta",
}
"""What can be explained, and the column that adds up to it. The last two are of a symbol: `shares:ABC`."""


class Step(msgspec.Struct, frozen=True):
    """A row, what it added, and the figure after it."""

    row: HistoryRow
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
    """`figure`: cash, reserved, shares:SYM or reserved_shares:SYM; None for anything else."""
    name, _, symbol = figure.partition(":")
    column = FIGURES.get(name)
    if column is None or bool(symbol) != name.endswith("shares"):
        return None
    chosen = {"user": user, "symbol": symbol or None}
    total = store().row(_TOTAL.format(column=column), **chosen)[0]
    rows = store().rows(_ROWS.format(column=column), **chosen, limit=ROWS_MAX)
    steps: list[Step] = []
    after = total
    for delta, *fields in rows:
        steps.append(Step(HistoryRow(*fields), delta, after))
        after -= delta
    return Explanation(figure, not symbol, after, steps[::-1], total)


_TOTAL = """
    SELECT coalesce(sum({column}), 0)::bigint FROM history
    WHERE user_id = :user AND (CAST(:symbol AS text) IS NULL OR symbol = :symbol)"""

_ROWS = f"""
    SELECT {{column}}, {COLUMNS} FROM history
    WHERE user_id = :user AND {{column}} <> 0 AND (CAST(:symbol AS text) IS NULL OR symbol = :symbol)
    ORDER BY seq DESC LIMIT :limit"""
