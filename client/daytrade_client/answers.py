"""Answers of the API as typed values. Money is in whole cents. Fields that a later version adds are ignored."""

import enum
from typing import Literal

import msgspec

Side = Literal["buy", "sell"]


class CommandState(enum.StrEnum):
    """State of a command: `done`, `rejected`, or `pending` while no outcome is known."""

    DONE = "done"
    REJECTED = "rejected"
    PENDING = "pending"


class CommandInfo(msgspec.Struct, frozen=True):
    """A command and its outcome. `reason` and `sentence` say why it was rejected. `seq`: its row in the history."""

    command_id: str
    status: CommandState
    command: str | None = None
    transaction_number: int | None = None
    reason: str | None = None
    sentence: str | None = None
    symbol: str | None = None
    amount_cents: int | None = None
    price_cents: int | None = None
    shares: int | None = None
    seq: int | None = None
    at_ms: int | None = None
    newest_order: int | None = None

    @property
    def done(self) -> bool:
        return self.status is CommandState.DONE


class FaultyField(msgspec.Struct, frozen=True):
    """A faulty field of a request, and what is wrong with it."""

    field: str
    detail: str


class ProblemInfo(msgspec.Struct, frozen=True):
    """An error as the API gives it (RFC 9457)."""

    title: str
    status: int
    detail: str = ""
    perhaps_taken: bool | None = None
    errors: list[FaultyField] = []


class BatchResult(msgspec.Struct, frozen=True):
    """Answer to one command of a batch: its outcome, or the problem that refused it."""

    status: int
    outcome: CommandInfo | None = None
    problem: ProblemInfo | None = None


class BatchResults(msgspec.Struct, frozen=True):
    """Answers to a batch, in the order of its commands."""

    answers: list[BatchResult]


class ClosedPosition(msgspec.Struct, frozen=True):
    """The SELL that closes a position, and its COMMIT; None if it was not committed."""

    symbol: str
    sell: CommandInfo
    commit: CommandInfo | None = None


class AccountInfo(msgspec.Struct, frozen=True):
    """Cash of the account. `seq`: number of the newest history row."""

    user: str
    opened: bool
    cash_cents: int
    reserved_cents: int
    seq: int


class PositionInfo(msgspec.Struct, frozen=True):
    """Shares of a symbol: available, and reserved by sells."""

    symbol: str
    shares: int
    reserved_shares: int
    cost_cents: int
    price_cents: int | None = None
    worth_cents: int | None = None
    profit_cents: int | None = None


class WaitingOrder(msgspec.Struct, frozen=True):
    """A BUY or SELL that awaits its commit until `expires_at_ms`."""

    seq: int
    side: Side
    symbol: str
    shares: int
    price_cents: int
    amount_cents: int
    expires_at_ms: int
    newest: bool


class TriggerInfo(msgspec.Struct, frozen=True):
    """A trigger order. `trigger_cents` None: not armed."""

    symbol: str
    side: Side
    amount_cents: int
    trigger_cents: int | None
    reserved_cents: int
    reserved_shares: int


class QuoteInfo(msgspec.Struct, frozen=True):
    """The newest known price of a symbol. `usable`: an order given now would get it."""

    symbol: str
    price_cents: int
    asked_at_ms: int
    age_ms: int
    usable: bool


class PriceInfo(msgspec.Struct, frozen=True):
    """A price that was paid for."""

    asked_at_ms: int
    price_cents: int


class HistoryEntry(msgspec.Struct, frozen=True):
    """A row of the history: a command, a fill or an expiry, and what it changed."""

    seq: int
    kind: str
    command: str
    outcome: str
    at_ms: int
    symbol: str | None = None
    amount_cents: int | None = None
    price_cents: int | None = None
    reason: str | None = None
    cash_delta_cents: int = 0
    reserved_delta_cents: int = 0
    shares_delta: int = 0
    reserved_shares_delta: int = 0


class HistoryEntries(msgspec.Struct, frozen=True):
    """A page of the history, the newest rows first. `next_before` begins the next page; None on the last one."""

    rows: list[HistoryEntry]
    total: int
    next_before: int | None = None


class PricePage(msgspec.Struct, frozen=True):
    """A page of prices, the oldest first. `next_after` begins the next page; None on the last one."""

    points: list[PriceInfo]
    next_after: str | None = None


class TokenInfo(msgspec.Struct, frozen=True):
    """A new token; it is shown this once."""

    token: str
    token_id: int
    scope: str
    expires_at_ms: int


class StreamEvent(msgspec.Struct, frozen=True):
    """An event of the stream. `entry`: the history row of an outcome, fill or expiry; `data`: any event's JSON.

    `last_seq`: number of the newest row that has come; a stream that begins with `after=last_seq` misses nothing.
    """

    name: str
    data: msgspec.Raw
    last_seq: int

    @property
    def entry(self) -> HistoryEntry | None:
        is_row = self.name in ("outcome", "fill", "expiry")
        return msgspec.json.decode(self.data, type=HistoryEntry) if is_row else None

    @property
    def price(self) -> tuple[str, int] | None:
        """Symbol and cents of a `price`."""
        if self.name != "price":
            return None
        heard = msgspec.json.decode(self.data, type=dict[str, str | int])
        return str(heard["symbol"]), int(heard["price_cents"])
