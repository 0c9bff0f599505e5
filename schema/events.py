"""What processes tell each other beside commands: audit entries, prices, changes of trigger orders.

Same rules as `commands.py`: arrays in MessagePack, fields only added at the end.
"""

import enum
import zlib

import msgspec

from schema.commands import CommandName
from schema.outcomes import Outcome, Reason, Side

QUOTE_LIFETIME_MS = 60_000
"""A quote may be used for this long from the moment we asked for it (spec §1)."""

CLOCK_STEP_MS_MAX = 2_000
"""How far two of our clocks may be apart, or one be set back, without being taken for wrong."""

ENTRIES_PER_MESSAGE_MAX = 500
"""Audit entries in one message: about 40 kB, far from any limit, and few enough confirms (design §7)."""

TRIGGER_PARTITIONS = 8
"""Number of shares in which symbols are dealt to trigger workers. Nothing is stored by it but ownership."""

QUOTECACHE_SOURCE = 64
"""Number of the quote cache as a source of audit entries; 0 to 63 are the command partitions."""


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
    at_ms: int
    transaction_number: int
    command: CommandName | None = None
    user: str | None = None
    symbol: str | None = None
    filename: str | None = None
    funds_cents: int | None = None
    message: str | None = None
    quote_server_time: int | None = None
    cryptokey: str | None = None


class AuditMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Entries of one source, numbered `first_number`, `first_number` + 1, … without gaps, from 1 on."""

    version: int
    source: int
    first_number: int
    entries: list[AuditEntry]


PRICE_CENTS_MIN = 101
"""The least price that the legacy quote server gives (spec §4): who cannot pay it for each share needs no quote."""


class PriceRequest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Ask the quote cache for a symbol; the answer is broadcast. User and transaction number go into the log of a hit.

    `for_trigger`: the symbol is wanted because a trigger order is armed on it, not because a command needs it.
    `paid_quotes_max`: paid quotes that the user may cause a UTC day (spec §3a); None: no limit.
    """

    version: int
    symbol: str
    user: str
    transaction_number: int
    for_trigger: bool = False
    paid_quotes_max: int | None = None


class Quote(msgspec.Struct, frozen=True, array_like=True, tag="quote", gc=False):
    """A price, usable by everyone for QUOTE_LIFETIME_MS from `asked_at_ms` (our clock).

    The cause is the command that the paid hit is logged under.
    """

    quote_id: int
    symbol: str
    price_cents: int
    asked_at_ms: int
    cause_transaction_number: int
    cause_user: str

    def usable(self, now_ms: int) -> bool:
        return is_usable(self.asked_at_ms, now_ms)


class NoQuote(msgspec.Struct, frozen=True, array_like=True, tag="no-quote", gc=False):
    """All attempts failed: whoever waits for this symbol goes on without (spec §4)."""

    symbol: str
    at_ms: int
    reason: str


class QuoteRefused(msgspec.Struct, frozen=True, array_like=True, tag="refused", gc=False):
    """The user's allowance of paid quotes is used up (spec §3a). Others who wait for this symbol ask for themselves."""

    symbol: str
    user: str
    at_ms: int


NOT_SENT = "not sent"
"""How the reason of a failed request begins where the quote server never saw it, so that it is not paid."""


class PriceMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the quote cache broadcasts. Without answers: it has a new owner, who may not know what was asked before."""

    version: int
    answers: list[Quote | NoQuote | QuoteRefused]


class TriggerChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The state of a trigger order after a command: armed at `trigger_cents`, or, where that is None, not armed.

    `version` grows with each change of a user's account; a receiver drops what is not newer than what it knows.
    """

    user: str
    symbol: str
    side: Side
    version: int
    trigger_cents: int | None
    reserved_cents: int
    reserved_shares: int
    transaction_number: int


class TriggerMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    version: int
    changes: list[TriggerChange]


class Reply(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The outcome of one command, for whoever waits for it: the key fields of its history row.

    `newest_order_seq`: the user's newest pending order of that side, where a COMMIT or CANCEL named another one.
    May be lost with a process; the history has the answer for good, under the same command id.
    """

    command_id: bytes
    user: str | None
    seq: int
    outcome: Outcome
    reason: Reason | None
    symbol: str | None
    amount_cents: int | None
    price_cents: int | None
    at_ms: int
    newest_order_seq: int | None = None


class ReplyMessage(msgspec.Struct, frozen=True, array_like=True, gc=False):
    version: int
    replies: list[Reply]


class AccountsChanged(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Users of a partition for whom something new is in the database. A hint, not a record: it may be lost."""

    version: int
    users: list[str]


def trigger_partition_of(symbol: str) -> int:
    """Which trigger worker's share a symbol is in."""
    return zlib.crc32(symbol.encode()) % TRIGGER_PARTITIONS


def source_name(source: int) -> str:
    """The `server` of a source's entries in the log of record."""
    return "quotecache" if source == QUOTECACHE_SOURCE else f"transactions.{source:02d}"
