"""Messages between processes other than commands: audit entries, prices, changes of trigger orders, replies.

The rules of `commands.py` apply: structs are arrays in MessagePack, and fields are only added at the end.
"""

import enum
import zlib
from typing import Annotated

import msgspec
from msgspec import Meta

from schema.bounds import (
    CommandId,
    Cryptokey,
    Filename,
    LogText,
    Milliseconds,
    NewsOfUser,
    NotNegative,
    Positive,
    ShortSymbol,
    ShortUser,
    Signed,
    Symbol,
    UserId,
    UserOrNobody,
    WhyNot,
)
from schema.commands import PARTITIONS, CommandName
from schema.outcomes import Outcome, Reason, Side

QUOTE_LIFETIME_MS = 60_000
"""Time for which a quote may be used, from the moment the quote cache asked for it (spec §1)."""

CLOCK_STEP_MS_MAX = 2_000
"""Maximum difference between the clocks of two processes, or step back of one clock, that is tolerated."""

ENTRIES_PER_MESSAGE_MAX = 2_000
"""Maximum audit entries in a message: about 160 kB, at most 10 MB. The broker takes 16 MB."""

NEWS_PER_MESSAGE_MAX = 5_000
"""Maximum prices, changes of trigger orders, replies, or users with news in a message.

A batch seldom has as many; a sender that has more sends several messages.
"""

TRIGGER_PARTITIONS = 8
"""Number of partitions in which symbols are divided among trigger workers. Only ownership is stored by it."""

QUOTECACHE_SOURCE = 64
"""Number of the quote cache as a source of audit entries; 0 to 63 are the command partitions."""

SOURCES = frozenset([*range(PARTITIONS), QUOTECACHE_SOURCE])
"""Numbers of all sources that write into the log of record."""


def is_usable(asked_at_ms: int, now_ms: int) -> bool:
    """Whether a quote asked for at `asked_at_ms` may be used now. One from the future comes from a wrong clock."""
    return -CLOCK_STEP_MS_MAX <= now_ms - asked_at_ms < QUOTE_LIFETIME_MS


def is_due(at_ms: int, now_ms: int, ahead_ms_max: int) -> bool:
    """Whether a time has come that was set at most `ahead_ms_max` ahead.

    A time further ahead was set before a clock was set back. It counts as due, because waiting for it would stall the
    process.
    """
    return at_ms <= now_ms or at_ms > now_ms + ahead_ms_max + CLOCK_STEP_MS_MAX


class AuditKind(enum.StrEnum):
    """The elements of the log of record (spec §6), and `marker`: the place of a DUMPLOG in a source's numbering."""

    USER_COMMAND = "userCommand"
    QUOTE_SERVER = "quoteServer"
    ACCOUNT_TRANSACTION = "accountTransaction"
    SYSTEM_EVENT = "systemEvent"
    ERROR_EVENT = "errorEvent"
    DEBUG_EVENT = "debugEvent"
    MARKER = "marker"


class AuditEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One row of the log of record. Fields that do not apply are None.

    `funds_cents`: for an accountTransaction signed, so that a user's entries sum to the available cash (add > 0,
    remove < 0); for a quoteServer the price. `message`: errorMessage or debugMessage; for a marker the id of its dump,
    hexadecimal. `quote_server_time` and `cryptokey`: exactly as the quote server answered.
    """

    kind: AuditKind
    at_ms: Milliseconds
    transaction_number: Positive
    command: CommandName | None = None
    user: ShortUser | None = None
    symbol: ShortSymbol | None = None
    filename: Filename | None = None
    funds_cents: Signed | None = None
    message: LogText | None = None
    quote_server_time: NotNegative | None = None
    cryptokey: Cryptokey | None = None


class AuditMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Entries of one source, numbered `first_number`, `first_number` + 1, … without gaps, from 1 on."""

    version: NotNegative
    source: NotNegative
    first_number: Positive
    entries: Annotated[list[AuditEntry], Meta(min_length=1, max_length=ENTRIES_PER_MESSAGE_MAX)]


PRICE_CENTS_MAX = 499_900
"""Highest price of the legacy quote server (spec §4)."""

PRICE_CENTS_MIN = 101
"""Lowest price of the legacy quote server (spec §4): a BUY by shares that cannot pay it per share needs no quote."""


class PriceRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Request to the quote cache for the price of a symbol. The quote cache broadcasts its answer.

    If a quote is bought for it, the log names this user and transaction number.

    `for_trigger`: the symbol is wanted because a trigger order is armed on it, not because a command needs it.
    `paid_quotes_max`: paid quotes that the user may cause a UTC day (spec §3a); None: no limit.
    """

    version: NotNegative
    symbol: Symbol
    user: UserOrNobody
    transaction_number: Positive
    for_trigger: bool = False
    paid_quotes_max: NotNegative | None = None


class Quote(msgspec.Struct, frozen=True, array_like=True, tag="quote", gc=False):
    """A price, usable by everyone for QUOTE_LIFETIME_MS from `asked_at_ms` (by the quote cache's clock).

    The cause is the command under which the paid request is logged.
    """

    quote_id: Positive
    symbol: Symbol
    price_cents: Positive
    asked_at_ms: Milliseconds
    cause_transaction_number: Positive
    cause_user: UserOrNobody

    def usable(self, now_ms: int) -> bool:
        return is_usable(self.asked_at_ms, now_ms)


class NoQuote(msgspec.Struct, frozen=True, array_like=True, tag="no-quote", gc=False):
    """Answer when all attempts failed: commands that wait for this symbol go on without a quote (spec §4)."""

    symbol: Symbol
    at_ms: Milliseconds
    reason: WhyNot


class QuoteRefused(msgspec.Struct, frozen=True, array_like=True, tag="refused", gc=False):
    """Answer when a user's allowance of paid quotes is used up (spec §3a). Other users send their own requests."""

    symbol: Symbol
    user: UserId
    at_ms: Milliseconds


class PriceMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Broadcast of the quote cache. One without answers announces a new owner, which may not know earlier requests."""

    version: NotNegative
    answers: Annotated[list[Quote | NoQuote | QuoteRefused], Meta(max_length=NEWS_PER_MESSAGE_MAX)]


class TriggerChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """State of a trigger order after a command: armed at `trigger_cents`, or gone or not armed if that is None.

    `version` grows with each change of a user's account; a receiver drops a change that is not newer than its own.
    """

    user: UserId
    symbol: Symbol
    side: Side
    version: NotNegative
    trigger_cents: Positive | None
    reserved_cents: NotNegative
    reserved_shares: NotNegative
    transaction_number: Positive


class TriggerMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    version: NotNegative
    changes: Annotated[list[TriggerChange], Meta(max_length=NEWS_PER_MESSAGE_MAX)]


class Reply(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Outcome of one command for the process that waits for it: the main fields of its history row.

    `newest_order_seq`: the user's newest pending order of that side, if a COMMIT or CANCEL named another one.
    A reply may be lost with a process; the history keeps the outcome under the same command id.
    """

    command_id: CommandId
    user: UserId | None
    seq: Positive
    outcome: Outcome
    reason: Reason | None
    symbol: Symbol | None
    amount_cents: Positive | None
    price_cents: Positive | None
    at_ms: Milliseconds
    newest_order_seq: Positive | None = None


class ReplyMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    version: NotNegative
    replies: Annotated[list[Reply], Meta(max_length=NEWS_PER_MESSAGE_MAX)]


class AccountsChanged(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Users of a partition whose data in the database has changed. A hint, not a record: it may be lost."""

    version: NotNegative
    users: Annotated[list[NewsOfUser], Meta(max_length=NEWS_PER_MESSAGE_MAX)]


def trigger_partition_of(symbol: str) -> int:
    """Trigger partition that a symbol belongs to."""
    return zlib.crc32(symbol.encode()) % TRIGGER_PARTITIONS


def source_name(source: int) -> str:
    """The `server` of a source's entries in the log of record."""
    return "quotecache" if source == QUOTECACHE_SOURCE else f"transactions.{source:02d}"
