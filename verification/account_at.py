"""An account as it was after a given history row, for people and as JSON.

Reads only; works with every other process down. `schema.history` turns the rows into an account.
"""

import psycopg

from schema.accounts import Account, PendingOrder, TriggerOrder
from schema.errors import DayTradeError
from schema.history import HistoryRow, fold
from schema.money import format_cents

COLUMNS = """h.seq, h.kind::text, h.command_id, h.transaction_number, h.command::text, h.symbol, h.amount_cents,
    h.price_cents, h.outcome::text, h.reason::text, h.cash_delta_cents, h.reserved_delta_cents, h.shares_delta,
    h.reserved_shares_delta, h.quote_id, h.published_at_ms, h.at_ms, h.shares,
    h.order_seq, h.newest_order_seq"""
"""Columns of `history h`, in the order of HistoryRow's fields."""

ROWS_PER_FETCH = 10_000


class NoSuchRow(DayTradeError):
    """The user's history has no row with that number."""


def account_at(connection: psycopg.Connection, user: str, seq: int) -> Account:
    """The account after this row; not opened and empty after row 0. Raises NoSuchRow, BrokenHistory."""
    with connection.transaction(), connection.cursor("account_at", binary=True) as cursor:
        cursor.itersize = ROWS_PER_FETCH
        account = fold(user, (HistoryRow(*row) for row in cursor.execute(_ROWS, (user, seq))))
    if account.history_seq != seq:
        newest = f"the newest is {account.history_seq}" if account.history_seq else "there is none at all"
        raise NoSuchRow(f"{user or 'no user'} has no history row {seq}: {newest}")
    return account


def as_exported(account: Account) -> dict[str, object]:
    """The account in the form of `make state`, with its user and row."""
    pending = sorted([*account.buys, *account.sells], key=lambda order: order.seq)
    return {
        "user": account.user,
        "seq": account.history_seq,
        "opened": account.opened,
        "cash_cents": account.cash_cents,
        "reserved_cents": account.reserved_cents,
        "positions": {
            symbol: {"shares": position.shares, "reserved": position.reserved_shares}
            for symbol, position in sorted(account.positions.items())
            if position.shares or position.reserved_shares
        },
        "pending_orders": [_pending(order) for order in pending],
        "trigger_orders": [_trigger(order) for _, order in sorted(account.triggers.items())],
    }


def _pending(order: PendingOrder) -> dict[str, object]:
    return {
        "seq": order.seq,
        "side": order.side,
        "symbol": order.symbol,
        "shares": order.shares,
        "price_cents": order.price_cents,
        "expires_at_ms": order.expires_at_ms,
        "transaction": order.transaction_number,
    }


def _trigger(order: TriggerOrder) -> dict[str, object]:
    return {
        "symbol": order.symbol,
        "side": order.side,
        "amount_cents": order.amount_cents,
        "trigger_cents": order.trigger_cents,
        "reserved_cents": order.reserved_cents,
        "reserved_shares": order.reserved_shares,
        "transaction": order.transaction_number,
    }


def as_lines(account: Account) -> list[str]:
    """The account as text for people, with a line for each position and order."""
    lines = [
        f"{account.user or 'no user'} after history row {account.history_seq}"
        + ("" if account.opened else ": no account yet"),
        f"  cash      {format_cents(account.cash_cents):>16}   reserved {format_cents(account.reserved_cents):>16}",
    ]
    for symbol, position in sorted(account.positions.items()):
        if position.shares or position.reserved_shares:
            lines.append(f"  shares    {symbol:3} {position.shares:>12,}   reserved {position.reserved_shares:>16,}")
    for order in sorted([*account.buys, *account.sells], key=lambda order: order.seq):
        price = format_cents(order.price_cents)
        lines.append(
            f"  pending   {order.side} {order.symbol} {order.shares:,} at {price}"
            f" (row {order.seq}, expires {order.expires_at_ms})"
        )
    for _, trigger in sorted(account.triggers.items()):
        armed = "not armed" if trigger.trigger_cents is None else f"armed at {format_cents(trigger.trigger_cents)}"
        lines.append(
            f"  trigger   {trigger.side} {trigger.symbol} for {format_cents(trigger.amount_cents)}, {armed}"
            f" (row {trigger.version})"
        )
    return lines


_ROWS = f"SELECT {COLUMNS} FROM history h WHERE h.user_id = %s AND h.seq <= %s ORDER BY h.seq"
