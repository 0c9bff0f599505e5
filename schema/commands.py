"""Messages of the partition logs: commands, one struct for all sixteen kinds, in batches (spec §2, §3).

Each message of a partition's stream is a `LogMessage`: commands of users, fills of trigger orders, or the marker of a
DUMPLOG. Structs are arrays in MessagePack: fields are only ever added at the end, with a default.
"""

import enum
import re
import zlib
from typing import Annotated

import msgspec
from msgspec import Meta

from schema.bounds import (
    SYMBOL_PATTERN,
    USER_PATTERN,
    CommandId,
    Filename,
    Milliseconds,
    NotNegative,
    Positive,
    ReplyQueue,
    ShortSymbol,
    ShortUser,
    Symbol,
    UserId,
)
from schema.outcomes import Reason, Side

VERSION = 1
"""Version of every message of the contract. A reader refuses any other version."""

PARTITIONS = 16
"""Number of command logs. It is checked against the database, because a change would move users between logs."""

COMMANDS_PER_MESSAGE_MAX = 400
"""Maximum commands in a message: about 25 kB, at most 2 MB. RabbitMQ works per message, hardly per byte.

It bounds the work per message, and the commands lost with an undecodable one. Readers refuse more: a version that sends
larger messages must first be installed where they are read.
"""

NO_USER = ""
"""Key for commands without a user: a root DUMPLOG (one for all users), and commands whose user is not valid."""

EXPIRY_PREFIX = b"expiry: "

_USER = re.compile(USER_PATTERN)
_SYMBOL = re.compile(SYMBOL_PATTERN)


class CommandName(enum.StrEnum):
    ADD = "ADD"
    QUOTE = "QUOTE"
    BUY = "BUY"
    COMMIT_BUY = "COMMIT_BUY"
    CANCEL_BUY = "CANCEL_BUY"
    SELL = "SELL"
    COMMIT_SELL = "COMMIT_SELL"
    CANCEL_SELL = "CANCEL_SELL"
    SET_BUY_AMOUNT = "SET_BUY_AMOUNT"
    SET_BUY_TRIGGER = "SET_BUY_TRIGGER"
    CANCEL_SET_BUY = "CANCEL_SET_BUY"
    SET_SELL_AMOUNT = "SET_SELL_AMOUNT"
    SET_SELL_TRIGGER = "SET_SELL_TRIGGER"
    CANCEL_SET_SELL = "CANCEL_SET_SELL"
    DISPLAY_SUMMARY = "DISPLAY_SUMMARY"
    DUMPLOG = "DUMPLOG"


class Allowances(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Limits of one person who trades through the site or the API (spec §3a). Commands of workload files have none.

    They travel with the command, so that a replay decides by the limits of that time. `armed_max`: trigger orders of
    the account that may be armed (have a trigger price) at once. `paid_quotes_max`: paid quotes that the person's own
    QUOTE, BUY and SELL may cause per UTC day.
    """

    armed_max: NotNegative
    paid_quotes_max: NotNegative


class Command(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One command. Fields that are absent or not valid are None; `defect` says what is wrong, if anything (spec §2).

    `command_id`: 16 bytes, unique; the same id published twice has its effect once. `amount_cents` is the trigger price
    in SET_*_TRIGGER, and an amount of money elsewhere. Only the site and the API set the last three fields (spec §3a):
    `shares` is what a BUY or SELL names instead of an amount; `order_seq` is the pending order that a COMMIT or CANCEL
    names, by the history seq of its BUY or SELL.
    """

    command_id: CommandId
    transaction_number: Positive
    name: CommandName
    user: ShortUser | None = None
    symbol: ShortSymbol | None = None
    amount_cents: Positive | None = None
    filename: Filename | None = None
    defect: Reason | None = None
    shares: Positive | None = None
    order_seq: Positive | None = None
    allowances: Allowances | None = None

    @property
    def key(self) -> str:
        """Key of the order: commands with the same key run one after another. Those without a user share NO_USER."""
        return self.user or NO_USER


class Fill(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Instruction of a trigger worker to the owner of an account: execute this trigger order at this quote.

    `version` is that of the trigger order that the worker matched. If the trigger order has changed since, the fill is
    void (spec §3, fires once).
    """

    command_id: CommandId
    user: UserId
    symbol: Symbol
    side: Side
    version: NotNegative
    price_cents: Positive
    quote_id: NotNegative
    asked_at_ms: Milliseconds


class CommandBatch(msgspec.Struct, frozen=True, array_like=True, tag="commands", gc=False):
    """Commands of one partition. `reply_to`: the queue that gets their outcomes, if a process waits for them."""

    version: NotNegative
    published_at_ms: Milliseconds
    commands: Annotated[list[Command], Meta(max_length=COMMANDS_PER_MESSAGE_MAX)]
    reply_to: ReplyQueue | None = None


class FillBatch(msgspec.Struct, frozen=True, array_like=True, tag="fills", gc=False):
    version: NotNegative
    published_at_ms: Milliseconds
    fills: Annotated[list[Fill], Meta(max_length=COMMANDS_PER_MESSAGE_MAX)]


class DumpMarker(msgspec.Struct, frozen=True, array_like=True, tag="marker", gc=False):
    """Marker of a root DUMPLOG. Its publisher adds one to each partition's stream, behind all its earlier commands.

    The partition of NO_USER executes `command`; every partition passes the marker on to the audit log. The command's id
    is the id of the dump. `asked_by`: the person who gave the DUMPLOG, if any; the dump includes nothing that this
    person does afterwards.
    """

    version: NotNegative
    published_at_ms: Milliseconds
    command: Command
    asked_by: UserId | None = None


LogMessage = CommandBatch | FillBatch | DumpMarker


def partition_of(user: str) -> int:
    """Partition whose log holds all of a user's commands, and so determines their order."""
    return zlib.crc32(user.encode()) % PARTITIONS


def command_id(source: int, number: int) -> bytes:
    """Id of a publisher's n-th command: 8 bytes of `source`, the publisher's own number, then 8 bytes of n.

    So the ids of one publisher sort in the order of its commands.
    """
    return source.to_bytes(8, "big") + number.to_bytes(8, "big")


def expiry_id(seq: int) -> bytes:
    """Id of the expiry of a user's pending order. No command may be published with such an id."""
    return EXPIRY_PREFIX + seq.to_bytes(8, "big")


def is_user(text: str) -> bool:
    """Whether a text is 1 to 64 of A-Z a-z 0-9 _ . @ - (spec §1)."""
    return _USER.fullmatch(text) is not None


def is_symbol(text: str) -> bool:
    """Whether a text is 1 to 3 capital letters (spec §1). `schema.arguments` first turns lower case into upper case."""
    return _SYMBOL.fullmatch(text) is not None
