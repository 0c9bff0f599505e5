"""An account and what belongs to it, as values. No rule of any command, no I/O, no clock.

All money in whole cents, shares in whole numbers, times in ms since the epoch. *Available* amounts exclude what is
reserved (spec §3).
"""

import msgspec

from schema.money import BALANCE_MAX
from schema.outcomes import Side

PENDING_LIFETIME_MS = 60_000
"""Age at which a pending order can no longer be committed, and is released (spec §3)."""


class Position(msgspec.Struct, gc=False):
    """Shares of one symbol: available and reserved."""

    shares: int = 0
    reserved_shares: int = 0


class PendingOrder(msgspec.Struct, frozen=True, gc=False):
    """A BUY or SELL awaiting its commit. A buy reserves shares × price of cash, a sell reserves the shares.

    `seq` is the history seq of its command: unique per user, and the order of the stack.
    """

    seq: int
    side: Side
    symbol: str
    shares: int
    price_cents: int
    expires_at_ms: int
    transaction_number: int

    @property
    def amount_cents(self) -> int:
        return self.shares * self.price_cents


class TriggerOrder(msgspec.Struct, frozen=True, gc=False):
    """A SET_BUY or SET_SELL: armed once it has a trigger price. `version` is the history seq of its last change."""

    symbol: str
    side: Side
    amount_cents: int
    trigger_cents: int | None
    reserved_cents: int
    reserved_shares: int
    version: int
    transaction_number: int


class Account(msgspec.Struct):
    """All state that decides a user's commands. Before the first ADD it is not `opened`, and holds nothing."""

    user: str
    opened: bool = False
    cash_cents: int = 0
    reserved_cents: int = 0
    history_seq: int = 0
    positions: dict[str, Position] = msgspec.field(default_factory=dict)
    buys: list[PendingOrder] = msgspec.field(default_factory=list)
    sells: list[PendingOrder] = msgspec.field(default_factory=list)
    triggers: dict[tuple[str, Side], TriggerOrder] = msgspec.field(default_factory=dict)

    def stack(self, side: Side) -> list[PendingOrder]:
        """Pending orders of a side, the newest last."""
        return self.buys if side is Side.BUY else self.sells

    def position(self, symbol: str) -> Position:
        """The user's position in a symbol; a zero position if the user holds none."""
        return self.positions.get(symbol) or Position()

    def has_room(self, cents: int) -> bool:
        """Whether this much more cash stays within the limit (spec §1).

        Reserved cash counts too: an expiry may return it, and an expiry cannot be rejected.
        """
        return self.cash_cents + self.reserved_cents + cents <= BALANCE_MAX

    def has_room_for(self, symbol: str, shares: int) -> bool:
        """Whether this many more shares of a symbol stay within the limit (spec §1). Reserved shares count too."""
        position = self.position(symbol)
        return position.shares + position.reserved_shares + shares <= BALANCE_MAX
