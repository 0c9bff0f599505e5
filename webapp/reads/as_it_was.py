"""The account as any row of its history left it, folded from all rows up to that one."""

import msgspec

from schema import accounts
from schema.history import HistoryRow, fold
from schema.outcomes import Side
from webapp.reads.history import RECORDED_COLUMNS
from webapp.reads.orders import PendingOrderView, TriggerTerms
from webapp.store import store


class SharesAt(msgspec.Struct, frozen=True):
    """Shares of a symbol at that time: `shares` available, `reserved_shares` held by sells."""

    symbol: str
    shares: int
    reserved_shares: int


class AccountAt(msgspec.Struct, frozen=True):
    """The account after a history row. Symbols without any shares are left out.

    Pending orders are listed newest first. Some may have expired: an order is released up to 5 s after its 60 s.
    """

    user: str
    seq: int
    at_ms: int
    cash_cents: int
    reserved_cents: int
    positions: list[SharesAt]
    pending_orders: list[PendingOrderView]
    trigger_orders: list[TriggerTerms]


def account_at(user: str, seq: int) -> AccountAt | None:
    """The account as row `seq` left it; None if there is no such row. Seq 0 means before the first."""
    newest = store().row(_ROW_AT, user=user, seq=seq)
    if newest is None and seq != 0:
        return None
    account = fold(user, (HistoryRow(*row) for row in store().stream(_ROWS, user=user, seq=seq)))
    pending = sorted([*account.buys, *account.sells], key=lambda order: order.seq, reverse=True)
    return AccountAt(
        user,
        seq,
        newest.at_ms if newest else 0,
        account.cash_cents,
        account.reserved_cents,
        [
            SharesAt(symbol, position.shares, position.reserved_shares)
            for symbol, position in sorted(account.positions.items())
            if position.shares or position.reserved_shares
        ],
        [_pending(order, account.stack(order.side)[-1] is order) for order in pending],
        [_terms(order) for _, order in sorted(account.triggers.items())],
    )


def _pending(order: accounts.PendingOrder, newest: bool) -> PendingOrderView:
    return PendingOrderView(
        order.seq,
        order.side,
        order.symbol,
        order.shares,
        order.price_cents,
        order.amount_cents,
        order.expires_at_ms,
        order.transaction_number,
        newest,
    )


def _terms(order: accounts.TriggerOrder) -> TriggerTerms:
    return TriggerTerms(
        order.symbol,
        Side(order.side),
        order.amount_cents,
        order.trigger_cents,
        order.reserved_cents,
        order.reserved_shares,
        order.transaction_number,
    )


_ROW_AT = "SELECT at_ms FROM history WHERE user_id = :user AND seq = :seq"

_ROWS = f"SELECT {RECORDED_COLUMNS} FROM history WHERE user_id = :user AND seq <= :seq ORDER BY seq"
