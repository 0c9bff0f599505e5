"""What processes tell each other beside commands: audit entries, prices, changes of trigger orders.

Same rules as `commands.py`: arrays in MessagePack, fields only added at the end.
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
"""A quote may be used for this long from the moment we asked for it (spec §1)."""

CLOCK_STEP_MS_MAX = 2_000
"""How far two of our clocks may be apart, or one be set back, without being taken for wrong."""

ENTRIES_PER_MESSAGE_MAX = 500
"""Audit entries in one message: about 40 kB, far from any limit, and few enough confirms (design §7)."""

NEWS_PER_MESSAGE_MAX = 5_000
"""Prices, changes of trigger orders, replies, or users with news in one message. A batch seldom has as many; whoever
has more makes more messages."""

TRIGGER_PARTITIONS = 8
"""Number of shares in which symbols are dealt to trigger workers. Nothing is stored by it but ownership."""

QUOTECACHE_SOURCE = 64
"""Number of the quote cache as a source of audit entries; 0 to 63 are the command partitions."""

SOURCES = frozenset([*range(PARTITIONS), QUOTECACHE_SOURCE])
"""All that write into the log of record."""


def is_usable(asked_at_ms: int, now_ms: int) -> bool:
    """Whether a quote that was asked for then may be used now; one from the future is somebody's wrong clock."""
    return -CLOCK_STEP_MS_MAX <= now_ms - asked_at_ms < QUOTE_LIFETIME_MS


def is_due(at_ms: int, now_ms: int, ahead_ms_max: int) -> bool:
    """Whether a time has come that was set at most so far ahead. One that is further ahead than that was set before a
    clock was set back: to wait for it would be to stand still for as long.
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
    """One row of the log of record. What does not apply is None.

    `funds_cents`: of an accountTransaction signed, so that a user's entries sum to the available cash (add > 0,
    remove < 0); of a quoteServer its price. `message`: errorMessage or debugMessage; of a marker the id of its dump,
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


PRICE_CENTS_MIN = 101
"""The least price that the legacy quote server gives (spec §4): who cannot pay it for each share needs no quote."""


class PriceRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Ask the quote cache for a symbol; the answer is broadcast. User and transaction number go into the log of a hit.

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
    """A price, usable by everyone for QUOTE_LIFETIME_MS from `asked_at_ms` (our clock).

    The cause is the command that the paid hit is logged under.
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
    """All attempts failed: whoever waits for this symbol goes on without (spec §4)."""

    symbol: Symbol
    at_ms: Milliseconds
    reason: WhyNot


class QuoteRefused(msgspec.Struct, frozen=True, array_like=True, tag="refused", gc=False):
    """The user's allowance of paid quotes is used up (spec §3a). Others who wait for this symbol ask for themselves."""

    symbol: Symbol
    user: UserId
    at_ms: Milliseconds


class PriceMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the quote cache broadcasts. Without answers: it has a new owner, who may not know what was asked before."""

    version: NotNegative
    answers: Annotated[list[Quote | NoQuote | QuoteRefused], Meta(max_length=NEWS_PER_MESSAGE_MAX)]


class TriggerChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The state of a trigger order after a command: armed at `trigger_cents`, or, where that is None, not armed.

    `version` grows with each change of a user's account; a receiver drops what is not newer than what it knows.
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
    """The outcome of one command, for whoever waits for it: the key fields of its history row.

    `newest_order_seq`: the user's newest pending order of that side, where a COMMIT or CANCEL named another one.
    May be lost with a process; the history has the answer for good, under the same command id.
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
    """Users of a partition for whom something new is in the database. A hint, not a record: it may be lost."""

    version: NotNegative
    users: Annotated[list[NewsOfUser], Meta(max_length=NEWS_PER_MESSAGE_MAX)]


def trigger_partition_of(symbol: str) -> int:
    """Which trigger worker's share a symbol is in."""
    return zlib.crc32(symbol.encode()) % TRIGGER_PARTITIONS


def source_name(source: int) -> str:
    """The `server` of a source's entries in the log of record."""
    return "quotecache" if source == QUOTECACHE_SOURCE else f"transactions.{source:02d}"
